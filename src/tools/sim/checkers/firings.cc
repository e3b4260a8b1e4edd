// S1.1: the firing ledger of each trigger tiles its calendar. From the save of a schedule on every
// instant is covered in order, by a run or by a row that says why not; the trigger's next instant
// is the first that is not. An edit begins a new calendar where the old one's ledger ends (S4.7).
#include "schedule/openings.h"
#include "tools/sim/checkers/almanac.h"
#include "tools/sim/checkers/checkers.h"
#include "tools/sim/shut.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace jobflow::sim {
namespace {

// A member may be that late when everything has been calm for a while.
constexpr Span kLate = seconds(2);

class Firings final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    if (const auto* insert = std::get_if<InsertRun>(&change)) {
      if (insert->row.trigger.is_set() && !insert->row.backfilled) {
        fired(insert->row, now);
      }
    } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
      ended(update->run, update->progress, now);
    } else if (const auto* skipped = std::get_if<SaveSkippedFiring>(&change)) {
      skips(skipped->row);
    } else if (const auto* advance = std::get_if<AdvanceTrigger>(&change)) {
      stands(advance->trigger, advance->progress);
    } else if (const auto* save = std::get_if<SaveTrigger>(&change)) {
      saved(save->row, now);
    } else if (const auto* gone = std::get_if<DeleteTrigger>(&change)) {
      deleted(gone->trigger, now);
    }
  }

  void record(const Record& record, const Durable&) override {
    if (record.did == Did::calendar) {
      CalendarRow row = *record.calendar;
      row.number = calendars_.number() + 1;
      calendars_.take(row);
      newest_.take(row);
      for (auto& [id, trigger] : triggers_) {
        trigger.open = openings_of(trigger);
      }
      return;
    }
    if (record.did != Did::settled) {
      return;
    }
    for (const auto& [id, trigger] : triggers_) {
      const Instant late = Instant{record.number} - kLate;
      const Instant due = first_open(
          trigger, trigger.almanac.has_instants() ? trigger.next : trigger.planned, late);
      if (trigger.state == TriggerState::active && due < late && !lacks_calendar(trigger) &&
          due >= known_from(trigger)) {
        violated(fmt::format("trigger {} has not fired what was due at {}, long after the last "
                             "fault (S1.1)",
                             to_string(id), to_rfc3339(due)),
                 {id}, Breach::liveness);
      }
    }
  }

 private:
  struct Trigger {
    Id id;
    std::string name;
    std::string written;  // its schedule, as text
    Schedule schedule;
    Almanac almanac;
    schedule::Openings open;
    bool is_moving = false;  // its calendar changes: the audit says what that one let run
    TriggerState state = TriggerState::paused;
    Instant covered;  // the ledger holds all up to here
    Instant next;     // the first instant after that; kNever: none
    Instant planned;  // for what comes of an end: what the trigger says
    Instant row;      // the beginning of its newest row of skipped ones, which may grow
    std::int64_t row_count = 0;
    Instant last_end;  // of a run of it
    Instant last_run;  // when the newest was made
    Instant last_planned;
    Instant anchor;
  };

  void wrong(const Trigger& trigger, const std::string& what, Id run = {}) {
    violated(fmt::format("trigger {} ({}) {}", to_string(trigger.id), trigger.name, what),
             {trigger.id, run});
  }

  // The first from there on that its calendars let run (S4.5), as far as it is before `until`: they
  // may be closed for ever.
  static Instant first_open(const Trigger& trigger, Instant at, Instant until) {
    while (at < until && !trigger.open.covers(at)) {
      at = trigger.almanac.has_instants() ? trigger.almanac.next(at)
                                          : trigger.open.changes_after(at);
    }
    return at;
  }

  schedule::Openings openings_of(const Trigger& trigger) const {
    return schedule::Openings::past(trigger.schedule, "default",
                                    trigger.is_moving ? calendars_ : shut_book(trigger.written));
  }
  // Then it waits for one for a while, and is set aside.
  bool lacks_calendar(const Trigger& trigger) const {
    return trigger.is_moving &&
           !schedule::Openings::make(trigger.schedule, "default", calendars_).ok();
  }

  // Members keep a calendar's newest revisions only: to one whose clock is far behind a calendar
  // that changes every second was once what its oldest kept revision is (seed 3002631).
  Instant known_from(const Trigger& trigger) const {
    return trigger.is_moving
               ? schedule::Openings::past(trigger.schedule, "default", newest_).known_from()
               : Instant{INT64_MIN};
  }

  // --- what is covered

  void covers(Trigger& trigger, Instant from, Instant to, bool rests) {
    const bool is_live =
        trigger.state == TriggerState::active ||
        (trigger.state == TriggerState::waiting && !trigger.almanac.has_instants());
    if (!is_live && !rests) {
      wrong(trigger, fmt::format("fires or skips {} and is not active (S6.4)", to_rfc3339(from)));
    }
    // A delay waits for its calendars; what it may then be late by is theirs.
    const Instant planned = trigger.is_moving
                                ? std::max(trigger.planned, from)
                                : std::min(first_open(trigger, trigger.planned, from), from);
    const Instant due = trigger.schedule.kind == ScheduleKind::fixed_delay ? planned
                        : trigger.almanac.has_instants()                   ? trigger.next
                                                                           : from;
    if (from < due || from <= trigger.covered) {
      wrong(trigger, fmt::format("fires or skips {} twice (I2, S1.1)", to_rfc3339(from)));
    } else if (from > due) {
      wrong(trigger, fmt::format("leaves out {} (S1.1, S4.8)", to_rfc3339(due)));
    }
    trigger.covered = std::max(trigger.covered, to);
    trigger.next = trigger.almanac.next(trigger.covered);
    trigger.planned = kNever;
  }

  void fired(const RunRow& run, const Durable& now) {
    Trigger& trigger = triggers_[run.trigger];
    covers(trigger, run.planned, run.planned, false);
    if (!trigger.is_moving && !trigger.open.covers(run.planned)) {
      wrong(trigger, fmt::format("fires {} against its calendars (S4.5)", to_rfc3339(run.planned)),
            run.id);
    }
    if (!occasions_.emplace(run.trigger, run.planned, run.occasion).second) {
      wrong(trigger, fmt::format("fires {} twice (I2)", to_rfc3339(run.planned)), run.id);
    }
    // By the clock of its ids: a wall clock may have been set back since (S4.10). The end that it
    // follows was another shard's, and by that one's clock.
    if (run.id.time() < run.planned && !run.occasion.is_set()) {
      wrong(trigger, "makes a run before its planned instant (S4.7)", run.id);
    }
    if ((trigger.schedule.start.is_set() && run.planned < trigger.schedule.start) ||
        (trigger.schedule.end.is_set() && run.planned >= trigger.schedule.end)) {
      wrong(trigger, "fires outside its validity (S4.5)", run.id);
    }
    const Instant latest = std::max(run.planned + trigger.schedule.jitter, run.created);
    if (run.progress.state == RunState::scheduled &&
        (run.progress.due > latest || run.progress.due < run.planned)) {
      wrong(trigger, "holds a run back for longer than its jitter (S4.5)", run.id);
    }
    const TriggerSpec* spec =
        library_.revision(now, run.definition, run.revision).find_trigger(trigger.name);
    if (spec != nullptr && spec->schedule.kind != ScheduleKind::after_run) {
      misfires(trigger, *spec, run);
    }
    trigger.last_run = run.created;
    trigger.last_planned = run.planned;
  }

  // S4.6: what was missed is not made up for beyond what its policy says.
  void misfires(const Trigger& trigger, const TriggerSpec& spec, const RunRow& run) {
    const Span late = run.created - run.planned;
    const bool is_late = spec.misfire.policy == Misfire::Policy::skip && late > limits::kOnTime;
    if (is_late || (spec.misfire.window.ms > 0 && late > spec.misfire.window)) {
      wrong(trigger, fmt::format("fires {} though it is missed (S4.6)", to_rfc3339(run.planned)),
            run.id);
    }
    const bool was_on_time = trigger.last_run - trigger.last_planned <= limits::kOnTime;
    if (spec.misfire.policy != Misfire::Policy::all && trigger.last_run == run.created &&
        !was_on_time) {
      wrong(trigger, "catches up with more than the last instant (S4.6)", run.id);
    }
  }

  // What a delay counts from. The past that is made up for is no run of its own; nor does one count
  // that was tried again by hand while the next is due already.
  void ended(Id id, const RunProgress& progress, const Durable& now) {
    const RunRow* run = is_final(progress.state) ? now.run(id) : nullptr;
    if (run != nullptr && run->trigger.is_set() && !run->backfilled &&
        !is_final(run->progress.state)) {
      if (const auto known = triggers_.find(run->trigger);
          known != triggers_.end() && known->second.state != TriggerState::active) {
        known->second.last_end = progress.ended;
      }
    }
  }

  void skips(const SkippedFiringRow& row) {
    Trigger& trigger = triggers_[row.trigger];
    if (row.reason.empty()) {
      wrong(trigger, "skips without a reason (S4.8)");
    }
    // What passed while it rested is written when it goes on, or is looked at again (S4.8).
    const bool rests =
        row.reason == "paused" || row.reason == "disabled" || row.reason == "set_aside";
    const bool grows = row.from == trigger.row && row.to > trigger.covered;
    const bool has_instants = trigger.almanac.has_instants();
    const Instant first = !grows ? row.from : has_instants ? trigger.next : row.to;
    trigger.row_count = grows ? trigger.row_count : 0;
    trigger.row = row.from;
    for (Instant at = first; at <= row.to; at = trigger.almanac.next(at)) {
      trigger.row_count += 1;
      const bool is_open = trigger.open.covers(at);
      if (!trigger.is_moving &&
          ((row.reason == "calendar" && is_open) || (row.reason == "misfire" && !is_open))) {
        wrong(trigger, fmt::format("skips {} by {}, which its calendars do not say (S4.5, S4.6)",
                                   to_rfc3339(at), row.reason));
      }
      if (!has_instants) {
        break;
      }
    }
    covers(trigger, first, row.to, rests);
    if (trigger.row_count != row.count) {
      wrong(trigger,
            fmt::format("skips {} to {} and counts {}, not {} (S4.8)", to_rfc3339(row.from),
                        to_rfc3339(row.to), row.count, trigger.row_count));
    }
  }

  // --- where it stands

  void stands(Id id, const TriggerProgress& progress) {
    Trigger& trigger = triggers_[id];
    trigger.state = progress.state;
    if (!trigger.almanac.has_instants()) {
      stands_for_an_end(trigger, progress);
    } else if (progress.state == TriggerState::active && progress.next_due != trigger.next) {
      wrong(trigger, fmt::format("is due at {} next, its calendar says {} (S1.1, S4.7)",
                                 to_rfc3339(progress.next_due), to_rfc3339(trigger.next)));
    } else if (progress.state == TriggerState::finished && trigger.next != kNever) {
      wrong(trigger,
            fmt::format("is over before its last instant {} (S1.1)", to_rfc3339(trigger.next)));
    } else if (progress.anchor != trigger.anchor) {
      wrong(trigger, "counts from another moment than its saving (S4.7)");
    }
  }

  // So long after the end of its last run, or of its saving (S4.1).
  void stands_for_an_end(Trigger& trigger, const TriggerProgress& progress) {
    if (progress.state != TriggerState::active) {
      trigger.planned = kNever;
      return;
    }
    if (trigger.schedule.kind != ScheduleKind::fixed_delay) {
      wrong(trigger, "has an instant though it follows another (S4.1)");
    } else if (progress.next_due < trigger.last_end + trigger.schedule.every) {
      wrong(trigger, fmt::format("is due at {}, less than its delay after {} (S4.1)",
                                 to_rfc3339(progress.next_due), to_rfc3339(trigger.last_end)));
    }
    trigger.planned = progress.next_due;
  }

  void saved(const TriggerRow& row, const Durable& now) {
    Trigger& trigger = triggers_[row.id];
    const DefinitionRow& owner = now.definitions.at(row.definition);
    if (trigger.written != row.schedule) {
      const bool is_new = trigger.written.empty();
      if (!is_new) {
        leaves(trigger, owner.updated);
      }
      const Definition& definition = library_.revision(now, owner.id, owner.revision);
      trigger.id = row.id;
      trigger.name = row.name;
      trigger.written = row.schedule;
      trigger.schedule = definition.find_trigger(row.name)->schedule;
      trigger.anchor = owner.updated;
      trigger.last_end = owner.updated;
      trigger.almanac =
          Almanac(trigger.schedule, owner.updated, schedule_hash(definition, row.name));
      trigger.is_moving = names_moving(row.schedule);
      trigger.open = openings_of(trigger);
      trigger.covered = owner.updated;  // the past never fires
      trigger.next = trigger.almanac.next(trigger.covered);
      trigger.planned = kNever;
      trigger.row = Instant{};
    }
    stands(row.id, row.progress);
  }

  // What was due before an edit is in the ledger (S4.7, S6.4). The edit's revision stands before
  // what it does to triggers.
  void leaves(const Trigger& trigger, Instant edited) {
    const Instant due = trigger.almanac.has_instants() ? trigger.next
                        : trigger.state == TriggerState::active && !trigger.is_moving
                            ? first_open(trigger, trigger.planned, kNever)
                            : kNever;
    if (due <= edited) {
      wrong(trigger,
            fmt::format("loses {} by an edit at {} (S4.7)", to_rfc3339(due), to_rfc3339(edited)));
    }
  }

  void deleted(Id id, const Durable& now) {
    if (const auto row = now.triggers.find(id); row != now.triggers.end()) {
      const Trigger& trigger = triggers_[id];
      if (trigger.state == TriggerState::active) {
        leaves(trigger, now.definitions.at(row->second.definition).updated);
      }
    }
    triggers_.erase(id);
  }

  Library library_;
  schedule::CalendarBook calendars_{1'000'000};  // those that change
  // As members know them at least: some of the revisions that they keep are deletions.
  schedule::CalendarBook newest_{limits::kCalendarRevisions / 2};
  std::map<Id, Trigger> triggers_;
  std::set<std::tuple<Id, Instant, Id>> occasions_;  // that ran
};

}  // namespace

std::unique_ptr<Checker> make_firings_checker() {
  return std::make_unique<Firings>();
}

}  // namespace jobflow::sim
