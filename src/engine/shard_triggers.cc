// Triggers: when each is due next, and how it is paused and goes on (S4.1, S4.7, S6.4).
#include "engine/shard_inside.h"
#include "model/sabotage.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

const char* why_nothing_was_due(const TriggerProgress& at) {
  return at.state == TriggerState::set_aside ? "set_aside"
         : at.paused_by.empty()              ? "disabled"
                                             : "paused";
}

}  // namespace

Shard::Inside::Found Shard::Inside::find_trigger(Id trigger) {
  const auto owner = trigger_owner_.find(trigger);
  if (owner == trigger_owner_.end()) {
    return {};
  }
  Known& known = touch(known_.at(owner->second));
  const auto found = std::find_if(known.triggers.begin(), known.triggers.end(),
                                  [&](const Trigger& one) { return one.row.id == trigger; });
  check(found != known.triggers.end(), "a trigger is its owner's");
  return {&known, &*found};
}

// Nothing found: there is none; or, with `reads` set, it is to be read first.
Shard::Inside::Found Shard::Inside::wake_trigger(Turn& turn, Id trigger) {
  return wake(turn, {.id = trigger}) == nullptr ? Found{} : find_trigger(trigger);
}

// What the definition says of it as the plan has it: while an edit is decided, that of before.
const TriggerSpec& Shard::Inside::spec_of(const Known& known, const Trigger& trigger) {
  const TriggerSpec* spec = known.plan->definition->find_trigger(trigger.row.name);
  check(spec != nullptr, "a trigger stands in its definition");
  return *spec;
}

Span Shard::Inside::jitter_of(const Known& known, const TriggerSpec& spec, Instant planned) {
  return spec.schedule.jitter.ms > 0
             ? schedule::jitter_of(spec.schedule, schedule_hash(*known.plan->definition, spec.name),
                                   planned)
             : Span{};
}

// Null: it has none, or none that this program understands.
const schedule::Timetable* Shard::Inside::times_of(const Known& known, Trigger& trigger) {
  if (!trigger.times) {
    const TriggerSpec& spec = spec_of(known, trigger);
    if (!schedule::has_timetable(spec.schedule.kind)) {
      return nullptr;
    }
    auto times = schedule::Timetable::make(spec.schedule, trigger.row.progress.anchor,
                                           schedule_hash(*known.plan->definition, spec.name));
    if (!times) {
      return nullptr;
    }
    trigger.times = std::make_shared<const schedule::Timetable>(std::move(times).value());
  }
  return trigger.times.get();
}

void Shard::Inside::move_trigger(Trigger& trigger, TriggerEvent event) {
  const auto transition = trigger_transition(trigger.row.progress.state, event);
  check(transition.verdict != Verdict::refuse, "the trigger's table answers every pair");
  if (transition.verdict == Verdict::move) {
    trigger.row.progress.state = transition.to;
  }
}

void Shard::Inside::advance_trigger(Turn& turn, const Trigger& trigger) {
  turn.out.changes.emplace_back(AdvanceTrigger{trigger.row.id, trigger.row.progress});
}

// Until when triggers have had their turn, when one of them changes: a clock that was set back, or
// a new owner's that is behind, makes nothing due again (S4.10).
Instant Shard::Inside::latest(const Turn& turn) const {
  return std::max(turn.now, last_id_.time());
}

// The same, where a row will say that all was as it says up to there. An id of that time is left
// out: so it outlives this shard's memory, and a clock that is set back meanwhile.
Instant Shard::Inside::stamp(const Turn& turn) {
  if (last_id_.time() < turn.now) {
    make_id(turn.now);
  }
  return last_id_.time();
}

bool Shard::Inside::is_overdue(const Turn& turn, const Trigger& trigger) const {
  const TriggerProgress& at = trigger.row.progress;
  return at.state == TriggerState::active && at.next_due <= latest(turn);
}

// --- planned

