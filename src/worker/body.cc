#include "worker/body.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace jobflow::worker {

Body::~Body() {
  if (stop_fd >= 0) {
    ::close(stop_fd);
  }
}

void Body::ask_stop(std::chrono::milliseconds kill_after) {
  const std::lock_guard lock(mutex);
  kill_after_ms.store(kill_after.count(), std::memory_order_relaxed);
  stop_asked.store(true, std::memory_order_release);
  stopped.notify_all();
  if (stop_fd >= 0) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stop_fd, &one, sizeof one);
  }
}

int Body::stop_descriptor() {
  const std::lock_guard lock(mutex);
  if (stop_fd < 0) {
    stop_fd = ::eventfd(stop_asked.load(std::memory_order_relaxed) ? 1 : 0, EFD_CLOEXEC);
  }
  return stop_fd;
}

void Body::reset() {
  handler = nullptr;
  phase.store(Phase::waits, std::memory_order_relaxed);
  started_ns.store(0, std::memory_order_relaxed);
  stop_asked.store(false, std::memory_order_relaxed);
  progress.store(-1, std::memory_order_relaxed);
  reason = StopReason::none;
  reported = false;
  forgotten = false;
  progress_sent = -1;
  previous = nullptr;
  next = nullptr;
  params.reset();
  usage.reset();
  spool.store(nullptr, std::memory_order_relaxed);
  if (stop_fd >= 0) {
    ::close(stop_fd);
    stop_fd = -1;
  }
}

}  // namespace jobflow::worker
