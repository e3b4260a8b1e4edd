// S3.4: a firing that comes while a run of its job is live. With `skip`, `queue` and
// `cancel_running` it never begins beside another one; what it left out, something stood in the way
// of; and no more wait in line than may.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <set>

namespace jobflow::sim {
namespace {

class OverlapJudge final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    if (const auto* save = std::get_if<SaveTrigger>(&change)) {
      owners_[save->row.id] = save->row.definition;
      names_[save->row.id] = save->row.name;
    } else if (const auto* insert = std::get_if<InsertRun>(&change)) {
      comes(insert->row, now);
    } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
      moves(update->run, update->progress, now);
    } else if (const auto* skipped = std::get_if<SaveSkippedFiring>(&change)) {
      if (skipped->row.reason == "overlap" && skipped->row.count == 1) {
        skips(skipped->row, now);
      }
    }
  }

 private:
  // The runs of one job, or of one workflow, that have not ended.
  struct Live {
    std::set<Id> busy;     // they stand in the way
    std::set<Id> in_line;  // firings that wait until those have ended
  };

  const Overlap* overlap_of(const RunRow& run, const Durable& now) {
    if (!run.trigger.is_set()) {
      return nullptr;
    }
    const TriggerSpec* spec =
        library_.revision(now, run.definition, run.revision).find_trigger(names_[run.trigger]);
    return spec == nullptr || spec->overlap.policy == Overlap::Policy::allow ? nullptr
                                                                             : &spec->overlap;
  }

  void begins(const RunRow& run, const Live& live) {
    for (const Id other : live.busy) {
      if (other != run.id) {
        violated(fmt::format("run {} of trigger {} begins beside run {}, which is live (S3.4)",
                             to_string(run.id), to_string(run.trigger), to_string(other)),
                 {run.id, run.trigger, other});
        return;
      }
    }
  }

  // Such runs stand in nobody's way, and nobody in theirs; or, when they wait, only each other.
  static const BackfillRow* backfill_of(const RunRow& run, const Durable& now) {
    const auto found = run.backfilled ? now.backfills.find(run.occasion) : now.backfills.end();
    return found == now.backfills.end() || is_final(found->second.progress.state) ? nullptr
                                                                                  : &found->second;
  }

  void comes(const RunRow& run, const Durable& now) {
    if (run.kind == RunKind::step) {
      return;
    }
    Live& live = live_[run.definition];
    if (const BackfillRow* backfill = backfill_of(run, now)) {
      for (const Id other : live.busy) {
        const RunRow* beside = now.run(other);
        if (backfill->waits && beside != nullptr && beside->occasion != backfill->id) {
          begins(run, live);
        }
      }
      stands(run, run.progress, live, !backfill->waits);
      return;
    }
    const Overlap* overlap = overlap_of(run, now);
    if (overlap != nullptr && run.progress.state == RunState::waiting) {
      const auto room = static_cast<std::size_t>(overlap->limit);
      if (overlap->policy == Overlap::Policy::queue && live.in_line.size() >= room) {
        violated(fmt::format("run {} waits in line behind {}, and {} may (S3.4)", to_string(run.id),
                             live.in_line.size(), room),
                 {run.id, run.trigger});
      }
      if (overlap->policy == Overlap::Policy::skip) {
        violated(fmt::format("run {} waits in line, and should not be (S3.4)", to_string(run.id)),
                 {run.id, run.trigger});
      }
    } else if (overlap != nullptr) {
      begins(run, live);
    }
    stands(run, run.progress, live, false);
  }

  void moves(Id id, const RunProgress& to, const Durable& now) {
    const RunRow* run = now.run(id);
    if (run == nullptr || run->kind == RunKind::step) {
      return;
    }
    Live& live = live_[run->definition];
    const bool leaves_line = live.in_line.contains(id) && to.state != RunState::waiting;
    const BackfillRow* backfill = backfill_of(*run, now);
    stands(*run, to, live, backfill != nullptr && !backfill->waits);
    if (leaves_line && live.busy.contains(id)) {
      begins(*run, live);
    }
  }

  // One that people asked for, to begin later, stands in nobody's way before it does.
  static void stands(const RunRow& run, const RunProgress& at, Live& live, bool is_aside) {
    const bool waits_for_another = at.state == RunState::waiting && run.after_run.is_set();
    const bool is_in_line = at.state == RunState::waiting && !run.after_run.is_set();
    const bool is_later = !run.trigger.is_set() && at.attempt == 0 && at.error_kind.empty() &&
                          at.state == RunState::scheduled;
    const auto put = [&](std::set<Id>& some, bool is_one) {
      is_one ? static_cast<void>(some.insert(run.id)) : static_cast<void>(some.erase(run.id));
    };
    put(live.in_line, is_in_line);
    put(live.busy,
        !is_final(at.state) && !is_aside && !is_in_line && !is_later && !waits_for_another);
  }

  // With `cancel_running` it is not begun either when the next one would only cancel it again.
  void skips(const SkippedFiringRow& row, const Durable& now) {
    const DefinitionRow& owner = now.definitions.at(owners_[row.trigger]);
    const TriggerSpec* spec =
        library_.revision(now, owner.id, owner.revision).find_trigger(names_[row.trigger]);
    if (spec == nullptr || spec->overlap.policy == Overlap::Policy::cancel_running) {
      return;
    }
    const auto live = live_.find(owners_[row.trigger]);
    if (live == live_.end() || (live->second.busy.empty() && live->second.in_line.empty())) {
      violated(fmt::format("trigger {} skips {} for overlap, and no run is live (S3.4)",
                           to_string(row.trigger), to_rfc3339(row.to)),
               {row.trigger});
    }
  }

  Library library_;
  std::map<Id, Id> owners_;          // definitions, by trigger
  std::map<Id, std::string> names_;  // by trigger
  std::map<Id, Live> live_;          // by definition
};

}  // namespace

std::unique_ptr<Checker> make_overlap_checker() {
  return std::make_unique<OverlapJudge>();
}

}  // namespace jobflow::sim
