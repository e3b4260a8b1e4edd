#include "runtime/hall_metrics.h"

#include "store/batch.h"

namespace jobflow::runtime {

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
      queue_depth(metrics.gauge("jobflow_queue_depth", "Runs that wait for a worker")),
      live_runs(metrics.gauge("jobflow_live_runs", "Runs that have not ended")),
      workers(metrics.gauge("jobflow_workers", "Workers known", "{state=\"any\"}")),
      shards_owned(metrics.gauge("jobflow_shards_owned", "Shards this member owns")),
      left_out(metrics.gauge("jobflow_left_out_items",
                             "Runs and triggers left alone: not even set aside can be written")),
      stale_reports(metrics.counter("jobflow_stale_reports_refused_total",
                                    "Reports with an old token, which changed nothing")),
      firings(metrics.counter(
          "jobflow_firings_total", "Due instants of triggers", "{outcome=\"fired\"}")),
      history_changed(metrics.counter("jobflow_store_history_changed_total",
                                      "Times the store was not what it had been")),
      log_bytes(metrics.counter("jobflow_log_bytes_total", "Bytes of log lines taken in")),
      store_refused(metrics.counter(
          "jobflow_store_errors_total", "Errors of the store by class", "{class=\"refused\"}")),
      store_away(metrics.counter("jobflow_store_errors_total",
                                 "Errors of the store by class",
                                 "{class=\"unavailable\"}")) {
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
}

}  // namespace jobflow::runtime
