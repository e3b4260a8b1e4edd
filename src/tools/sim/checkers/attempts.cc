// S1.2, S1.3, S6.6, S6.7 and I3: what the bodies witnessed, the tokens, and what the rows say
// agree.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <set>

namespace jobflow::sim {
namespace {

class Attempts final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    at_ = now.at;
    if (const auto* insert = std::get_if<InsertRun>(&change)) {
      moved(nullptr, insert->row, insert->row.progress, now);
      ousts(insert->row, now);
    } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
      if (const RunRow* row = now.run(update->run)) {
        moved(row, *row, update->progress, now);
      }
    } else if (const auto* attempt = std::get_if<InsertAttempt>(&change)) {
      if (attempt->row.state == AttemptState::lost) {
        lost(attempt->row.run, attempt->row.token, attempt->row.incarnation);
      }
    }
  }

  void record(const Record& record, const Durable& now) override {
    if (record.did == Did::body_began) {
      began(record, now);
    } else if (record.did == Did::body_ended) {
      ends_[record.token] = record.text;
    } else if (record.did == Did::worker_told) {
      told(record);
    } else if (record.did == Did::delivered) {
      delivered(*record.request, now);
    } else if (record.did == Did::worker_began) {
      heard_[record.number] = {};
    } else if (record.did == Did::worker_ended) {
      heard_.erase(record.number);
    } else if (record.did == Did::heard_worker) {
      heard(record);
    } else if (record.did == Did::joined) {
      processes_[record.who] = {record.other, record.number};
      terms_[record.other] = record.number;
    } else if (record.batch != nullptr && record.batch->placement) {
      for (const Placement::Revoked& revoked : record.batch->placement->revoked) {
        terms_[revoked.member] = std::max(terms_[revoked.member], revoked.term + 1);
      }
    }
  }

 private:
  struct Heard {
    Micros since = -1;  // without a gap
    Micros last = -1;
    bool is_leaving = false;
  };
  // Beats come every second; a worker heard that often is not silent for a lease (S6.6).
  static constexpr Micros kGap = 1'500'000;
  // An owner that has not heard for longer what another member hears judges nobody's silence.
  static constexpr Micros kNews = 2'000'000;

  void heard(const Record& record) {
    const auto worker = heard_.find(record.number);
    if (worker != heard_.end() && record.from_worker->leaving) {
      worker->second.is_leaving = true;  // whoever hears it tells the others
    }
    const auto [member, term] = processes_[record.who];
    if (worker == heard_.end() || term < terms_[member]) {
      return;  // what a process hears whose term is over, its cluster does not
    }
    Heard& one = worker->second;
    if (one.last < 0 || record.at - one.last > kGap) {
      one.since = record.at;
    }
    one.last = record.at;
  }

  // `row`: as it will be but for its progress; `before`: null when it is new.
  void moved(const RunRow* before, const RunRow& row, const RunProgress& to, const Durable& now) {
    if (row.kind == RunKind::workflow) {
      revived(before, row, to);
      return;
    }
    if (to.token.is_set() && (before == nullptr || before->progress.token != to.token)) {
      Id& newest = newest_token_[row.definition];
      if (to.token <= newest) {
        violated(fmt::format("run {} gets token {}, which is not above {} (S1.3)",
                             to_string(row.id), to_string(to.token), to_string(newest)),
                 {row.id, to.token});
      }
      newest = std::max(newest, to.token);
      given_[to.token] = {row.id, at_};
    }
    revived(before, row, to);
    if (is_final(to.state) && (before == nullptr || !is_final(before->progress.state))) {
      ended(row, to, now);
    }
  }

  // A finished run stays as it is, unless a person retries it (S6.7).
  void revived(const RunRow* before, const RunRow& row, const RunProgress& to) {
    if (before == nullptr || !is_final(before->progress.state) || before->progress == to) {
      return;
    }
    if (is_final(to.state)) {
      violated(fmt::format("run {} was {} and becomes {} (I3)", to_string(row.id),
                           to_string(before->progress.state), to_string(to.state)),
               {row.id});
      return;
    }
    const int times = ++revivals_[row.id];
    if (times > retries_[row.id]) {
      violated(fmt::format("run {} was {} and is started again by nobody (S6.7)", to_string(row.id),
                           to_string(before->progress.state)),
               {row.id});
    }
  }

  void ended(const RunRow& row, const RunProgress& to, const Durable& now) {
    const auto end = ends_.find(to.token);
    const std::string how = end == ends_.end() ? "has not ended" : "ended: " + end->second;
    const bool is_true = to.state == RunState::succeeded ? how == "ended: succeeded"
                         : to.state == RunState::failed && to.error_kind == "handler"
                             ? how == "ended: failed"
                             : true;
    if (!is_true) {
      violated(fmt::format("run {} is {} by token {}, whose body {} (I3)", to_string(row.id),
                           to_string(to.state), to_string(to.token), how),
               {row.id, to.token});
    }
    if (to.state == RunState::succeeded &&
        to.result.find(to_string(to.token)) == std::string::npos) {
      violated(fmt::format("run {} has the result of another attempt (I3)", to_string(row.id)),
               {row.id, to.token});
    }
    if (to.state == RunState::failed && to.error_kind == "lost") {
      lost(row.id, to.token, to.incarnation);
    }
    const auto backfill = row.backfilled ? now.backfills.find(row.occasion) : now.backfills.end();
    if (backfill != now.backfills.end() &&
        backfill->second.progress.state == BackfillState::cancelling) {
      return;  // with all that is live of it
    }
    if (to.state == RunState::cancelled && row.kind == RunKind::job && !cancels_.contains(row.id) &&
        ousted_before_[row.definition] < row.id && !is_called_off(row, to, now) &&
        !deleted_.contains(now.definitions.at(row.definition).name)) {
      violated(fmt::format("run {} is cancelled and nobody asked for it", to_string(row.id)),
               {row.id});
    }
  }

  // S6.4: a firing of what was disabled before its jitter was over.
  bool is_called_off(const RunRow& row, const RunProgress& to, const Durable& now) {
    if (to.attempt > 0 || row.backfilled || !row.trigger.is_set()) {
      return false;
    }
    const DefinitionRow& owner = now.definitions.at(row.definition);
    const auto trigger = now.triggers.find(row.trigger);
    const TriggerSpec* spec =
        trigger == now.triggers.end()  // gone by the same edit, perhaps (seed 4017413)
            ? nullptr
            : library_.revision(now, owner.id, owner.revision).find_trigger(trigger->second.name);
    return !owner.enabled || (spec != nullptr && !spec->enabled);
  }

  // S6.6: nobody is lost who was heard all the time.
  void lost(Id run, Id token, Id incarnation) {
    const auto worker = heard_.find(incarnation.value);
    const auto given = given_.find(token);
    if (worker == heard_.end() || given == given_.end() || worker->second.is_leaving) {
      return;
    }
    const Heard& one = worker->second;
    if (one.since >= 0 && one.since < given->second.at && at_ - one.last < kGap &&
        at_ - one.since > kNews) {
      violated(fmt::format("token {} of run {} is declared lost, but its worker was heard all the "
                           "time (S6.6)",
                           to_string(token), to_string(run)),
               {run, token});
    }
  }

  void began(const Record& record, const Durable& now) {
    const RunRow* run = now.run(record.run);
    if (run == nullptr) {
      return;  // the effects checker has said so
    }
    if (!begun_[record.run].insert(record.token).second) {
      violated(fmt::format("token {} of run {} is executed twice (S6.5)", to_string(record.token),
                           to_string(record.run)),
               {record.run, record.token});
    }
    if (const auto outdated = outdated_.find(record.token); outdated != outdated_.end()) {
      violated(
          fmt::format("token {} of run {} is executed for an owner of old; its worker knows of "
                      "epoch {} (S6.5)",
                      to_string(record.token), to_string(record.run), outdated->second),
          {record.run, record.token});
    }
    const Task* task = library_.task_of(now, *run);
    const auto allowed = static_cast<std::size_t>(task->retry.max_attempts + revivals_[record.run]);
    if (begun_[record.run].size() > allowed) {
      violated(fmt::format("run {} is executed {} times, {} are allowed (S1.2, S6.7)",
                           to_string(record.run), begun_[record.run].size(), allowed),
               {record.run, record.token});
    }
  }

  // S6.5: it refuses an epoch lower than the highest it has seen of that shard.
  void told(const Record& record) {
    auto& seen = epochs_[record.number];
    for (const runtime::ShardEpoch& one : record.to_worker->epochs) {
      seen[one.shard] = std::max(seen[one.shard], one.epoch);
    }
    for (const Assignment& one : record.to_worker->assignments) {
      std::int64_t& highest = seen[one.run.shard()];
      if (one.epoch < highest) {
        outdated_[one.token] = highest;
      } else {
        highest = one.epoch;
        outdated_.erase(one.token);
      }
    }
  }

  // S3.4: with `cancel_running` a firing asks for the end of what is live of its job.
  void ousts(const RunRow& run, const Durable& now) {
    const auto trigger = now.triggers.find(run.trigger);
    const TriggerSpec* spec = trigger == now.triggers.end()
                                  ? nullptr
                                  : library_.revision(now, run.definition, run.revision)
                                        .find_trigger(trigger->second.name);
    if (spec != nullptr && spec->overlap.policy == Overlap::Policy::cancel_running) {
      ousted_before_[run.definition] = run.id;
    }
  }

  void delivered(const engine::Request& request, const Durable& now) {
    if (const auto* retry = std::get_if<engine::RetryRun>(&request)) {
      retries_[retry->run] += 1;
      if (const RunRow* run = now.run(retry->run); run != nullptr && run->parent.is_set()) {
        retries_[run->parent] += 1;
      }
    } else if (const auto* cancel = std::get_if<engine::CancelRun>(&request)) {
      cancels_.insert(cancel->run);
    } else if (const auto* gone = std::get_if<engine::DeleteDefinition>(&request)) {
      deleted_.insert(gone->name);
    }
  }

  struct Given {
    Id run;
    Micros at;
  };
  Library library_;
  Micros at_ = 0;
  std::map<Id, Id> newest_token_;     // by definition
  std::map<Id, Given> given_;         // by token
  std::map<Id, std::set<Id>> begun_;  // by run: the tokens that were executed
  std::map<Id, std::string> ends_;    // by token: how its body ended
  std::map<Id, int> retries_;         // by run: asked for by people
  std::map<Id, int> revivals_;        // by run
  std::set<Id> cancels_;
  std::map<Id, Id> ousted_before_;  // by definition: the newest firing that cancels those before it
  std::set<std::string> deleted_;   // definitions, by name
  std::map<std::int64_t, Heard> heard_;                                     // by incarnation
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> processes_;  // member and term
  std::map<std::int64_t, std::int64_t> terms_;                              // that hold, by member
  std::map<std::int64_t, std::map<ShardNumber, std::int64_t>> epochs_;      // that it has seen
  std::map<Id, std::int64_t> outdated_;  // tokens whose order was of a lower one than that
};

}  // namespace

std::unique_ptr<Checker> make_attempts_checker() {
  return std::make_unique<Attempts>();
}

}  // namespace jobflow::sim
