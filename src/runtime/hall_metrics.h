// The hall's metrics, looked up once (interfaces 3).
#pragma once

#include "model/change.h"
#include "model/states.h"
#include "runtime/metrics.h"

#include <array>

namespace jobflow::store {
struct Batch;
}

namespace jobflow::runtime {

struct HallMetrics {
  explicit HallMetrics(Metrics& metrics);

  // Counts what the events of a landed batch say.
  void count(const store::Batch& batch);

  Histogram& commit_seconds;
  Histogram& commit_batch_size;
  Histogram& trigger_lateness_seconds;
  Histogram& run_queue_wait_seconds;
  Histogram& step_transition_seconds;
  Histogram& takeover_seconds;
  Histogram& run_duration_seconds;  // of the attempt that ended a run or step
  Gauge& queue_depth;
  Gauge& queue_oldest_age_seconds;
  Gauge& live_runs;
  Gauge& definitions_awake;
  Gauge& workers;
  Gauge& worker_slots_busy;
  Gauge& worker_slots_free;
  Gauge& shards_owned;
  Gauge& left_out;
  Gauge& letters_waiting;
  Gauge& letters_oldest_age_seconds;
  Counter& letters_written;
  Counter& letters_sent_again;
  Counter& stale_reports;
  Counter& firings;
  Counter& firings_skipped;
  Counter& history_changed;
  Counter& log_bytes;
  Counter& log_dropped;
  Counter& log_chunks_deleted;
  Gauge& log_retention_behind;
  Counter& store_refused;
  Counter& store_away;
  Counter& takeovers;
  Counter& retries_lost;
  Counter& retries_timeout;
  Counter& retries_failed;
  std::array<Counter*, kRunStates> runs_ended{};  // of jobs and workflows, by final state
  std::array<Counter*, kRunStates> steps_ended{};

 private:
  void count(const Change& change);
  void count(Id run, const RunProgress& progress);
  void count(const AttemptRow& replaced);

  std::array<Counter*, kAttemptStates> attempts_{};  // by how they ended
};

}  // namespace jobflow::runtime
