// The cellar's door: what the server asks of a database, in the domain's verbs.
//
// Two writers, so that logs never hold up state: Store (state) and LogStore (store/log_store.h).
// Every verb is asynchronous. Its callback runs once, on any thread, and must only post. Verbs may
// be called from any thread. Destruction ends what is under way; its callbacks run before that.
//
// commit() is idempotent by (member, term, number): sending the same batch again lands it at most
// once (I1b). Whatever failed inside has been rolled back before the answer (I1a).
#pragma once

#include "model/cluster.h"
#include "model/image.h"
#include "model/limits.h"
#include "model/outcome.h"
#include "model/rows.h"
#include "store/batch.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobflow::store {

template <class T>
using Callback = std::function<void(T)>;

// The answers of house 3b.
enum class CommitResult : unsigned char {
  landed,           // durable; also when an earlier sending of this number had landed
  retry,            // rolled back or unknown: send the same batch again
  refused,          // rolled back: a row in it can never be written
  unavailable,      // full, read-only or away: back off, then the same batch again
  fenced,           // another term owns this member's row: stop
  history_changed,  // the store lost or gained history: drop memory, take a new term
  old_generation,   // rolled back: another member has found that out meanwhile: do the same
  not_as_seen,      // rolled back: the placement in it no longer fits; look again
};
std::string_view to_string(CommitResult result);

struct CommitAnswer {
  CommitResult result = CommitResult::landed;
  std::string detail;  // for the log: what the database said
};

// A member's right to write: its row's id, term and last batch number.
struct Ticket {
  std::int64_t member = 0;
  std::int64_t term = 0;
  std::int64_t batch = 0;
};
struct JoinRequest {
  std::string name;     // of the member
  bool alone = true;    // owns all shards from now on, each in a new epoch (S12.1 solo)
  std::string address;  // where other members reach it
};

// Filters and pages of lists. Newest first. `before` is exclusive; unset = from the newest.
struct RunFilter {
  std::optional<Id> definition;
  std::optional<std::string> name_space;  // not with `definition` or `parent`, which have one
  std::optional<Id> parent;               // steps of this workflow run
  std::vector<RunState> states;           // empty = all
  bool with_steps = false;                // steps are listed only with this or `parent`
  Id before;
  int limit = 50;
};
struct DefinitionFilter {
  std::optional<DefinitionKind> kind;
  std::optional<std::string> name_space;
  std::optional<std::string> name;  // exact
  std::optional<Id> id;
  int revision = 0;  // with `id`: this revision; 0 = the current one
  bool with_deleted = false;
  Id after;  // by id, ascending
  int limit = 50;
};
// A trigger's ledger (S4.8). Each bound is exclusive; unset = from the newest.
struct FiringFilter {
  Id trigger;
  Id runs_before;
  Instant skipped_before = kNever;
  int limit = 50;  // of each
};
struct FiredRow {
  Id run;
  Instant planned;
  Id occasion;
  RunState state = RunState::queued;
  bool backfilled = false;  // `occasion` is a backfill
  bool operator==(const FiredRow&) const = default;
};
struct Firings {
  std::vector<FiredRow> ran;              // newest run first
  std::vector<SkippedFiringRow> skipped;  // newest first, by their beginning
};
// Newest first. `before` is exclusive; unset = from the newest.
struct BackfillFilter {
  std::optional<Id> id;
  std::optional<Id> trigger;
  bool going_on = false;  // only those that are not over
  Id before;
  int limit = 50;
};
// Of one semaphore, at its home. At most `limit` rows: those that hold one first, then by the time
// they asked.
struct PermitFilter {
  ShardNumber shard = 0;
  std::string name_space, semaphore;
  int limit = 50;
};
struct PermitUse {
  std::int64_t held = 0, waiting = 0;
  std::vector<PermitRow> rows;
};
// The newest so many revisions of each, deleted ones too; in the order of their numbers.
struct CalendarFilter {
  std::optional<std::string> name_space;
  std::optional<std::string> name;
  int newest = 1;
  int revision = 0;           // only this one, however old
  std::int64_t after = 0;     // numbers above it only: what has changed since
  bool with_document = true;  // else it is empty
  int limit = 1000;
};
// A run together with the journal number of its shard in the same snapshot (S9.2).
struct RunAt {
  RunRow row;
  std::int64_t as_of = 0;  // the last journal number of the run's shard that this row reflects
};
struct TrimLimits {
  Instant journal_before;
  Instant keys_expired_at;  // now: commands go when they are kCommandsKept old
  int rows = 1000;          // at most that many of each a call
  // Older journal rows go as well when the process has written more than that (S9.1).
  std::int64_t journal_bytes = limits::kJournalBytes;
};

