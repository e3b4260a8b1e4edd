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

// From here on they run, those before are missed (S4.6); kNever: none runs.
Instant first_to_run(const schedule::Timetable& times,
                     const DueInstants& due,
                     const Misfire& misfire,
                     Instant now) {
  Instant first = due.last;
  if (misfire.policy == Misfire::Policy::all) {
    first = due.count <= misfire.limit ? due.first : nth_newest(times, due, misfire.limit);
  } else if (misfire.policy == Misfire::Policy::skip && now - due.last > limits::kOnTime) {
    return kNever;
  }
  if (misfire.window.ms > 0 && now - first > misfire.window) {
    first = times.next_after(now - misfire.window - milliseconds(1));
  }
  return first > due.last ? kNever : first;
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

// These did not run. Neighbours of one reason are one row, which grows (S4.8). No run takes an id
// of that time: one is left out, so that latest() outlives this shard's memory.
void Shard::Inside::skip(Turn& turn,
                         Trigger& trigger,
                         Instant from,
                         Instant to,
                         std::int64_t count,
                         const char* reason) {
  if (last_id_.time() < turn.now) {
    make_id(turn.now);
  }
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
  if (trigger != nullptr && trigger->row.progress.state == TriggerState::active &&
      trigger->row.progress.next_due == timer.due) {
    settle(turn, *known, *trigger, turn.now);
  }
}

// Every instant that came due by then gets its outcome, in order, as many as one decision may
// write. False: there are more, of which the trigger's next is the first (house 3.8).
bool Shard::Inside::settle(Turn& turn, Known& known, Trigger& trigger, Instant until) {
  TriggerProgress& at = trigger.row.progress;
  const TriggerSpec& spec = spec_of(known, trigger);
  if (spec.schedule.kind == ScheduleKind::fixed_delay) {
    settle_delay(turn, known, trigger, until);
    return true;
  }
  const schedule::Timetable* times = times_of(known, trigger);
  if (times == nullptr) {
    set_aside_trigger(turn, trigger.row.id, "its schedule is not understood any more");
    return true;
  }
  const DueInstants due = due_by(times, at.next_due, until);
  const Instant first = first_to_run(*times, due, spec.misfire, until);
  Instant next = first;
  if (first > due.first) {
    const Instant end = std::min(first, due.last + milliseconds(1));
    skip(turn, trigger, due.first, times->last_between(due.first, end),
         1 + times->count_between(due.first, end), "misfire");
  }
  turn.goes_on_later = turn.goes_on_later || next < due.last;
  for (; next <= due.last; next = times->next_after(next)) {
    // One that the next would only cancel again is not begun.
    if (spec.overlap.policy == Overlap::Policy::cancel_running && next < due.last) {
      skip(turn, trigger, next, next, 1, "overlap");
    } else if (turn.has_row_budget()) {
      fire(turn, known, trigger, {.planned = next});
    } else {
      break;
    }
  }
  const bool is_done = next > due.last;
  move_trigger(trigger, TriggerEvent::fire);
  due_next(trigger, is_done ? times->next_after(due.last) : next);
  advance_trigger(turn, trigger);
  if (at.state != TriggerState::active) {
    note_trigger(turn, trigger.row);
  }
  return is_done;
}

// One instant is due at most; the next one comes of its run's end.
void Shard::Inside::settle_delay(Turn& turn, Known& known, Trigger& trigger, Instant until) {
  TriggerProgress& at = trigger.row.progress;
  const TriggerSpec& spec = spec_of(known, trigger);
  const Instant planned = at.next_due;
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
