// Blocking calls on a store, and a member that writes correct batches, for tests and benches.
#pragma once

#include "store/log_store.h"
#include "store/store.h"

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::store::testing {

// Waits for the one answer of an asynchronous verb.
template <class Answer, class Verb>
Answer await(const Verb& verb) {
  std::promise<Answer> promise;
  verb([&](Answer answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

// The verbs of a store as calls that wait; problems are thrown as std::runtime_error.
class Desk {
 public:
  explicit Desk(Store& store) : store_(store) {}

  Ticket join(JoinRequest request);
  ClusterImage read_cluster();
  CommitAnswer commit(std::shared_ptr<const Batch> batch);
  int trim(TrimLimits limits);
  Outcome<Done> save_token(TokenRow token);
  Outcome<Done> save_calendar(CalendarRow row);
  std::vector<CalendarRow> list_calendars(CalendarFilter filter);
  ShardImage load_shard(std::int64_t member, ShardNumber shard);
  CommandRows read_for_command(std::int64_t member, CommandReads reads);
  std::optional<RunAt> read_run(Id run);
  RunAt run_at(Id run);  // one that must be there
  std::vector<RunRow> list_runs(RunFilter filter);
  std::vector<AttemptRow> list_attempts(Id run);
  std::vector<DefinitionRow> list_definitions(DefinitionFilter filter);
  std::vector<TriggerRow> list_triggers(Id definition);
  Firings list_firings(FiringFilter filter);
  std::vector<BackfillRow> list_backfills(BackfillFilter filter);
  PermitUse list_permits(PermitFilter filter);
  std::vector<JournalPart> read_journal(ShardNumber source, std::int64_t from, int rows);
  std::vector<TokenRow> list_tokens();

 private:
  Store& store_;
};

std::vector<Id> ids_of(const std::vector<RunRow>& runs);

// A member that keeps the numbers of its batches and journals.
class Writer {
 public:
  // Alone, it owns every shard.
  explicit Writer(Store& store, const std::string& name = "solo");
  // One of several, it claims a shard that is nobody's.
  Writer(Store& store, const std::string& name, ShardNumber shard);

  const Ticket& ticket() const { return ticket_; }
  Id new_id(ShardNumber shard, Instant now = {});
  // The next batch: each change goes to the shard of its subject, with an event a run change.
  std::shared_ptr<const Batch> batch(std::vector<Change> changes, Instant time = {1'000});
  // Sends it and, when it landed, moves the numbers on.
  CommitAnswer send(const std::shared_ptr<const Batch>& batch);
  CommitAnswer commit(std::vector<Change> changes, Instant time = {1'000}) {
    return send(batch(std::move(changes), time));
  }
  // What it believes it wrote last.
  std::int64_t next_event(ShardNumber shard) { return shards_[shard].next_event; }
  Id last_id(ShardNumber shard) { return shards_[shard].last_id; }
  // Reads the numbers of a shard from the store.
  void load(ShardNumber shard);

 private:
  struct Shard {
    Id last_id;
    std::int64_t next_event = 1;
    std::int64_t epoch = 1;
  };
  Store& store_;
  Ticket ticket_;
  std::map<ShardNumber, Shard> shards_;
};

// Rows that every store accepts; tests change what they are about.
RunRow job_run(Id id, Id definition, RunState state = RunState::queued);
RunRow workflow_run(Id id, Id definition, RunState state = RunState::running);
RunRow step_run(Id id, const RunRow& parent, std::string step, RunState state = RunState::pending);
// The progress of a run in a state, with what that state needs.
RunProgress progress_in(RunState state, Id token);
DefinitionRow job_definition(Id id, std::string name, int revision = 1);
TriggerRow cron_trigger(Id id, Id definition, std::string name, Instant next_due);

}  // namespace jobflow::store::testing