// A new, edited or resumed one, from now on: the past never fires (S4.7).
void Shard::Inside::plan_trigger(Turn& turn, Known& known, Trigger& trigger) {
  TriggerProgress& at = trigger.row.progress;
  const TriggerSpec& spec = spec_of(known, trigger);
  const Span again = sabotaged(Sabotage::edit_fires_again) ? seconds(10) : Span{};
  const Instant after = std::max(latest(turn), at.since) - again;
  at.note.clear();
  at.paused_by.clear();
  at.since = Instant{};
  move_trigger(trigger, TriggerEvent::resume);
  move_trigger(trigger, TriggerEvent::end_came);
  switch (spec.schedule.kind) {
    case ScheduleKind::cron:
    case ScheduleKind::fixed_rate:
    case ScheduleKind::once:
      if (const schedule::Timetable* times = times_of(known, trigger)) {
        due_next(trigger, times->next_after(after));
      } else {
        move_trigger(trigger, TriggerEvent::set_aside);
        at.next_due = Instant{};
        at.since = stamp(turn);
        at.note = "its schedule is not understood any more: save it again";
      }
      return;
    case ScheduleKind::fixed_delay:
      plan_delay(turn, spec, trigger);
      return;
    case ScheduleKind::after_run:
      follow(turn, known, trigger, spec);
      return;
  }
}

void Shard::Inside::due_next(Trigger& trigger, Instant next) {
  TriggerProgress& at = trigger.row.progress;
  at.next_due = next == kNever ? Instant{} : next;
  if (next == kNever) {
    move_trigger(trigger, TriggerEvent::run_out);
  } else {
    arm_trigger(trigger.row);
  }
}

// So long after the end of its last run, or when that has passed meanwhile, after now. While a run
// of it is live: when that has ended.
void Shard::Inside::plan_delay(Turn& turn, const TriggerSpec& spec, Trigger& trigger) {
  TriggerProgress& at = trigger.row.progress;
  if (has_live_run(trigger.row)) {
    at.next_due = Instant{};
    move_trigger(trigger, TriggerEvent::await_end);
    return;
  }
  const Schedule& schedule = spec.schedule;
  if (at.anchor + schedule.every <= latest(turn)) {
    at.anchor = latest(turn);
  }
  const Instant next = std::max(at.anchor + schedule.every, schedule.start);
  due_next(trigger, schedule.end.is_set() && next >= schedule.end ? kNever : next);
}

bool Shard::Inside::has_live_run(const TriggerRow& trigger) const {
  const auto runs = runs_of_.find(trigger.definition);
  return runs != runs_of_.end() &&
         std::any_of(runs->second.all.begin(), runs->second.all.end(), [&](Id id) {
           const RunRow& run = live_.at(id).row;
           return run.trigger == trigger.id && !run.backfilled;
         });
}

// A fixed delay begins with the end of the run that the trigger fired.
void Shard::Inside::fired_run_ended(Turn& turn, Id definition, Id id) {
  const auto known = known_.find(definition);
  const Found found = known == known_.end() ? Found{} : find_trigger(id);
  if (found.trigger == nullptr) {
    return;
  }
  TriggerProgress& at = found.trigger->row.progress;
  const TriggerSpec& spec = spec_of(*found.known, *found.trigger);
  if (spec.schedule.kind != ScheduleKind::fixed_delay || at.state == TriggerState::active ||
      at.state == TriggerState::finished || has_live_run(found.trigger->row)) {
    return;  // it follows another job; or a run of it was tried again by hand
  }
  at.anchor = latest(turn);
  if (at.state == TriggerState::waiting) {
    move_trigger(*found.trigger, TriggerEvent::end_came);
    plan_delay(turn, spec, *found.trigger);
  }
  advance_trigger(turn, *found.trigger);
}

// --- stopped

// What came due and was not fired yet does not fire any more (S6.4); nothing is due from now on.
void Shard::Inside::stop_trigger(Turn& turn, Known& known, Trigger& trigger, const char* reason) {
  TriggerProgress& at = trigger.row.progress;
  if (is_overdue(turn, trigger)) {
    const schedule::Timetable* times = times_of(known, trigger);
    DueInstants due = due_by(times, at.next_due, latest(turn));
    skip_kept_off(turn, known, trigger, due);
    if (due.count > 0) {
      skip(turn, trigger, due.first, due.last, due.count, reason);
    }
  }
  stop_following(turn, known, trigger, spec_of(known, trigger));
  at.next_due = Instant{};
  at.since = stamp(turn);
}

