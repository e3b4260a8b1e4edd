// Where the hall runs: one task at a time, in order, each a bounded piece of work. Real: an Asio
// context's thread; simulated: the scheduler of a virtual clock. post() may be called from any
// thread.
#pragma once

#include "model/time.h"

#include <functional>

namespace jobflow::runtime {

class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(std::function<void()> task) = 0;
  // Runs `task` at `monotonic` on the clock of this executor or soon after. One timer only: a new
  // call replaces the earlier one; kNever cancels it. On the executor's thread only.
  virtual void wake_at(Instant monotonic, std::function<void()> task) = 0;
};

}  // namespace jobflow::runtime
