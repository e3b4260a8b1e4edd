// Timers: bounds of runs, and triggers that fire (S4.6, S4.8, I2, I5).
#include "engine/cron.h"
#include "engine/shard_inside.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace jobflow::engine {
namespace {

// The instants of a trigger that came due by now, of which the first is known. They are counted
// without being visited: an outage may have swallowed millions.
struct DueInstants {
  Instant first, last;
  std::int64_t count = 1;
};

DueInstants due_by(const Cron& cron, Instant first, Instant now) {
  DueInstants due{.first = first, .last = cron.last_between(first, now + milliseconds(1))};
  if (due.last > first) {
    due.count = cron.count_between(first, due.last) + 2;
  }
  return due;
}

// Neighbours of one reason are one row (S4.8).
SkippedFiringRow skipped(Id trigger, const DueInstants& due, const char* reason) {
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();  // 68 years of seconds
  return {.trigger = trigger,
          .from = due.first,
          .to = due.last,
          .count = static_cast<int>(std::min(due.count, kMost)),
          .reason = reason};
}

Cron saved_cron(const TriggerRow& trigger) {
  auto cron = Cron::parse(trigger.cron);
  check(cron.ok(), "a saved cron expression parses");
  return *cron;
}

}  // namespace

void Shard::Inside::timer_due(Turn& turn, const Timer& timer) {
  if (timer.kind == TimerSubject::trigger) {
    trigger_due(turn, timer);
    return;
  }
  if (timer.kind == TimerSubject::letters) {
    letters_due(turn, timer);
    return;
  }
  LiveRun* run = find_live(timer.subject);
  if (run == nullptr || run->armed != timer.due) {
    return;
  }
  run->armed = Instant{};
  if (bound_of(*run) > turn.now) {
    arm(*run, turn.now);
    return;
  }
  bound_reached(turn, *run);
}

void Shard::Inside::trigger_due(Turn& turn, const Timer& timer) {
  const auto owner = trigger_owner_.find(timer.subject);
  if (owner == trigger_owner_.end()) {
    return;
  }
  Known& known = known_.at(owner->second);
  for (TriggerRow& trigger : known.triggers) {
    // Anything else is a timer of before an edit.
    if (trigger.id == timer.subject && trigger.state == TriggerState::active &&
        trigger.next_due == timer.due) {
      fire(turn, known, trigger, turn.now);
      return;
    }
  }
}

void Shard::Inside::bound_reached(Turn& turn, LiveRun& run) {
  switch (run.row.progress.state) {
    case RunState::scheduled:
      if (run.graph) {
        begin_workflow(turn, run);
      } else {
        move(run, RunEvent::come_due);
        enter_queue(turn, run);
      }
      return;
    case RunState::queued:
      leave_queue(run);
      move(run, RunEvent::expire);
      run.row.progress.error_kind = "expired";
      run.row.progress.error = "not started within its queue timeout";
      finish(turn, run);
      return;
    case RunState::running: {
      if (!could_be_heard(turn, run)) {
        return;
      }
      // The worker's own time-out comes first; it did not: stop waiting for it.
      const RunProgress& progress = run.row.progress;
      turn.out.effects.emplace_back(SendCancel{progress.incarnation, {run.row.id, progress.token}});
      attempt_failed(
          turn, run, AttemptEvent::time_out,
          {.error_kind = "timeout", .error = "ran out of time; its worker did not say so"});
      return;
    }
    case RunState::cancelling:
      if (!could_be_heard(turn, run)) {
        return;
      }
      free_attempt(run);
      move(run, RunEvent::confirm_cancel);
      run.row.progress.error_kind = "cancelled";
      run.row.progress.error = "cancelled; its worker did not confirm in time";
      finish(turn, run);
      return;
    case RunState::waiting:
      if (run.graph) {
        move_workflow(run, WorkflowEvent::expire);
      } else {
        move(run, RunEvent::expire);
      }
      run.row.progress.error_kind = "expired";
      run.row.progress.error =
          "run " + to_string(run.row.after_run) + ", which it waits for, did not end in time";
      finish(turn, run);
      return;
    case RunState::pending:
    case RunState::paused:
    case RunState::succeeded:
    case RunState::failed:
    case RunState::cancelled:
    case RunState::timed_out:
    case RunState::expired:
    case RunState::skipped:
      return;
  }
}

