// One attempt in a worker's hands: what was assigned, and what tells its body to stop.
// Owned by the Station, lent to the Crew from submission until its body has returned. Each field
// says who may touch it. Re-used for later attempts: allocations are kept.
#pragma once

#include "model/work.h"

#include <jobflow/worker.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace jobflow::worker {

using Clock = std::chrono::steady_clock;
using MonotonicTime = Clock::time_point;

class RunSpool;

// A function offered under a name.
struct Handler {
  std::string name;
  Worker::Function function;
  HandlerOptions options;
};

enum class StopReason : unsigned char {
  none,
  cancel,    // ordered by the server
  timeout,   // its execution timeout has passed
  lease,     // no member was reached for most of a lease (S7.7)
  shutdown,  // this process ends
};

struct Body {
  // Set before submission, then only read.
  Assignment assignment;
  const Handler* handler = nullptr;
  Station* station = nullptr;

  enum class Phase : unsigned char { waits, runs, dropped };
  std::atomic<Phase> phase{Phase::waits};
  std::atomic<std::int64_t> started_ns{0};  // monotonic; 0 before its start
  std::atomic<bool> stop_asked{false};
  std::atomic<std::int64_t> kill_after_ms{0};  // from the stop to a process' KILL
  std::atomic<double> progress{-1};

  // Guarded by the Station's mutex.
  StopReason reason = StopReason::none;
  MonotonicTime stopped_at{};
  bool reported = false;   // its end was reported; the thread that runs it goes on
  bool forgotten = false;  // the server wants no report of it
  double progress_sent = -1;
  Body* previous = nullptr;
  Body* next = nullptr;

  // The body's own thread.
  std::optional<Json> params;
  std::optional<ProcessUsage> usage;

  std::atomic<RunSpool*> spool{nullptr};  // its log, once it wrote a line

  // Wakes whoever waits for the stop.
  std::mutex mutex;
  std::condition_variable stopped;
  int stop_fd = -1;  // an eventfd, made for process bodies

  Body() = default;
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  void ask_stop(std::chrono::milliseconds kill_after);
  // A descriptor that turns readable when the stop is asked; -1 when the system has none left.
  int stop_descriptor();
  void reset();
};

}  // namespace jobflow::worker

namespace jobflow {
worker::Body& body_of(Context& run);
}
