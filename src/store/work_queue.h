// A queue of tasks and the threads that run them: what owns connections. One thread runs its tasks
// in order. post() from any thread. Destruction runs what was posted, then joins (I7).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace jobflow::store {

class WorkQueue {
 public:
  // Gets the number of the thread that runs it, from 0.
  using Task = std::function<void(std::size_t thread)>;

  // `idle` runs on a thread, once, each time it had nothing to do for `idle_after`.
  explicit WorkQueue(int threads, Task idle = {}, std::chrono::milliseconds idle_after = {});
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void post(Task task);
  // True once destruction began: a task that waits for something outside should give up.
  bool stopping() const;

 private:
  void loop(std::size_t thread);

  const Task idle_;
  const std::chrono::milliseconds idle_after_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;  // guarded by mutex_
  bool stopping_ = false;   // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace jobflow::store
