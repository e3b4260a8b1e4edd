// The spans and bounds the worker lives by, in one place so that tests can shorten them. A value.
#pragma once

#include "model/limits.h"

#include <chrono>
#include <cstddef>

namespace jobflow {
class Worker;

namespace worker {

struct Tuning {
  std::chrono::milliseconds backoff_first{50};  // between two tries to reach a member
  std::chrono::milliseconds backoff_last{2000};
  std::chrono::milliseconds welcome_wait{5000};                      // for the server's first word
  std::chrono::milliseconds heartbeat{limits::kWorkerHeartbeat.ms};  // until a Welcome says
  std::chrono::milliseconds lease{limits::kWorkerLease.ms};          // until a Welcome says
  std::chrono::milliseconds process_grace{3000};   // between a process' TERM and its KILL
  std::chrono::milliseconds stop_grace{5000};      // then a body that ignores its stop is reported
  std::chrono::milliseconds leave_wait{2000};      // for last acknowledgements when stopping
  std::chrono::milliseconds report_again{10'000};  // an end without Ack on a living link
  std::size_t remembered_ends = 16'384;            // acknowledged tokens still answered
  std::size_t remembered_bytes = 8 * 1024 * 1024;
  std::size_t message_bytes = 1024 * 1024;      // of one message to the server, roughly
  std::size_t log_bytes = 32 * 1024 * 1024;     // unacknowledged lines of all runs
  std::size_t log_run_bytes = 8 * 1024 * 1024;  // unacknowledged lines of one run
};

}  // namespace worker

// Before start.
void tune(Worker& worker, const worker::Tuning& tuning);

}  // namespace jobflow
