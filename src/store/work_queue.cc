#include "store/work_queue.h"

#include <utility>

namespace jobflow::store {

WorkQueue::WorkQueue(int threads, Task idle, std::chrono::milliseconds idle_after)
    : idle_(std::move(idle)), idle_after_(idle_after) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(threads); ++i) {
    threads_.emplace_back([this, i] { loop(i); });
  }
}

WorkQueue::~WorkQueue() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void WorkQueue::post(Task task) {
  {
    const std::scoped_lock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

bool WorkQueue::stopping() const {
  const std::scoped_lock lock(mutex_);
  return stopping_;
}

void WorkQueue::loop(std::size_t thread) {
  bool may_idle = static_cast<bool>(idle_);
  const auto has_work = [this] { return stopping_ || !tasks_.empty(); };
  std::unique_lock lock(mutex_);
  while (true) {
    if (may_idle && !wake_.wait_for(lock, idle_after_, has_work)) {
      lock.unlock();
      idle_(thread);
      lock.lock();
      may_idle = false;
      continue;
    }
    wake_.wait(lock, has_work);
    if (tasks_.empty()) {
      return;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(thread);
    task = nullptr;  // what it held goes now, not at the next task
    lock.lock();
    may_idle = static_cast<bool>(idle_);
  }
}

}  // namespace jobflow::store
