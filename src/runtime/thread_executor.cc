#include "runtime/thread_executor.h"

#include "model/check.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace jobflow::runtime {
namespace {

// So far ahead that no timer of ours is later; what the condition variable takes has an end.
constexpr Span kNapMax = days(1);

// A queue that once was huge gives its memory back.
constexpr std::size_t kQueueKept = 65'536;

}  // namespace

ThreadExecutor::ThreadExecutor(const Clock& clock) : clock_(clock), thread_([this] { run(); }) {}

ThreadExecutor::~ThreadExecutor() {
  stop();
}

void ThreadExecutor::post(std::function<void()> task) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      return;
    }
    queue_.push_back(std::move(task));
    wake = std::exchange(asleep_, false);
  }
  if (wake) {
    wake_.notify_one();
  }
}

void ThreadExecutor::wake_at(Instant monotonic, std::function<void()> task) {
  check(std::this_thread::get_id() == thread_.get_id(), "wake_at() off the executor's thread");
  timer_at_ = monotonic;
  timer_task_ = std::move(task);
}

void ThreadExecutor::stop() {
  check(std::this_thread::get_id() != thread_.get_id(), "stop() on the executor's own thread");
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void ThreadExecutor::run() {
  std::vector<std::function<void()>> taken;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (queue_.empty() && stopping_) {
      return;
    }
    if (queue_.empty()) {
      nap(lock);
    }
    taken.swap(queue_);
    lock.unlock();
    for (auto& task : taken) {
      task();
      task = nullptr;  // what it holds may wait for its end
    }
    taken.clear();
    if (taken.capacity() > kQueueKept) {
      taken.shrink_to_fit();
    }
    fire_timer();
    lock.lock();
  }
}

void ThreadExecutor::nap(std::unique_lock<std::mutex>& lock) {
  asleep_ = true;
  const auto roused = [this] { return !asleep_ || stopping_; };
  if (timer_at_ == kNever) {
    wake_.wait(lock, roused);
  } else if (const Instant now = clock_.monotonic(); timer_at_ > now) {
    const Span span = std::min(timer_at_ - now, kNapMax);
    wake_.wait_for(lock, std::chrono::milliseconds(span.ms), roused);
  }
  asleep_ = false;
}

void ThreadExecutor::fire_timer() {
  if (timer_at_ == kNever || clock_.monotonic() < timer_at_) {
    return;
  }
  timer_at_ = kNever;
  const auto task = std::exchange(timer_task_, nullptr);
  if (task) {
    task();
  }
}

}  // namespace jobflow::runtime