// Commands with smaller ids go.
Id commands_kept_from(const TrimLimits& limits);

// What save_calendar() says of a revision that is not the next.
Problem calendar_mismatch();

// What the store says of itself; fixed while it is open.
struct StoreFacts {
  std::string kind;        // "sqlite", "memory"
  std::string cluster_id;  // made when the store was created
  int shard_count = kShardsDefault;
  int schema_version = 0;
  std::vector<std::string> voided_promises;  // which promise of S1 its settings void
};

class Store {
 public:
  virtual ~Store() = default;

  virtual const StoreFacts& facts() const = 0;
  // Rows this handle has written since it was opened, runs, journal and member rows alike; any
  // thread. A test counts them (house 3.5).
  virtual std::int64_t rows_written() const { return 0; }

  // --- the state writer
  // Takes a new term for the member, revoking an earlier process of that name.
  virtual void join(JoinRequest request, Callback<Outcome<Ticket>> done) = 0;
  virtual void commit(std::shared_ptr<const Batch> batch, Callback<CommitAnswer> done) = 0;
  // Deletes what is past its time, a bounded piece a call; answers how many rows went.
  virtual void trim(TrimLimits limits, Callback<Outcome<int>> done) = 0;
  virtual void save_token(TokenRow token, Callback<Outcome<Done>> done) = 0;
  // The next revision of a calendar, or its deletion; `revision_mismatch` unless the row's is the
  // one after the current. Its number is the store's to give, greater than all that have landed.
  virtual void save_calendar(CalendarRow row, Callback<Outcome<Done>> done) = 0;

  // --- reads, each in one snapshot, on read connections
  virtual void read_cluster(Callback<Outcome<ClusterImage>> done) = 0;
  virtual void load_shard(std::int64_t member,
                          ShardNumber shard,
                          Callback<Outcome<ShardImage>> done) = 0;
  virtual void read_for_command(std::int64_t member,
                                CommandReads reads,
                                Callback<Outcome<CommandRows>> done) = 0;
  virtual void read_run(Id run, Callback<Outcome<std::optional<RunAt>>> done) = 0;
  virtual void list_runs(RunFilter filter, Callback<Outcome<std::vector<RunRow>>> done) = 0;
  virtual void list_attempts(Id run, Callback<Outcome<std::vector<AttemptRow>>> done) = 0;
  virtual void list_definitions(DefinitionFilter filter,
                                Callback<Outcome<std::vector<DefinitionRow>>> done) = 0;
  virtual void list_triggers(Id definition, Callback<Outcome<std::vector<TriggerRow>>> done) = 0;
  virtual void list_firings(FiringFilter filter, Callback<Outcome<Firings>> done) = 0;
  virtual void list_backfills(BackfillFilter filter,
                              Callback<Outcome<std::vector<BackfillRow>>> done) = 0;
  // Journal rows of `source` that hold numbers >= `from`, at most `rows` of them, in order.
  virtual void read_journal(ShardNumber source,
                            std::int64_t from,
                            int rows,
                            Callback<Outcome<std::vector<JournalPart>>> done) = 0;
  virtual void list_tokens(Callback<Outcome<std::vector<TokenRow>>> done) = 0;
  // Who holds permits of a semaphore, and who waits for one (S3.5).
  virtual void list_permits(PermitFilter filter, Callback<Outcome<PermitUse>> done) = 0;
  virtual void list_calendars(CalendarFilter filter,
                              Callback<Outcome<std::vector<CalendarRow>>> done) = 0;
};

}  // namespace jobflow::store
