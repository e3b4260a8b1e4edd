#include "tools/sim/own_time.h"

#include <utility>

namespace jobflow::sim {

Micros MachineClock::when(Span shown) const {
  // A straight line but for rounding: near there, then to the first moment that shows it.
  const Micros ahead = shown.ms * 1000 - shown_;
  Micros guess = since_ + ahead - ahead / 1'000'000 * ppm_ - 2'000;
  while (read(guess) < shown) {
    guess += 250;
  }
  return guess;
}

OwnExecutor::OwnExecutor(Scheduler& scheduler,
                         Random& random,
                         const OwnClock& clock,
                         Owner owner,
                         std::function<bool()> before_task)
    : scheduler_(scheduler),
      random_(random),
      clock_(clock),
      owner_(std::move(owner)),
      before_task_(std::move(before_task)) {}

void OwnExecutor::post(std::function<void()> task) {
  tasks_.push_back(std::move(task));
  scheduler_.after(random_.between(1, 60), owner_, [this] { run_front(); });
}

void OwnExecutor::run_front() {
  if (!before_task_()) {
    return;
  }
  auto task = std::move(tasks_.front());
  tasks_.pop_front();
  task();
}

void OwnExecutor::wake_at(Instant monotonic, std::function<void()> task) {
  const std::int64_t number = ++timer_number_;
  timer_ = std::move(task);
  if (monotonic == kNever) {
    return;
  }
  scheduler_.at(clock_.when(monotonic) + random_.between(0, 300), owner_, [this, number] {
    if (number == timer_number_ && before_task_()) {
      std::exchange(timer_, {})();
    }
  });
}

}  // namespace jobflow::sim
