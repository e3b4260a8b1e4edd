// Firings: every due instant gets its outcome, a run or a row of the ledger (S4.6, S4.8, I2).
#include "engine/shard_inside.h"

#include <algorithm>
#include <limits>

namespace jobflow::engine {
namespace {

// The n-th newest of the due instants, of which there are more. They are not visited: an outage may
// have swallowed millions.
Instant nth_newest(const schedule::Timetable& times, const DueInstants& due, std::int64_t n) {
  constexpr Span kTick = milliseconds(1);
  Instant low = due.first;  // at least n from here on
  Instant high = due.last;  // fewer than n after it
  while (low < high) {
    const Instant middle = low + milliseconds(((high - low).ms + 1) / 2);
    if (times.count_between(middle - kTick, due.last + kTick) >= n) {
      low = middle;
    } else {
      high = middle - kTick;
    }
  }
  return low;
}

// The n-th newest of those that may run, of which there are as many.
Instant nth_newest_open(const schedule::Timetable& times,
                        const std::vector<schedule::DueGroup>& due,
                        std::int64_t n) {
  auto one = due.rbegin();
  for (; !one->is_open || one->count < n; ++one) {
    n -= one->is_open ? one->count : 0;
  }
  return nth_newest(times, {one->from, one->to, one->count}, n);
}

// Of those that may run: which ones do (S4.6). When none of them is late, as where many came due
// at one moment or a member's takeover took a while, nothing was missed, and all do.
FiringPlan firing_plan(const schedule::Timetable& times,
                       const std::vector<schedule::DueGroup>& due,
                       const Misfire& misfire,
                       Instant now) {
  std::int64_t count = 0;
  Instant oldest = kNever;
  FiringPlan plan;
  for (const schedule::DueGroup& one : due) {
    if (one.is_open) {
      count += one.count;
      oldest = std::min(oldest, one.from);
      plan.last = one.to;
    }
  }
  if (count == 0) {
    return plan;
  }
  plan.first = plan.last;
  if (now - oldest <= limits::kOnTime) {
    plan.first = oldest;
  } else if (misfire.policy == Misfire::Policy::all) {
    plan.first = count <= misfire.limit ? oldest : nth_newest_open(times, due, misfire.limit);
  } else if (misfire.policy == Misfire::Policy::skip && now - plan.last > limits::kOnTime) {
    plan.first = kNever;
  }
  if (misfire.window.ms > 0 && plan.first != kNever && now - plan.first > misfire.window) {
    plan.first = times.next_after(now - misfire.window - milliseconds(1));
  }
  return plan;
}

}  // namespace

DueInstants due_by(const schedule::Timetable* times, Instant first, Instant now) {
  DueInstants due{.first = first, .last = first};
  if (times != nullptr) {
    const Instant end = now + milliseconds(1);
    due.last = times->last_between(first, end);
    due.count = 1 + times->count_between(first, end);
  }
  return due;
}

// These did not run. Neighbours of one reason are one row, which grows (S4.8).
void Shard::Inside::skip(Turn& turn,
                         Trigger& trigger,
                         Instant from,
                         Instant to,
                         std::int64_t count,
                         const char* reason) {
  stamp(turn);
  TriggerProgress& at = trigger.row.progress;
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();  // 6 years of the fastest rate
  if (at.skip_reason != reason || at.skip_count > kMost - std::min(count, kMost)) {
    at.skip_from = from;
    at.skip_count = 0;
    at.skip_reason = reason;
  }
  const int before = at.skip_count;
  at.skip_count = static_cast<int>(std::min(at.skip_count + count, kMost));
  const int added = at.skip_count - before;
  SkippedFiringRow row{.trigger = trigger.row.id,
                       .from = at.skip_from,
                       .to = to,
                       .count = at.skip_count,
                       .reason = reason};
  auto* last =
      turn.out.changes.empty() ? nullptr : std::get_if<SaveSkippedFiring>(&turn.out.changes.back());
  if (last != nullptr && last->row.trigger == row.trigger && last->row.from == row.from) {
    last->row = std::move(row);
    last->added += added;
  } else {
    turn.out.changes.emplace_back(SaveSkippedFiring{std::move(row), added});
  }
}

void Shard::Inside::trigger_due(Turn& turn, const Timer& timer) {
  const auto [known, trigger] = find_trigger(timer.subject);
  // Anything else is a timer of before an edit.
  if (trigger == nullptr || trigger->row.progress.state != TriggerState::active) {
    return;
  }
  const Instant due = trigger->row.progress.next_due;
  const bool was_kept_off = trigger->held == timer.due && due <= turn.now;
  if ((due == timer.due || was_kept_off) && !is_kept_off(turn, *known, *trigger)) {
    settle(turn, *known, *trigger, turn.now);
  }
}

// Every instant that came due by then gets its outcome, in order, as many as one decision may
// write. False: there are more, of which the trigger's next is the first (house 3.8).
bool Shard::Inside::settle(Turn& turn, Known& known, Trigger& trigger, Instant until) {
  TriggerProgress& at = trigger.row.progress;
  const TriggerSpec& spec = spec_of(known, trigger);
  const auto open = openings_of(known, spec);
  if (!open) {
    set_aside_trigger(turn, trigger.row.id, open.problem().detail);
    return true;
  }
  if (spec.schedule.kind == ScheduleKind::fixed_delay) {
    settle_delay(turn, known, trigger, *open, until);
    return true;
  }
  const schedule::Timetable* times = times_of(known, trigger);
  if (times == nullptr) {
    set_aside_trigger(turn, trigger.row.id, "its schedule is not understood any more");
    return true;
  }
  const DueInstants due = due_by(times, at.next_due, until);
  const std::vector<schedule::DueGroup> stretches =
      open->are_always() ? std::vector{schedule::DueGroup{due.first, due.last, due.count}}
                         : schedule::due_groups(*times, *open, due.first, due.last);
  // When even their stretches are too many for one look, the oldest are missed.
  const bool is_all = stretches.back().to == due.last;
  const FiringPlan plan =
      is_all ? firing_plan(*times, stretches, spec.misfire, until) : FiringPlan{};
  turn.goes_on_later = turn.goes_on_later || plan.first < plan.last;
  Instant next = due.first;
  for (const schedule::DueGroup& one : stretches) {
    if (turn.has_row_budget()) {
      next = settle_stretch(turn, known, trigger, one, plan);
    }
    if (next <= one.to) {
      break;
    }
  }
  const bool is_done = next > due.last;
  move_trigger(trigger, TriggerEvent::fire);
  due_next(trigger, next);
  advance_trigger(turn, trigger);
  if (at.state != TriggerState::active) {
    note_trigger(turn, trigger.row);
  }
  return is_done;
}

// The first instant that is left.
Instant Shard::Inside::settle_stretch(Turn& turn,
                                      Known& known,
                                      Trigger& trigger,
                                      const schedule::DueGroup& due,
                                      const FiringPlan& plan) {
  const schedule::Timetable& times = *times_of(known, trigger);
  if (!due.is_open) {
    skip(turn, trigger, due.from, due.to, due.count, "calendar");
    return times.next_after(due.to);
  }
  Instant next = due.from;
  if (plan.first > due.from) {
    const Instant end = std::min(plan.first, due.to + milliseconds(1));
    const Instant last = times.last_between(due.from, end);
    skip(turn, trigger, due.from, last, 1 + times.count_between(due.from, end), "misfire");
    next = times.next_after(last);
  }
  const Overlap::Policy overlap = spec_of(known, trigger).overlap.policy;
  for (; next <= due.to && turn.has_row_budget(); next = times.next_after(next)) {
    // One that the next would only cancel again is not begun.
    if (overlap == Overlap::Policy::cancel_running && next < plan.last) {
      skip(turn, trigger, next, next, 1, "overlap");
    } else {
      fire(turn, known, trigger, {.planned = next});
    }
  }
  return next;
}

// One instant is due at most, when its calendars are open; the next one comes of its run's end.
void Shard::Inside::settle_delay(
    Turn& turn, Known& known, Trigger& trigger, const schedule::Openings& open, Instant until) {
  TriggerProgress& at = trigger.row.progress;
  const TriggerSpec& spec = spec_of(known, trigger);
  const Instant planned = opens_at(open, at.next_due, until);
  if (spec.schedule.end.is_set() && planned >= spec.schedule.end) {
    due_next(trigger, kNever);  // its calendars open too late
    advance_trigger(turn, trigger);
    note_trigger(turn, trigger.row);
    return;
  }
  if (planned > until) {
    return;
  }
  const Span late = until - planned;
  const bool is_missed = (spec.misfire.policy == Misfire::Policy::skip && late > limits::kOnTime) ||
                         (spec.misfire.window.ms > 0 && late > spec.misfire.window);
  if (is_missed) {
    skip(turn, trigger, planned, planned, 1, "misfire");
  } else {
    fire(turn, known, trigger, {.planned = planned});
  }
  at.anchor = latest(turn);
  move_trigger(trigger, TriggerEvent::fire);
  plan_delay(turn, spec, trigger);
  advance_trigger(turn, trigger);
  if (at.state == TriggerState::finished) {
    note_trigger(turn, trigger.row);
  }
}

// One occasion: its run, or why there is none. False: there is none.
bool Shard::Inside::fire(Turn& turn, Known& known, Trigger& trigger, const Occasion& occasion) {
  const Instant planned = occasion.planned;
  TriggerProgress& at = trigger.row.progress;
  const TriggerSpec& spec = spec_of(known, trigger);
  const Place place = place_of(known.row.id, spec.overlap);
  if (place == Place::nowhere) {
    skip(turn, trigger, planned, planned, 1, "overlap");
    return false;
  }
  const Span jitter = jitter_of(known, spec, planned);
  LiveRun* run = nullptr;
  if (live_.size() < limits::kLiveRunsPerShard) {
    auto created = create_run(turn, known,
                              {.params = trigger.row.params,
                               .start_at = jitter.ms > 0 ? planned + jitter : Instant{},
                               .trigger = trigger.row.id,
                               .planned = planned,
                               .occasion = occasion.upstream,
                               .hops = occasion.hops,
                               .in_line = place == Place::in_line});
    run = created ? *created : nullptr;
  }
  if (run == nullptr) {
    // No run can come of it, ever or now; the ledger says so (S4.8).
    skip(turn, trigger, planned, planned, 1, "refused");
    return false;
  }
  at.skip_from = Instant{};
  at.skip_count = 0;
  at.skip_reason.clear();
  const Id id = run->row.id;
  if (run->graph && run->row.progress.state == RunState::running) {
    advance(turn, *run);
  }
  if (spec.overlap.policy == Overlap::Policy::cancel_running && place == Place::in_line) {
    cancel_others(turn, {.definition = known.row.id, .before = id});
  }
  return true;
}

}  // namespace jobflow::engine
