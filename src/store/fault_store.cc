#include "store/fault_store.h"

#include <utility>

namespace jobflow::store {

FaultStore::FaultStore(std::unique_ptr<Store> inner, FaultScript script)
    : script_(std::move(script)), inner_(std::move(inner)) {}

FaultStore::~FaultStore() {
  inner_.reset();
  release_reads();
}

void FaultStore::set(FaultScript script) {
  const std::scoped_lock lock(mutex_);
  script_ = std::move(script);
}

std::vector<CommitResult> FaultStore::late_answers() const {
  const std::scoped_lock lock(mutex_);
  return late_answers_;
}

CommitFault FaultStore::fault_of(const Batch& batch) {
  const std::scoped_lock lock(mutex_);
  return script_.commit ? script_.commit(batch) : CommitFault::none;
}

bool FaultStore::refuses(const Batch& batch) {
  const std::scoped_lock lock(mutex_);
  if (!script_.refuses) {
    return false;
  }
  for (const ShardPart& part : batch.parts) {
    for (const Change& change : part.changes) {
      if (script_.refuses(change)) {
        return true;
      }
    }
  }
  return false;
}

ReadFault FaultStore::read_fault() {
  const std::scoped_lock lock(mutex_);
  return script_.read ? script_.read() : ReadFault::none;
}

void FaultStore::commit(std::shared_ptr<const Batch> batch, Callback<CommitAnswer> done) {
  std::shared_ptr<const Batch> late;
  {
    const std::scoped_lock lock(mutex_);
    late = std::exchange(late_, nullptr);
  }
  const auto pass = [&](std::function<CommitAnswer(CommitAnswer)> change) {
    inner_->commit(batch, [this, late, done, change](CommitAnswer answer) {
      done(change(std::move(answer)));
      after_commit(late);
    });
  };
  const auto stop = [&](CommitResult result, const char* why) {
    done({result, why});
    after_commit(late);
  };
  if (refuses(*batch)) {
    return stop(CommitResult::refused, "fault: this row is refused");
  }
  switch (fault_of(*batch)) {
    case CommitFault::none:
      return pass([](CommitAnswer answer) { return answer; });
    case CommitFault::answer_lost:
      return pass([](CommitAnswer) {
        return CommitAnswer{CommitResult::retry, "fault: the answer was lost"};
      });
    case CommitFault::lost:
      return stop(CommitResult::retry, "fault: the batch was lost");
    case CommitFault::lands_late: {
      {
        const std::scoped_lock lock(mutex_);
        late_ = batch;
      }
      return stop(CommitResult::retry, "fault: the batch is late");
    }
    case CommitFault::unavailable:
      return stop(CommitResult::unavailable, "fault: the store is away");
    case CommitFault::fenced:
      return stop(CommitResult::fenced, "fault: another term took over");
    case CommitFault::history_changed:
      return stop(CommitResult::history_changed, "fault: history changed");
  }
}

void FaultStore::after_commit(std::shared_ptr<const Batch> late) {
  release_reads();
  if (late) {
    inner_->commit(std::move(late), [this](CommitAnswer answer) {
      const std::scoped_lock lock(mutex_);
      late_answers_.push_back(answer.result);
    });
  }
}

void FaultStore::release_reads() {
  std::vector<std::function<void()>> answers;
  {
    const std::scoped_lock lock(mutex_);
    answers.swap(held_answers_);
  }
  for (const auto& answer : answers) {
    answer();
  }
}

template <class T>
Callback<Outcome<T>> FaultStore::through(Callback<Outcome<T>> done) {
  switch (read_fault()) {
    case ReadFault::none:
      return done;
    case ReadFault::fails:
      return [done = std::move(done)](const Outcome<T>&) {
        done(Problem{ProblemCode::unavailable, "fault: the read failed"});
      };
    case ReadFault::stale:
      return [this, done = std::move(done)](Outcome<T> outcome) {
        std::function<void()> holds_read;
        {
          const std::scoped_lock lock(mutex_);
          held_answers_.push_back([done, outcome = std::move(outcome)] { done(outcome); });
          holds_read = script_.holds_read;
        }
        if (holds_read) {
          holds_read();
        }
      };
  }
  return done;
}

void FaultStore::join(JoinRequest request, Callback<Outcome<Ticket>> done) {
  inner_->join(std::move(request), std::move(done));
}
void FaultStore::read_cluster(Callback<Outcome<ClusterImage>> done) {
  inner_->read_cluster(through(std::move(done)));
}
void FaultStore::trim(TrimLimits limits, Callback<Outcome<int>> done) {
  inner_->trim(limits, std::move(done));
}
void FaultStore::save_token(TokenRow token, Callback<Outcome<Done>> done) {
  inner_->save_token(std::move(token), std::move(done));
}
void FaultStore::save_calendar(CalendarRow row, Callback<Outcome<Done>> done) {
  inner_->save_calendar(std::move(row), std::move(done));
}
void FaultStore::load_shard(std::int64_t member,
                            ShardNumber shard,
                            Callback<Outcome<ShardImage>> done) {
  inner_->load_shard(member, shard, through(std::move(done)));
}
void FaultStore::read_for_command(std::int64_t member,
                                  CommandReads reads,
                                  Callback<Outcome<CommandRows>> done) {
  inner_->read_for_command(member, std::move(reads), through(std::move(done)));
}
void FaultStore::read_run(Id run, Callback<Outcome<std::optional<RunAt>>> done) {
  inner_->read_run(run, through(std::move(done)));
}
void FaultStore::list_runs(RunFilter filter, Callback<Outcome<std::vector<RunRow>>> done) {
  inner_->list_runs(std::move(filter), through(std::move(done)));
}
void FaultStore::list_attempts(Id run, Callback<Outcome<std::vector<AttemptRow>>> done) {
  inner_->list_attempts(run, through(std::move(done)));
}
void FaultStore::list_definitions(DefinitionFilter filter,
                                  Callback<Outcome<std::vector<DefinitionRow>>> done) {
  inner_->list_definitions(std::move(filter), through(std::move(done)));
}
void FaultStore::list_triggers(Id definition, Callback<Outcome<std::vector<TriggerRow>>> done) {
  inner_->list_triggers(definition, through(std::move(done)));
}
void FaultStore::list_firings(FiringFilter filter, Callback<Outcome<Firings>> done) {
  inner_->list_firings(filter, through(std::move(done)));
}
void FaultStore::list_backfills(BackfillFilter filter,
                                Callback<Outcome<std::vector<BackfillRow>>> done) {
  inner_->list_backfills(filter, through(std::move(done)));
}
void FaultStore::read_journal(ShardNumber source,
                              std::int64_t from,
                              int rows,
                              Callback<Outcome<std::vector<JournalPart>>> done) {
  inner_->read_journal(source, from, rows, through(std::move(done)));
}
void FaultStore::list_tokens(Callback<Outcome<std::vector<TokenRow>>> done) {
  inner_->list_tokens(through(std::move(done)));
}
void FaultStore::list_permits(PermitFilter filter, Callback<Outcome<PermitUse>> done) {
  inner_->list_permits(std::move(filter), through(std::move(done)));
}
void FaultStore::list_calendars(CalendarFilter filter,
                                Callback<Outcome<std::vector<CalendarRow>>> done) {
  inner_->list_calendars(std::move(filter), through(std::move(done)));
}

}  // namespace jobflow::store
