// A store around another store that goes wrong on purpose, as a script says: for tests and the
// simulation. Thread-safe as the store inside; the script's functions are called one at a time.
#pragma once

#include "store/store.h"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace jobflow::store {

enum class CommitFault : unsigned char {
  none,
  lost,            // never arrives: answers `retry`
  answer_lost,     // lands, but answers `retry`
  lands_late,      // answers `retry`; arrives after the next sending has been answered
  unavailable,     // never arrives: answers `unavailable`
  fenced,          // never arrives: answers `fenced`
  history_changed  // never arrives: answers `history_changed`
};

enum class ReadFault : unsigned char {
  none,
  fails,  // a problem: unavailable
  stale,  // read now, answered after the next commit was
};

struct FaultScript {
  std::function<CommitFault(const Batch&)> commit = {};  // asked for each sending
  std::function<ReadFault()> read = {};                  // asked for each read
  std::function<void()> holds_read = {};                 // told of each stale read that now waits
  // A batch that holds such a change is refused with nothing written.
  std::function<bool(const Change&)> refuses = {};
};

class FaultStore final : public Store {
 public:
  FaultStore(std::unique_ptr<Store> inner, FaultScript script);
  ~FaultStore() override;

  void set(FaultScript script);
  // Answers the stale reads that wait.
  void release_reads();
  // What the sendings that arrived late were answered.
  std::vector<CommitResult> late_answers() const;

  const StoreFacts& facts() const override { return inner_->facts(); }
  std::int64_t rows_written() const override { return inner_->rows_written(); }
  void join(JoinRequest request, Callback<Outcome<Ticket>> done) override;
  void commit(std::shared_ptr<const Batch> batch, Callback<CommitAnswer> done) override;
  void trim(TrimLimits limits, Callback<Outcome<int>> done) override;
  void save_token(TokenRow token, Callback<Outcome<Done>> done) override;
  void save_calendar(CalendarRow row, Callback<Outcome<Done>> done) override;
  void read_cluster(Callback<Outcome<ClusterImage>> done) override;
  void load_shard(std::int64_t member,
                  ShardNumber shard,
                  Callback<Outcome<ShardImage>> done) override;
  void read_for_command(std::int64_t member,
                        CommandReads reads,
                        Callback<Outcome<CommandRows>> done) override;
  void read_run(Id run, Callback<Outcome<std::optional<RunAt>>> done) override;
  void list_runs(RunFilter filter, Callback<Outcome<std::vector<RunRow>>> done) override;
  void list_attempts(Id run, Callback<Outcome<std::vector<AttemptRow>>> done) override;
  void list_definitions(DefinitionFilter filter,
                        Callback<Outcome<std::vector<DefinitionRow>>> done) override;
  void list_triggers(Id definition, Callback<Outcome<std::vector<TriggerRow>>> done) override;
  void list_firings(FiringFilter filter, Callback<Outcome<Firings>> done) override;
  void read_journal(ShardNumber source,
                    std::int64_t from,
                    int rows,
                    Callback<Outcome<std::vector<JournalPart>>> done) override;
  void list_tokens(Callback<Outcome<std::vector<TokenRow>>> done) override;
  void list_backfills(BackfillFilter filter,
                      Callback<Outcome<std::vector<BackfillRow>>> done) override;
  void list_permits(PermitFilter filter, Callback<Outcome<PermitUse>> done) override;
  void list_calendars(CalendarFilter filter,
                      Callback<Outcome<std::vector<CalendarRow>>> done) override;

 private:
  CommitFault fault_of(const Batch& batch);
  bool refuses(const Batch& batch);
  ReadFault read_fault();
  // After each answered commit: what was late arrives, what was held is answered.
  void after_commit(std::shared_ptr<const Batch> late);
  template <class T>
  Callback<Outcome<T>> through(Callback<Outcome<T>> done);

  mutable std::mutex mutex_;
  FaultScript script_;                               // guarded by mutex_
  std::shared_ptr<const Batch> late_;                // guarded by mutex_
  std::vector<CommitResult> late_answers_;           // guarded by mutex_
  std::vector<std::function<void()>> held_answers_;  // guarded by mutex_
  // Last: its callbacks end before the rest goes.
  std::unique_ptr<Store> inner_;
};

}  // namespace jobflow::store