// Before an attempt's bound is held against it, its worker must have had the time to say how it
// ended: after an outage of ours its report is still on the way (S6.6). An absent worker is the
// lease's matter. Otherwise the bound is looked at again a little later.
bool Shard::Inside::could_be_heard(Turn& turn, LiveRun& run) {
  const RosterWorker* worker = turn.roster.find(run.row.progress.incarnation);
  const bool is_here = worker != nullptr && worker->connected;
  const Instant again = (is_here ? worker->since : turn.now) + limits::kTimeoutGrace;
  if (is_here && again <= turn.now) {
    return true;
  }
  run.armed = again;
  wheel_.arm({run.armed, run.row.id, TimerSubject::run});
  return false;
}

// Until when triggers have had their turn, when one of them changes: a clock that was set back, or
// a new owner's that is behind, makes nothing due again (S4.10).
Instant Shard::Inside::latest(const Turn& turn) const {
  return std::max(turn.now, last_id_.time());
}

bool Shard::Inside::is_overdue(const Turn& turn, const TriggerRow& trigger) const {
  return trigger.state == TriggerState::active && trigger.next_due <= latest(turn);
}

// Instants that came due and were not yet fired when their trigger was disabled or deleted: they do
// not fire (S6.4), and the ledger says why (S4.8).
void Shard::Inside::skip_overdue(Turn& turn, const TriggerRow& trigger, const char* reason) {
  if (is_overdue(turn, trigger)) {
    skip(turn,
         skipped(trigger.id, due_by(saved_cron(trigger), trigger.next_due, latest(turn)), reason));
  }
}

// No run takes an id of that time: one is left out, so that latest() outlives this shard's memory.
void Shard::Inside::skip(Turn& turn, SkippedFiringRow row) {
  make_id(turn.now);
  turn.out.changes.emplace_back(InsertSkippedFiring{std::move(row)});
}

// Fires what came due until then. Of several missed instants the last one runs, the others are
// recorded (S4.6).
void Shard::Inside::fire(Turn& turn, Known& known, TriggerRow& trigger, Instant until) {
  const Cron cron = saved_cron(trigger);
  DueInstants missed = due_by(cron, trigger.next_due, until);
  const Instant planned = missed.last;
  if (--missed.count > 0) {
    missed.last = cron.last_between(missed.first, planned);
    turn.out.changes.emplace_back(InsertSkippedFiring{skipped(trigger.id, missed, "misfire")});
  }
  LiveRun* run = nullptr;
  if (live_.size() < limits::kLiveRunsPerShard) {
    auto created = create_run(
        turn, known, {.params = trigger.params, .trigger = trigger.id, .planned = planned});
    run = created ? *created : nullptr;
    if (run != nullptr && run->graph) {
      advance(turn, *run);
    }
  }
  if (run == nullptr) {
    // No run can come of it, ever or now; the ledger says so (S4.8).
    skip(turn, skipped(trigger.id, {.first = planned, .last = planned}, "refused"));
  }
  const Instant next = cron.next_after(planned);
  const auto transition = trigger_transition(
      trigger.state, next == kNever ? TriggerEvent::run_out : TriggerEvent::fire);
  check(transition.verdict == Verdict::move, "an active trigger fires");
  trigger.state = transition.to;
  trigger.next_due = next == kNever ? Instant{} : next;
  if (trigger.state == TriggerState::active) {
    wheel_.arm({trigger.next_due, trigger.id, TimerSubject::trigger});
  }
  turn.out.changes.emplace_back(
      AdvanceTrigger{trigger.id, trigger.state, trigger.next_due, trigger.note});
  if (trigger.state != TriggerState::active) {
    note_trigger(turn, trigger);
  }
}

}  // namespace jobflow::engine
