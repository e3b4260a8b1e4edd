// An Executor on a thread of its own, for the real server.
//
// Tasks run in the order in which they were posted; a whole queue is taken per wake. A task must
// not throw: what escapes it ends the process, which is safe, since nothing undurable has left it.
// post() and stop() are for any thread; stop() from within a task is a programmer's error.
#pragma once

#include "runtime/clock.h"
#include "runtime/executor.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace jobflow::runtime {

class ThreadExecutor final : public Executor {
 public:
  // Starts the thread. wake_at() is read on the monotonic time of `clock`, which must outlive this.
  explicit ThreadExecutor(const Clock& clock);
  ~ThreadExecutor() override;  // stops
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;

  void post(std::function<void()> task) override;
  void wake_at(Instant monotonic, std::function<void()> task) override;

  // Runs what was posted before the call, then ends the thread. Later tasks are dropped unrun, and
  // so is the timer. Further calls do nothing.
  void stop();

 private:
  void run();
  void nap(std::unique_lock<std::mutex>& lock);
  void fire_timer();

  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> queue_;
  bool asleep_ = false;
  bool stopping_ = false;
  // The timer is the thread's own.
  Instant timer_at_ = kNever;
  std::function<void()> timer_task_;
  std::thread thread_;
};

}  // namespace jobflow::runtime
