// Attempts: given to workers against credits, reported back, lost, tried again (S3.2, S6.1-S6.7).
#include "engine/shard_inside.h"
#include "model/json.h"
#include "model/sabotage.h"

#include <algorithm>
#include <cmath>

namespace jobflow::engine {
namespace {

// A worker that refused waits this long before it is asked again: it may be full or draining.
constexpr Span kRefusedPause = milliseconds(500);

// The n-th retry's pause (S3.2): min(max, initial * factor^(n-1)), less a part derived from run
// and attempt, so that equal runs do not come back all at once (I6).
Span back_off(const RetryPolicy& policy, Id run, int attempt) {
  const double full =
      std::min(static_cast<double>(policy.max.ms),
               static_cast<double>(policy.initial.ms) * std::pow(policy.factor, attempt - 1));
  const std::uint64_t hash = stable_hash(to_string(run), static_cast<std::uint64_t>(attempt));
  const double part = static_cast<double>(hash >> 11) / static_cast<double>(1ULL << 53);
  return milliseconds(std::llround(full * (1.0 - policy.jitter * part)));
}

// The run's row holds no attempt from now on.
void clear_attempt(RunProgress& progress) {
  progress.token = Id{};
  progress.worker.clear();
  progress.incarnation = Id{};
  progress.started = Instant{};
}

// The job's name; of a step: workflow/step.
std::string job_name(const Definition& definition, const RunRow& row) {
  return row.step.empty() ? definition.name : definition.name + "/" + row.step;
}

// Whether the job says that such a failure is not worth another attempt (S3.2).
bool is_in_vain(const RetryPolicy& policy, const FinishedReport& report, const std::string& kind) {
  return std::ranges::binary_search(policy.not_on_kinds, kind) ||
         (report.usage && report.usage->exit_signal == 0 && kind == "exit_code" &&
          std::ranges::binary_search(policy.not_on_exit_codes, report.usage->exit_code));
}

RunEvent final_event(AttemptEvent event) {
  return event == AttemptEvent::time_out ? RunEvent::time_out : RunEvent::fail_finally;
}

}  // namespace

// The most urgent run that somebody can take; queues of one urgency take turns. Nothing to give
// out, or nobody to give it to: an empty decision.
void Shard::Inside::dispatch_next(Turn& turn) {
  queues_.serve(turn.now, [&](Queue& queue) { return dispatch_from(turn, queue); });
}

bool Shard::Inside::dispatch_from(Turn& turn, Queue& queue) {
  const auto& candidates = turn.roster.candidates(queue.ask);
  if (candidates.empty()) {
    return false;
  }
  LiveRun& run = live_.at(most_urgent(queue.runs).run);
  if (is_out_of_time(run, turn.now)) {
    end_out_of_time(turn, run);
    return true;
  }
  RosterWorker* worker = choose_worker(run, candidates);
  if (worker == nullptr) {
    return false;
  }
  assign(turn, run, *worker);
  return true;
}

RosterWorker* Shard::Inside::choose_worker(LiveRun& run,
                                           const std::vector<RosterWorker*>& candidates) {
  Lane& lane = run.its_lane();
  const Strategy strategy = lane.task->strategy;
  // Derived from the run (I6), and only when it is asked for.
  const std::uint64_t choice =
      strategy == Strategy::random || strategy == Strategy::custom
          ? stable_hash(to_string(run.row.id), static_cast<std::uint64_t>(run.row.progress.attempt))
          : 0;
  if (strategy != Strategy::custom) {
    return choose(strategy, candidates, lane.turn, choice);
  }
  return choose_custom(lane.task->custom_strategy, candidates, lane.turn,
                       {.name_space = run.plan->definition->name_space,
                        .job = job_name(*run.plan->definition, run.row),
                        .params = run.row.params,
                        .priority = run.row.priority,
                        .attempt = run.row.progress.attempt + 1,
                        .dice = choice});
}

void Shard::Inside::assign(Turn& turn, LiveRun& run, RosterWorker& worker) {
  leave_queue_to_begin(run);
  move(run, RunEvent::assign);
  RunProgress& progress = run.row.progress;
  progress.attempt += 1;
  progress.token = make_id(turn.now);
  progress.worker = worker.hello.name;
  progress.incarnation = worker.hello.incarnation;
  progress.started = turn.now;
  run.sent = Instant{};
  run.sent_again = false;
  progress.due = Instant{};
  progress.progress = 0;
  progress.error_kind.clear();
  progress.error.clear();
  by_incarnation_[progress.incarnation].insert(run.row.id);
  turn.roster.take(progress.incarnation, progress.token);
  turn.out.effects.emplace_back(SendAssignment{progress.incarnation, assignment_of(run, turn.now)});
  write(turn, run, worker.hello.name);
}

// For an attempt that is sent now; zero: the worker's default.
Span Shard::Inside::time_for(const LiveRun& run, Instant now) {
  const Span execution = run.task().timeouts.execution;
  const Instant deadline = run.row.progress.deadline;
  if (!deadline.is_set()) {
    return execution;
  }
  const Span left = std::max(deadline - now, milliseconds(1));
  return execution.ms > 0 ? std::min(execution, left) : left;
}

Assignment Shard::Inside::assignment_of(LiveRun& run, Instant now) const {
  return {.run = run.row.id,
          .token = run.row.progress.token,
          .attempt = run.row.progress.attempt,
          .epoch = epoch_,
          .handler = run.row.handler,
          .params = run.row.params,
          .timeout = time_for(run, now),
          .job = job_name(*run.plan->definition, run.row),
          .idempotency_key = run.row.idempotency_key,
          .sent_before = run.sent_again};
}

// The attempt is over: its incarnation no longer holds it. The credit comes back by the worker's
// own word or with its end (the roster's matter), not here.
void Shard::Inside::free_attempt(LiveRun& run) {
  free_gate(run);
  if (holds_.contains(run.row.id)) {
    unsettled_.runs.insert(run.row.id);
  }
  const auto found = by_incarnation_.find(run.row.progress.incarnation);
  if (found != by_incarnation_.end()) {
    found->second.erase(run.row.id);
    if (found->second.empty()) {
      by_incarnation_.erase(found);
    }
  }
}

void Shard::Inside::attempt_ended(Turn& turn, const AttemptEnded& ask) {
  const FinishedReport& report = ask.report;
  // Said again, for what it said it held may have been counted since (it waited for this shard).
  turn.roster.give_back(ask.incarnation, report.token);
  LiveRun* run = find_live(report.run);
  const bool is_its = run != nullptr && run->row.progress.token == report.token &&
                      run->row.progress.incarnation == ask.incarnation;
  const bool counts = run != nullptr && (is_its || sabotaged(Sabotage::no_token_check)) &&
                      (run->row.progress.state == RunState::running ||
                       run->row.progress.state == RunState::cancelling);
  if (!counts) {
    // Old or repeated: it changes nothing; the worker may forget it (I3, S7.3). A run that is not
    // live has had its end already.
    if (run != nullptr) {
      turn.out.events.push_back({.type = EventType::stale_report_refused,
                                 .state = static_cast<std::uint8_t>(run->row.progress.state),
                                 .subject = report.run,
                                 .definition = run->row.definition,
                                 .parent = run->row.parent,
                                 .attempt = run->row.progress.attempt,
                                 .time = turn.now,
                                 .text = run->row.step,
                                 .detail = "token " + to_string(report.token)});
    }
    turn.out.effects.emplace_back(SendAck{ask.incarnation, report.token});
    return;
  }
  turn.out.effects.emplace_back(SendAck{ask.incarnation, report.token});
  switch (report.outcome) {
    case ReportOutcome::succeeded: {
      if (report.result.size() > limits::kResultBytes) {
        FinishedReport too_large = report;
        too_large.error_kind = "result_too_large";
        too_large.error =
            "the result is over the limit of " + std::to_string(limits::kResultBytes) + " bytes";
        too_large.do_not_retry = true;
        attempt_failed(turn, *run, AttemptEvent::fail, too_large);
        return;
      }
      free_attempt(*run);
      check(attempt_transition(AttemptState::assigned, AttemptEvent::succeed).verdict ==
                Verdict::move,
            "an assigned attempt may succeed");
      move(*run, RunEvent::succeed);
      RunProgress& progress = run->row.progress;
      progress.result = report.result;
      progress.progress = 1;
      progress.error_kind.clear();
      progress.error.clear();
      finish(turn, *run);
      return;
    }
    case ReportOutcome::failed:
      attempt_failed(turn, *run, AttemptEvent::fail, report);
      return;
    case ReportOutcome::timed_out:
      attempt_failed(turn, *run, AttemptEvent::time_out, report);
      return;
    case ReportOutcome::cancelled:
      // Nobody here asked: the worker stopped it because it reached no server (S7.7).
      attempt_failed(turn, *run,
                     run->row.progress.state == RunState::cancelling ? AttemptEvent::cancel
                                                                     : AttemptEvent::lose,
                     report);
      return;
    case ReportOutcome::refused:
      return_unstarted(turn, *run, /*refused=*/true);
      return;
  }
}

// An attempt ended without success: another one, or the run's end (S3.2).
void Shard::Inside::attempt_failed(Turn& turn,
                                   LiveRun& run,
                                   AttemptEvent event,
                                   const FinishedReport& report) {
  free_attempt(run);
  RunProgress& progress = run.row.progress;
  const auto attempt = attempt_transition(AttemptState::assigned, event);
  check(attempt.verdict == Verdict::move, "an assigned attempt may end any way");
  if (progress.state == RunState::cancelling) {
    move(run, RunEvent::confirm_cancel);
    finish(turn, run);
    return;
  }
  progress.error_kind = !report.error_kind.empty()        ? report.error_kind
                        : event == AttemptEvent::time_out ? kTimeout
                                                          : std::string(to_string(attempt.to));
  progress.error = report.error;
  const RetryPolicy& policy = run.task().retry;
  const Span pause = report.retry_after.ms > 0 ? report.retry_after
                                               : back_off(policy, run.row.id, progress.attempt);
  if (report.do_not_retry || progress.attempt >= policy.max_attempts ||
      is_in_vain(policy, report, progress.error_kind) || is_out_of_time(run, turn.now + pause)) {
    if (event == AttemptEvent::lose && policy.max_attempts == 1) {
      progress.error = "lost: it may have run" + (report.error.empty() ? "" : "; " + report.error);
    }
    move(run, final_event(event));
    finish(turn, run);
    return;
  }
  keep_attempt(turn, run, attempt.to, turn.now + pause);
  move(run, RunEvent::retry_later);
  progress.due = turn.now + pause;
  write(turn, run, progress.error_kind);
}

// The attempt that a retry replaces gets a row of its own (house 3.5), once: from then on the run's
// row has no token, and knows of that attempt no more than its number.
void Shard::Inside::keep_attempt(Turn& turn, LiveRun& run, AttemptState state, Instant retry_at) {
  RunProgress& progress = run.row.progress;
  if (!progress.token.is_set()) {
    return;  // none since the last one that was kept
  }
  turn.out.changes.emplace_back(
      InsertAttempt{{.run = run.row.id,
                     .number = progress.attempt,
                     .token = progress.token,
                     .state = state,
                     .worker = progress.worker,
                     .incarnation = progress.incarnation,
                     .started = progress.started,
                     .ended = progress.ended.is_set() ? progress.ended : turn.now,
                     .error_kind = progress.error_kind,
                     .error = progress.error,
                     .retry_at = retry_at}});
  clear_attempt(progress);
}

void Shard::Inside::attempt_lost(Turn& turn, const AttemptLost& ask) {
  LiveRun* run = find_live(ask.run);
  if (run == nullptr || run->row.progress.token != ask.token ||
      (run->row.progress.state != RunState::running &&
       run->row.progress.state != RunState::cancelling)) {
    return;
  }
  turn.roster.give_back(run->row.progress.incarnation, ask.token);
  attempt_failed(turn, *run, AttemptEvent::lose, {.error_kind = "lost", .error = ask.reason});
}

// The same process is back. What it does not hold never reached it, or its end was acknowledged:
// then it would not be live here. So it is sent again (S6.6).
void Shard::Inside::attempt_reclaimed(Turn& turn, const AttemptReclaimed& ask) {
  LiveRun* run = find_live(ask.run);
  if (run == nullptr || run->row.progress.token != ask.token ||
      run->row.progress.incarnation != ask.incarnation) {
    if (ask.held) {
      turn.out.effects.emplace_back(SendCancel{ask.incarnation, {ask.run, ask.token}});
    }
    return;
  }
  const RunProgress& progress = run->row.progress;
  if (progress.state == RunState::running) {
    turn.roster.take(progress.incarnation, progress.token);
    if (!ask.held) {
      run->sent_again = true;
      turn.out.effects.emplace_back(
          SendAssignment{progress.incarnation, assignment_of(*run, turn.now)});
    }
  } else if (progress.state == RunState::cancelling) {
    if (ask.held) {
      turn.roster.take(progress.incarnation, progress.token);
      turn.out.effects.emplace_back(
          SendCancel{progress.incarnation, {run->row.id, progress.token}});
    } else {
      attempt_failed(turn, *run, AttemptEvent::cancel, {});
    }
  }
}

void Shard::Inside::assignment_unsent(Turn& turn, const AssignmentUnsent& ask) {
  LiveRun* run = find_live(ask.run);
  if (run == nullptr || run->row.progress.token != ask.token ||
      (run->row.progress.state != RunState::running &&
       run->row.progress.state != RunState::cancelling)) {
    return;
  }
  if (!run->sent_again && !ask.sent_before) {
    return_unstarted(turn, *run, /*refused=*/false);
  } else if (turn.roster.find(run->row.progress.incarnation) == nullptr) {
    // That one did not leave; what an earlier one did nobody here knows (S6.7).
    attempt_lost(turn, {ask.run, ask.token, "its worker is gone"});
  }
  // Else the worker will say so when it is back.
}

// It never started: no attempt (S6.7). Unsent ones queue at once; refused ones after a pause.
void Shard::Inside::return_unstarted(Turn& turn, LiveRun& run, bool refused) {
  RunProgress& progress = run.row.progress;
  check(attempt_transition(AttemptState::assigned, AttemptEvent::return_unsent).verdict ==
            Verdict::move,
        "an assigned attempt may come back");
  turn.roster.give_back(progress.incarnation, progress.token);
  free_attempt(run);
  progress.attempt -= 1;
  clear_attempt(progress);
  if (progress.state == RunState::cancelling) {
    move(run, RunEvent::return_unsent);
    finish(turn, run);
  } else if (refused) {
    move(run, RunEvent::retry_later);
    progress.due = turn.now + kRefusedPause;
    if (progress.error_kind.empty()) {
      progress.error_kind = "refused";  // so that it is not taken for one that was to begin later
      progress.error = "its worker refused it";
    }
    write(turn, run, "refused by its worker");
  } else {
    move(run, RunEvent::return_unsent);
    enter_queue(turn, run);
  }
}

void Shard::Inside::progress_made(Turn& turn, const ProgressReport& report) {
  LiveRun* run = find_live(report.run);
  if (run == nullptr || run->row.progress.token != report.token ||
      run->row.progress.state != RunState::running) {
    return;
  }
  run->row.progress.progress = std::clamp(report.progress, 0.0, 1.0);
  write(turn, *run, "progress");
}

}  // namespace jobflow::engine