// The ledger says why nothing was due while it was paused, disabled or set aside (S4.8).
void Shard::Inside::close_gap(Turn& turn, Known& known, Trigger& trigger) {
  TriggerProgress& at = trigger.row.progress;
  const bool is_stopped = at.state == TriggerState::paused || at.state == TriggerState::set_aside;
  if (!is_stopped || !at.since.is_set()) {
    return;
  }
  const schedule::Timetable* times = times_of(known, trigger);
  const Instant first = times == nullptr ? kNever : times->next_after(at.since);
  if (first <= latest(turn)) {
    const DueInstants due = due_by(times, first, latest(turn));
    skip(turn, trigger, due.first, due.last, due.count, why_nothing_was_due(at));
    std::get<SaveSkippedFiring>(turn.out.changes.back()).added = 0;
  }
  at.since = std::max(at.since, stamp(turn));
}

// --- by people

void Shard::Inside::pause_trigger(Turn& turn, const PauseTrigger& ask) {
  const auto [known, trigger] = wake_trigger(turn, ask.trigger);
  if (!turn.out.reads.empty()) {
    return;
  }
  if (trigger == nullptr) {
    answer(turn, Problem{ProblemCode::not_found, "there is no trigger " + to_string(ask.trigger)});
    return;
  }
  if (ask.note.size() > limits::kTriggerNoteBytes) {
    answer(turn, Problem{ProblemCode::too_large, "the note is over the limit of " +
                                                     std::to_string(limits::kTriggerNoteBytes) +
                                                     " bytes"});
    return;
  }
  TriggerProgress& at = trigger->row.progress;
  if (!at.paused_by.empty()) {
    answer(turn, Reply{.id = ask.trigger, .changed = false});
    return;
  }
  if (at.state == TriggerState::paused || at.state == TriggerState::set_aside) {
    close_gap(turn, *known, *trigger);  // so far for another reason
  } else {
    stop_trigger(turn, *known, *trigger, "paused");
  }
  move_trigger(*trigger, TriggerEvent::pause);
  at.paused_by = turn.command.principal;
  at.note = ask.note;
  advance_trigger(turn, *trigger);
  note_trigger(turn, trigger->row);
  answer(turn, Reply{.id = ask.trigger, .changed = true});
}

// Also what was set aside goes on: a person has looked.
void Shard::Inside::resume_trigger(Turn& turn, const ResumeTrigger& ask) {
  const auto [known, trigger] = wake_trigger(turn, ask.trigger);
  if (!turn.out.reads.empty()) {
    return;
  }
  if (trigger == nullptr) {
    answer(turn, Problem{ProblemCode::not_found, "there is no trigger " + to_string(ask.trigger)});
    return;
  }
  TriggerProgress& at = trigger->row.progress;
  if (at.paused_by.empty() && at.state != TriggerState::set_aside) {
    answer(turn, Reply{.id = ask.trigger, .changed = false});
    return;
  }
  if (const auto open = openings_of(*known, spec_of(*known, *trigger)); !open) {
    answer(turn, Problem{ProblemCode::wrong_state,
                         open.problem().detail + "; make it, or edit the trigger"});
    return;
  }
  close_gap(turn, *known, *trigger);
  if (known->row.enabled && spec_of(*known, *trigger).enabled) {
    plan_trigger(turn, *known, *trigger);
  } else {
    move_trigger(*trigger, TriggerEvent::pause);
    at.paused_by.clear();
    at.note.clear();
  }
  advance_trigger(turn, *trigger);
  note_trigger(turn, trigger->row);
  answer(turn, Reply{.id = ask.trigger, .changed = true});
}

// A person must look (I8). With none of what led to it.
void Shard::Inside::set_aside_trigger(Turn& turn, Id id, const std::string& why) {
  const Found found = find_trigger(id);
  if (found.trigger == nullptr) {
    return;
  }
  TriggerProgress& at = found.trigger->row.progress;
  const bool is_live = at.state == TriggerState::active || at.state == TriggerState::waiting;
  if (!is_live) {
    return;
  }
  at.since = is_overdue(turn, *found.trigger) ? at.next_due - milliseconds(1) : stamp(turn);
  move_trigger(*found.trigger, TriggerEvent::set_aside);
  at.next_due = Instant{};
  at.follow = Id{};
  at.note = why;
  advance_trigger(turn, *found.trigger);
  note_trigger(turn, found.trigger->row);
}

}  // namespace jobflow::engine
