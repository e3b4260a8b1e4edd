// Timers: bounds of runs, and triggers that fire (S4.6, S4.8, I2, I5).
#include "engine/cron.h"
#include "engine/shard.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

// After a long outage the missed instants are counted in slices of this many (house 3.8).
constexpr int kMissedPerDecision = 10'000;
// A trigger that is edited before its missed instants were looked at: as many are counted.
constexpr int kOverdueCounted = 1'000'000;

}  // namespace

void Shard::timer_due(Turn& turn, const Timer& timer) {
  if (timer.kind == TimerSubject::trigger) {
    const auto owner = trigger_owner_.find(timer.subject);
    if (owner == trigger_owner_.end()) {
      return;
    }
    Known& known = known_.at(owner->second);
    for (TriggerRow& trigger : known.triggers) {
      // Anything else is a timer of before an edit.
      if (trigger.id == timer.subject && trigger.state == TriggerState::active &&
          trigger.next_due == timer.due) {
        fire(turn, known, trigger);
        return;
      }
    }
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
  switch (run->row.progress.state) {
    case RunState::scheduled:
      if (run->graph) {
        move_workflow(*run, WorkflowEvent::begin);
        run->row.progress.started = turn.now;
        write(turn, *run);
        advance(turn, *run);
      } else {
        move(*run, RunEvent::come_due);
        enter_queue(turn, *run);
      }
      return;
    case RunState::queued:
      leave_queue(*run);
      move(*run, RunEvent::expire);
      run->row.progress.error_kind = "expired";
      run->row.progress.error = "not started within its queue timeout";
      finish(turn, *run);
      return;
    case RunState::running: {
      if (!could_be_heard(turn, *run)) {
        return;
      }
      // The worker's own time-out comes first; it did not: stop waiting for it.
      const RunProgress& progress = run->row.progress;
      turn.out.effects.emplace_back(
          SendCancel{progress.incarnation, {run->row.id, progress.token}});
      attempt_failed(
          turn, *run, AttemptEvent::time_out,
          {.error_kind = "timeout", .error = "ran out of time; its worker did not say so"});
      return;
    }
    case RunState::cancelling:
      if (!could_be_heard(turn, *run)) {
        return;
      }
      free_attempt(*run);
      move(*run, RunEvent::confirm_cancel);
      run->row.progress.error_kind = "cancelled";
      run->row.progress.error = "cancelled; its worker did not confirm in time";
      finish(turn, *run);
      return;
    case RunState::pending:
    case RunState::waiting:
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
bool Shard::could_be_heard(Turn& turn, LiveRun& run) {
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

// Instants that came due and were not yet fired when their trigger changed: the ledger says why no
// run came of them (S4.8).
void Shard::skip_overdue(Turn& turn, const TriggerRow& trigger, const char* reason) {
  if (trigger.state != TriggerState::active || trigger.next_due > turn.now) {
    return;
  }
  const auto cron = Cron::parse(trigger.cron);
  check(cron.ok(), "a saved cron expression parses");
  SkippedFiringRow row{.trigger = trigger.id,
                       .from = trigger.next_due,
                       .to = trigger.next_due,
                       .count = 0,
                       .reason = reason};
  for (Instant due = row.from; due <= turn.now && row.count < kOverdueCounted;
       due = cron->next_after(due)) {
    row.to = due;
    ++row.count;
  }
  turn.out.changes.emplace_back(InsertSkippedFiring{std::move(row)});
}

// Fires what is due. Of several missed instants the last one runs, the others are recorded (S4.6).
void Shard::fire(Turn& turn, Known& known, TriggerRow& trigger) {
  const auto cron = Cron::parse(trigger.cron);
  check(cron.ok(), "a saved cron expression parses");
  const Instant first = trigger.next_due;
  Instant planned = first;
  Instant last_missed{};
  Instant next = cron->next_after(planned);
  int missed = 0;
  while (next <= turn.now && missed < kMissedPerDecision) {
    last_missed = planned;
    planned = next;
    next = cron->next_after(planned);
    ++missed;
  }
  if (missed > 0) {
    turn.out.changes.emplace_back(InsertSkippedFiring{{.trigger = trigger.id,
                                                       .from = first,
                                                       .to = last_missed,
                                                       .count = missed,
                                                       .reason = "misfire"}});
  }
  const bool more_missed = next <= turn.now;
  if (!more_missed) {
    const std::string params = trigger.params;
    LiveRun* run = nullptr;
    if (live_.size() < limits::kLiveRunsPerShard) {
      auto created =
          create_run(turn, known, {.params = params, .trigger = trigger.id, .planned = planned});
      run = created ? *created : nullptr;
      if (run != nullptr && run->graph) {
        advance(turn, *run);
      }
    }
    if (run == nullptr) {
      // No run can come of it, ever or now; the ledger says so (S4.8).
      turn.out.changes.emplace_back(InsertSkippedFiring{{.trigger = trigger.id,
                                                         .from = planned,
                                                         .to = planned,
                                                         .count = 1,
                                                         .reason = "refused"}});
    }
  } else {
    next = planned;  // the next slice begins with it
  }
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
