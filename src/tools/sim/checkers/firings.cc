// S1.1: the firing ledger of each trigger tiles its calendar. While a trigger is active its next
// instant is known; each step of the ledger must begin exactly there and move it on.
//
// Today's triggers fire every n seconds, n a divisor of 60: their calendar is reckoned here.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <charconv>

namespace jobflow::sim {
namespace {

// A member may be that late when everything has been calm for a while.
constexpr Span kLate = seconds(2);

class Firings final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    if (const auto* insert = std::get_if<InsertRun>(&change)) {
      if (insert->row.trigger.is_set()) {
        fired(insert->row);
      }
    } else if (const auto* skipped = std::get_if<SaveSkippedFiring>(&change)) {
      skips(skipped->row);
    } else if (const auto* advance = std::get_if<AdvanceTrigger>(&change)) {
      advanced(*advance);
    } else if (const auto* save = std::get_if<SaveTrigger>(&change)) {
      saved(save->row, now);
    } else if (const auto* gone = std::get_if<DeleteTrigger>(&change)) {
      deleted(gone->trigger, now);
    }
  }

  void record(const Record& record, const Durable&) override {
    if (record.did == Did::settled) {
      for (const auto& [id, trigger] : triggers_) {
        if (trigger.is_active && trigger.next < Instant{record.number} - kLate) {
          violated(fmt::format("trigger {} has not fired what was due at {}, long after the last "
                               "fault (S1.1)",
                               to_string(id), to_rfc3339(trigger.next)),
                   {id}, Breach::liveness);
        }
      }
    }
  }

 private:
  struct Trigger {
    bool is_active = false;
    Span period;
    Instant next;     // the first instant that the ledger does not cover
    Instant covered;  // the last one that it does
    Instant row;      // the beginning of its newest row of skipped ones, which may grow
  };

  static Span period_of(const std::string& cron) {
    int every = 1;
    if (const auto at = cron.find("*/"); at != std::string::npos) {
      std::from_chars(cron.data() + at + 2, cron.data() + cron.size(), every);
    }
    return seconds(every);
  }

  void cover(Id id, Trigger& trigger, Instant from, Instant to) {
    if (!trigger.is_active) {
      violated(fmt::format("trigger {} fires or skips {} and is not active (S6.4)", to_string(id),
                           to_rfc3339(from)),
               {id});
    } else if (from < trigger.next) {
      violated(fmt::format("trigger {} fires or skips {} twice (I2, S1.1)", to_string(id),
                           to_rfc3339(from)),
               {id});
    } else if (from > trigger.next) {
      violated(fmt::format("trigger {} leaves out {} (S1.1, S4.8)", to_string(id),
                           to_rfc3339(trigger.next)),
               {id});
    }
    trigger.covered = to;
    trigger.next = to + trigger.period;
  }

  void fired(const RunRow& run) {
    cover(run.trigger, triggers_[run.trigger], run.planned, run.planned);
    // By the clock of its ids: a wall clock may have been set back since (S4.10).
    if (run.id.time() < run.planned) {
      violated(fmt::format("run {} was made before its planned instant (S4.7)", to_string(run.id)),
               {run.id, run.trigger});
    }
  }

  void skips(const SkippedFiringRow& row) {
    Trigger& trigger = triggers_[row.trigger];
    const Span period = trigger.period;
    if (period.ms > 0 && ((row.to - row.from).ms % period.ms != 0 ||
                          (row.to - row.from).ms / period.ms + 1 != row.count)) {
      violated(fmt::format("a ledger row of trigger {} does not count right (S4.8)",
                           to_string(row.trigger)),
               {row.trigger});
    }
    if (row.reason.empty()) {
      violated(fmt::format("trigger {} skips without a reason (S4.8)", to_string(row.trigger)),
               {row.trigger});
    }
    const bool grows = row.from == trigger.row && row.to > trigger.covered;
    const Instant from = grows ? trigger.covered + period : row.from;
    trigger.row = row.from;
    // What passed while it rested is written when it goes on, or is looked at again (S4.8).
    const bool rested =
        row.reason == "paused" || row.reason == "disabled" || row.reason == "set_aside";
    if (!rested || trigger.is_active || from <= trigger.covered) {
      cover(row.trigger, trigger, from, row.to);
      return;
    }
    trigger.covered = row.to;
    trigger.next = row.to + period;
  }

  void advanced(const AdvanceTrigger& advance) {
    Trigger& trigger = triggers_[advance.trigger];
    trigger.is_active = advance.progress.state == TriggerState::active;
    if (trigger.is_active && advance.progress.next_due != trigger.next) {
      violated(fmt::format("trigger {} is due at {} next, its calendar says {} (S1.1)",
                           to_string(advance.trigger), to_rfc3339(advance.progress.next_due),
                           to_rfc3339(trigger.next)),
               {advance.trigger});
    }
  }

  // What was due before an edit is in the ledger (S4.7, S6.4). The edit's revision stands before
  // what it does to triggers.
  void covers(Id id, Instant next, Instant edited) {
    if (next <= edited) {
      violated(fmt::format("an edit of trigger {} at {} swallows {} (S4.7)", to_string(id),
                           to_rfc3339(edited), to_rfc3339(next)),
               {id});
    }
  }

  void saved(const TriggerRow& row, const Durable& now) {
    Trigger& trigger = triggers_[row.id];
    const Instant edited = now.definitions.at(row.definition).updated;
    const auto before = now.triggers.find(row.id);
    const bool goes_on = trigger.is_active && row.progress.state == TriggerState::active &&
                         before != now.triggers.end() && before->second.schedule == row.schedule;
    if (goes_on) {
      // It may have been planned anew from the edit on, but then nothing may lie in between.
      if (row.progress.next_due != trigger.next) {
        violated(fmt::format("an edit moves trigger {} from {} to {} (S4.7)", to_string(row.id),
                             to_rfc3339(trigger.next), to_rfc3339(row.progress.next_due)),
                 {row.id});
      }
      return;
    }
    if (trigger.is_active) {
      covers(row.id, trigger.next, edited);
    }
    trigger.is_active = row.progress.state == TriggerState::active;
    trigger.period = period_of(row.schedule);
    if (!trigger.is_active) {
      return;
    }
    if (row.progress.next_due <= edited || row.progress.next_due <= trigger.covered) {
      violated(fmt::format("trigger {} is planned for {}, which is past (S4.7)", to_string(row.id),
                           to_rfc3339(row.progress.next_due)),
               {row.id});
    }
    if (row.progress.next_due.ms % trigger.period.ms != 0) {
      violated(fmt::format("trigger {} is planned off its calendar", to_string(row.id)), {row.id});
    }
    trigger.next = row.progress.next_due;
  }

  void deleted(Id id, const Durable& now) {
    const auto row = now.triggers.find(id);
    if (triggers_[id].is_active && row != now.triggers.end()) {
      covers(id, triggers_[id].next, now.definitions.at(row->second.definition).updated);
    }
    triggers_.erase(id);
  }

  std::map<Id, Trigger> triggers_;
};

}  // namespace

std::unique_ptr<Checker> make_firings_checker() {
  return std::make_unique<Firings>();
}

}  // namespace jobflow::sim
