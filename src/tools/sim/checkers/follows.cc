// S4.1, I2, I10: a trigger that follows another job's or workflow's runs fires once for each end
// that it asked for, in the home of another shard or not; and for no other.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <set>
#include <tuple>

namespace jobflow::sim {
namespace {

class Follows final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    if (const auto* save = std::get_if<SaveTrigger>(&change)) {
      stands(save->row.id, save->row.progress);
      bounded(save->row, now);
    } else if (const auto* advance = std::get_if<AdvanceTrigger>(&change)) {
      stands(advance->trigger, advance->progress);
    } else if (const auto* gone = std::get_if<DeleteTrigger>(&change)) {
      stands(gone->trigger, {});
    } else if (const auto* asks = std::get_if<SaveFollow>(&change)) {
      asked_[asks->row.trigger] = asks->row;
    } else if (const auto* drops = std::get_if<DeleteFollow>(&change)) {
      asked_.erase(drops->trigger);
    } else if (const auto* insert = std::get_if<InsertRun>(&change)) {
      if (insert->row.trigger.is_set() && insert->row.occasion.is_set() &&
          !insert->row.backfilled) {
        fired(insert->row, now);
      }
      if (is_final(insert->row.progress.state)) {
        ended(insert->row, insert->row.progress.state, now);
      }
    } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
      const RunRow* run = now.run(update->run);
      if (run != nullptr && !is_final(run->progress.state) && is_final(update->progress.state)) {
        ended(*run, update->progress.state, now);
      }
    } else if (const auto* skipped = std::get_if<SaveSkippedFiring>(&change)) {
      skips_[skipped->row.trigger] += skipped->added;
    }
  }

  void rest(const Rest& rest, const Durable&) override {
    if (!rest.came) {
      return;  // letters may be on the way
    }
    for (const auto& [trigger, due] : due_) {
      if (due.follow.is_set() && !due.is_bounded && due.told != due.done + skips_[trigger]) {
        violated(fmt::format("trigger {} was to follow {} ends and ran {} times and skipped {} "
                             "(S4.1, I10)",
                             to_string(trigger), due.told, due.done, skips_[trigger]),
                 {trigger}, Breach::liveness);
      }
    }
  }

 private:
  struct Due {
    Id follow;                // under which it asks; another one after each edit and each pause
    bool is_bounded = false;  // in time: some ends do not count
    int told = 0, done = 0;
  };

  void stands(Id trigger, const TriggerProgress& progress) {
    Due& due = due_[trigger];
    if (due.follow != progress.follow) {
      due.follow = progress.follow;
      due.told = due.done = 0;
      skips_[trigger] = 0;
    }
  }

  void bounded(const TriggerRow& row, const Durable& now) {
    const DefinitionRow& owner = now.definitions.at(row.definition);
    const TriggerSpec* spec =
        library_.revision(now, owner.id, owner.revision).find_trigger(row.name);
    due_[row.id].is_bounded =
        spec != nullptr && (spec->schedule.start.is_set() || spec->schedule.end.is_set());
  }

  void ended(const RunRow& run, RunState state, const Durable& now) {
    if (run.kind == RunKind::step) {
      return;
    }
    ends_[run.id] += 1;
    const DefinitionRow& of = now.definitions.at(run.definition);
    for (const auto& [trigger, asked] : asked_) {
      const auto due = due_.find(trigger);
      const bool is_meant = asked.kind == of.kind && asked.name_space == of.name_space &&
                            asked.name == of.name &&
                            (asked.states >> static_cast<int>(state) & 1) != 0;
      if (is_meant && due != due_.end() && due->second.follow == asked.follow) {
        due->second.told += 1;
      }
    }
  }

  void fired(const RunRow& run, const Durable& now) {
    due_[run.trigger].done += 1;
    const RunRow* upstream = now.run(run.occasion);
    if (upstream == nullptr || ends_[run.occasion] == 0) {
      violated(fmt::format("trigger {} follows run {}, which has not ended (S4.1)",
                           to_string(run.trigger), to_string(run.occasion)),
               {run.trigger, run.occasion});
    } else if (++fired_[{run.trigger, run.occasion}] > ends_[run.occasion]) {
      violated(fmt::format("trigger {} fires {} times for run {}, which ended {} times (I2)",
                           to_string(run.trigger), fired_[{run.trigger, run.occasion}],
                           to_string(run.occasion), ends_[run.occasion]),
               {run.trigger, run.occasion, run.id});
    }
  }

  Library library_;
  std::map<Id, FollowRow> asked_;  // by trigger: at the home of what it follows
  std::map<Id, Due> due_;          // by trigger
  std::map<Id, std::int64_t> skips_;
  std::map<Id, int> ends_;  // of runs: one may be tried again by hand, and end again
  std::map<std::pair<Id, Id>, int> fired_;  // by (trigger, occasion)
};

}  // namespace

std::unique_ptr<Checker> make_follows_checker() {
  return std::make_unique<Follows>();
}

}  // namespace jobflow::sim
