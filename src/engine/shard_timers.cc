// Timers: of triggers, of letters, and the bounds of runs (I5).
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {

void Shard::Inside::timer_due(Turn& turn, const Timer& timer) {
  if (timer.kind == TimerSubject::trigger) {
    trigger_due(turn, timer);
    return;
  }
  if (timer.kind == TimerSubject::letters) {
    letters_due(turn, timer);
    return;
  }
  if (timer.kind == TimerSubject::permits) {
    permits_due(turn, timer);
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

void Shard::Inside::bound_reached(Turn& turn, LiveRun& run) {
  switch (run.row.progress.state) {
    case RunState::scheduled:
      if (is_out_of_time(run, turn.now)) {
        end_out_of_time(turn, run);
      } else if (is_called_off(run)) {
        ask_cancel(turn, run, "cancelled: disabled before its jitter was over");
      } else if (run.graph) {
        begin_workflow(turn, run);
      } else {
        move(run, RunEvent::come_due);
        enter_queue(turn, run);
      }
      return;
    case RunState::queued:
      if (is_out_of_time(run, turn.now)) {
        end_out_of_time(turn, run);
        return;
      }
      leave_queue(run);
      move(run, RunEvent::expire);
      run.row.progress.error_kind = "expired";
      run.row.progress.error = "not started within its queue timeout";
      finish(turn, run);
      return;
    case RunState::running: {
      if (run.graph) {
        time_out_workflow(turn, run);
        return;
      }
      if (!could_be_heard(turn, run)) {
        return;
      }
      // The worker's own time-out comes first; it did not: stop waiting for it.
      const RunProgress& progress = run.row.progress;
      turn.out.effects.emplace_back(SendCancel{progress.incarnation, {run.row.id, progress.token}});
      attempt_failed(
          turn, run, AttemptEvent::time_out,
          {.error_kind = kTimeout, .error = "ran out of time; its worker did not say so"});
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
          run.row.after_run.is_set()
              ? "run " + to_string(run.row.after_run) + ", which it waits for, did not end in time"
              : "other runs, which it waited for in line, did not end in time";
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

// Whether its total timeout is over (S3.3).
bool Shard::Inside::is_out_of_time(const LiveRun& run, Instant now) {
  return run.row.progress.deadline.is_set() && run.row.progress.deadline <= now;
}

// One that nobody works on now.
void Shard::Inside::end_out_of_time(Turn& turn, LiveRun& run) {
  RunProgress& progress = run.row.progress;
  if (progress.state == RunState::queued) {
    leave_queue(run);
  }
  move(run, RunEvent::time_out);
  progress.error_kind = kTimeout;
  progress.error = progress.error.empty()
                       ? "did not end within its total timeout"
                       : "did not end within its total timeout; before: " + progress.error;
  finish(turn, run);
}

// A firing whose jitter is not over has not fired yet: what is disabled meanwhile does not (S6.4).
// One that a worker refused had fired.
bool Shard::Inside::is_called_off(const LiveRun& run) const {
  const auto known = known_.find(run.row.definition);
  if (!run.row.trigger.is_set() || run.row.backfilled || run.row.progress.attempt > 0 ||
      !run.row.progress.error_kind.empty() || known == known_.end()) {
    return false;
  }
  const auto& triggers = known->second.triggers;
  const auto trigger = std::find_if(triggers.begin(), triggers.end(), [&](const Trigger& one) {
    return one.row.id == run.row.trigger;
  });
  return !known->second.row.enabled ||
         (trigger != triggers.end() && !spec_of(known->second, *trigger).enabled);
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

}  // namespace jobflow::engine
