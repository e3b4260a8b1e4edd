// Trying again while another process holds the file's lock: SQLITE_BUSY reaches nobody.
#pragma once

#include "store/sqlite/connection.h"
#include "store/work_queue.h"

#include <chrono>
#include <new>

namespace jobflow::store::sqlite {

class Patience {
 public:
  explicit Patience(const WorkQueue& queue) : queue_(queue) {}
  // Whether a task should try once more: not for ever, and not while its queue is ending.
  bool left() const {
    return !queue_.stopping() && std::chrono::steady_clock::now() - began_ < kBusyPatience;
  }

 private:
  static constexpr std::chrono::seconds kBusyPatience{2};
  const WorkQueue& queue_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// The root of a task: what `work` throws becomes a Problem.
template <class T, class Work>
Outcome<T> patiently(const WorkQueue& queue, const Work& work) {
  const Patience patience(queue);
  while (true) {
    try {
      return work();
    } catch (const SqliteError& error) {
      if (classify(error) != CommitResult::retry || !patience.left()) {
        return to_problem(error);
      }
    } catch (const std::bad_alloc&) {
      return Problem{ProblemCode::unavailable, "out of memory"};
    }
  }
}

}  // namespace jobflow::store::sqlite
