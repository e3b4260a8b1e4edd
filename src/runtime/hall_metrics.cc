#include "runtime/hall_metrics.h"

#include "store/batch.h"

#include <algorithm>

namespace jobflow::runtime {

namespace {

double seconds_between(Instant from, Instant to) {
  return static_cast<double>(std::max<std::int64_t>((to - from).ms, 0)) / 1000.0;
}

}  // namespace

HallMetrics::HallMetrics(Metrics& metrics)
    : commit_seconds(metrics.histogram("jobflow_commit_seconds", "Time of a batch's commit")),
      commit_batch_size(metrics.histogram("jobflow_commit_batch_size",
                                          "Decisions in a batch",
                                          "",
                                          {1, 4, 16, 64, 256, 1024, 4096, 16384})),
      trigger_lateness_seconds(
          metrics.histogram("jobflow_trigger_lateness_seconds",
                            "From a trigger's planned instant to its firing's decision")),
      run_queue_wait_seconds(metrics.histogram("jobflow_run_queue_wait_seconds",
                                               "From a run's being queued to its assignment")),
      step_transition_seconds(
          metrics.histogram("jobflow_step_transition_seconds",
                            "From the end of what a step needs to the step's assignment")),
      takeover_seconds(metrics.histogram("jobflow_takeover_seconds",
                                         "From holding a member dead to owning its shards")),
      run_duration_seconds(
          metrics.histogram("jobflow_run_duration_seconds",
                            "Of the attempt that ended a run or step, from its assignment",
                            "",
                            {0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000})),
      queue_depth(metrics.gauge("jobflow_queue_depth", "Runs that wait for a worker")),
      queue_oldest_age_seconds(
          metrics.gauge("jobflow_queue_oldest_age_seconds",
                        "How long the run that waits longest has waited for a worker")),
      live_runs(metrics.gauge("jobflow_live_runs", "Runs that have not ended")),
      definitions_awake(
          metrics.gauge("jobflow_definitions_awake",
                        "Jobs and workflows in memory; the others sleep in the store")),
      workers(metrics.gauge("jobflow_workers", "Workers known", "{state=\"any\"}")),
      worker_slots_busy(metrics.gauge(
          "jobflow_worker_slots", "Slots of the workers connected here", "{kind=\"busy\"}")),
      worker_slots_free(metrics.gauge(
          "jobflow_worker_slots", "Slots of the workers connected here", "{kind=\"free\"}")),
      shards_owned(metrics.gauge("jobflow_shards_owned", "Shards this member owns")),
      left_out(metrics.gauge("jobflow_left_out_items",
                             "Runs and triggers left alone: not even set aside can be written")),
      letters_waiting(metrics.gauge("jobflow_letters_waiting",
                                    "Letters between shards that nobody has confirmed yet")),
      letters_oldest_age_seconds(
          metrics.gauge("jobflow_letters_oldest_age_seconds",
                        "How long the oldest letter has waited to be confirmed")),
      letters_written(
          metrics.counter("jobflow_letters_total", "Letters between shards", "{what=\"written\"}")),
      letters_sent_again(metrics.counter(
          "jobflow_letters_total", "Letters between shards", "{what=\"sent_again\"}")),
      stale_reports(metrics.counter("jobflow_stale_reports_refused_total",
                                    "Reports with an old token, which changed nothing")),
      firings(metrics.counter(
          "jobflow_firings_total", "Due instants of triggers", "{outcome=\"fired\"}")),
      firings_skipped(metrics.counter(
          "jobflow_firings_total", "Due instants of triggers", "{outcome=\"skipped\"}")),
      history_changed(metrics.counter("jobflow_store_history_changed_total",
                                      "Times the store was not what it had been")),
      log_bytes(metrics.counter("jobflow_log_bytes_total", "Bytes of log lines taken in")),
      log_dropped(metrics.counter("jobflow_log_dropped_total",
                                  "Log lines that workers left out, as they said")),
      log_chunks_deleted(metrics.counter("jobflow_log_chunks_deleted_total",
                                         "Chunks of log lines deleted by retention")),
      log_retention_behind(
          metrics.gauge("jobflow_log_retention_behind_seconds",
                        "By how much the oldest log lines are older than they should be")),
      store_refused(metrics.counter(
          "jobflow_store_errors_total", "Errors of the store by class", "{class=\"refused\"}")),
      store_away(metrics.counter(
          "jobflow_store_errors_total", "Errors of the store by class", "{class=\"unavailable\"}")),
      takeovers(metrics.counter("jobflow_takeovers_total", "Members held to be dead")),
      retries_lost(
          metrics.counter("jobflow_retries_total", "Attempts retried", "{reason=\"lost\"}")),
      retries_timeout(
          metrics.counter("jobflow_retries_total", "Attempts retried", "{reason=\"timeout\"}")),
      retries_failed(
          metrics.counter("jobflow_retries_total", "Attempts retried", "{reason=\"failed\"}")) {
  for (int i = 0; i < kAttemptStates; ++i) {
    const auto state = static_cast<AttemptState>(i);
    if (is_final(state) && state != AttemptState::not_sent) {
      attempts_[static_cast<std::size_t>(i)] =
          &metrics.counter("jobflow_attempts_total", "Attempts that ended",
                           "{result=\"" + std::string(to_string(state)) + "\"}");
    }
  }
  for (int i = 0; i < kRunStates; ++i) {
    const auto state = static_cast<RunState>(i);
    if (is_final(state)) {
      const std::string label = "{state=\"" + std::string(to_string(state)) + "\",kind=\"";
      const auto index = static_cast<std::size_t>(i);
      runs_ended[index] =
          &metrics.counter("jobflow_runs_total", "Runs that ended", label + "run\"}");
      steps_ended[index] =
          &metrics.counter("jobflow_runs_total", "Runs that ended", label + "step\"}");
    }
  }
}

void HallMetrics::count(const store::Batch& batch) {
  std::array<std::uint64_t, kRunStates> runs{};
  std::array<std::uint64_t, kRunStates> steps{};
  std::uint64_t stale = 0;
  for (const store::ShardPart& part : batch.parts) {
    for (const Event& event : part.journal.events) {
      if (event.type == EventType::run_changed && event.state < kRunStates) {
        ++(event.parent.is_set() ? steps : runs)[event.state];
        if (event.parent.is_set() && event.attempt == 1 &&
            event.state == static_cast<std::uint8_t>(RunState::running)) {
          // A step's row is made when what it needs has ended.
          step_transition_seconds.observe(seconds_between(event.subject.time(), event.time));
        }
      } else if (event.type == EventType::stale_report_refused) {
        ++stale;
      }
    }
  }
  for (std::size_t i = 0; i < kRunStates; ++i) {
    if (runs_ended[i] != nullptr) {
      runs_ended[i]->add(runs[i]);
      steps_ended[i]->add(steps[i]);
    }
  }
  stale_reports.add(stale);
  for (const store::ShardPart& part : batch.parts) {
    for (const Change& change : part.changes) {
      count(change);
    }
  }
}

void HallMetrics::count(const Change& change) {
  if (const auto* update = std::get_if<UpdateRun>(&change)) {
    count(update->run, update->progress);
  } else if (const auto* insert = std::get_if<InsertRun>(&change)) {
    count(insert->row.id, insert->row.progress);
    if (insert->row.trigger.is_set()) {
      firings.add();
    }
  } else if (const auto* attempt = std::get_if<InsertAttempt>(&change)) {
    count(attempt->row);
  } else if (const auto* skipped = std::get_if<SaveSkippedFiring>(&change)) {
    firings_skipped.add(static_cast<std::uint64_t>(skipped->added));
  } else if (std::holds_alternative<InsertLetter>(change)) {
    letters_written.add();
  }
}

void HallMetrics::count(Id run, const RunProgress& progress) {
  if (!progress.token.is_set()) {
    return;  // a workflow run, or one that never started
  }
  if (progress.state == RunState::running && progress.attempt == 1 && progress.progress == 0) {
    run_queue_wait_seconds.observe(
        seconds_between(std::max(run.time(), progress.due), progress.started));
  } else if (is_final(progress.state)) {
    run_duration_seconds.observe(seconds_between(progress.started, progress.ended));
    const bool was_lost = progress.error_kind == "lost";
    const auto result = progress.state == RunState::succeeded   ? AttemptState::succeeded
                        : progress.state == RunState::timed_out ? AttemptState::timed_out
                        : progress.state == RunState::cancelled ? AttemptState::cancelled
                        : was_lost                              ? AttemptState::lost
                                                                : AttemptState::failed;
    attempts_[static_cast<std::size_t>(result)]->add();
  }
}

void HallMetrics::count(const AttemptRow& replaced) {
  if (Counter* counter = attempts_[static_cast<std::size_t>(replaced.state)]) {
    counter->add();
  }
  if (replaced.retry_at.is_set()) {
    (replaced.state == AttemptState::lost        ? retries_lost
     : replaced.state == AttemptState::timed_out ? retries_timeout
                                                 : retries_failed)
        .add();
  }
}

}  // namespace jobflow::runtime
