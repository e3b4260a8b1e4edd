// The time as one process sees it, and the executor it runs on: the runtime's interfaces over the
// scheduler. Clocks run fast or slow, stand wrong, and are set while the process runs.
#pragma once

#include "runtime/clock.h"
#include "runtime/executor.h"
#include "tools/sim/scheduler.h"

#include <deque>
#include <functional>

namespace jobflow::sim {

// A machine's clock: shared by the processes that run on it one after the other. Its monotonic half
// never goes back.
class MachineClock {
 public:
  Span offset;  // the wall clock stands ahead by that
  // From now on both halves run fast by that.
  void drift(Micros now, int ppm) {
    shown_ = shown_us(now);
    since_ = now;
    ppm_ = ppm;
  }
  // Since the world began.
  Span read(Micros now) const { return milliseconds(shown_us(now) / 1000); }
  // The first time that shows it.
  Micros when(Span shown) const;

 private:
  Micros shown_us(Micros now) const {
    return shown_ + (now - since_) + (now - since_) / 1'000 * ppm_ / 1'000;
  }
  Micros shown_ = 0;
  Micros since_ = 0;
  int ppm_ = 0;
};

class OwnClock final : public runtime::Clock {
 public:
  OwnClock(const Scheduler& scheduler, const MachineClock& machine, Instant epoch)
      : scheduler_(scheduler), machine_(machine), epoch_(epoch) {}

  Instant now() const override {
    return epoch_ + machine_.read(scheduler_.now()) + machine_.offset;
  }
  Instant monotonic() const override { return kBoot + machine_.read(scheduler_.now()); }
  // The true time at which the monotonic clock shows that instant.
  Micros when(Instant monotonic) const { return machine_.when(monotonic - kBoot); }

 private:
  static constexpr Instant kBoot{77'000};

  const Scheduler& scheduler_;
  const MachineClock& machine_;
  const Instant epoch_;  // when the world began, in UTC
};

class OwnExecutor final : public runtime::Executor {
 public:
  // `before_task` is asked before each task: false means that this executor is gone.
  OwnExecutor(Scheduler& scheduler,
              Random& random,
              const OwnClock& clock,
              Owner owner,
              std::function<bool()> before_task);

  void post(std::function<void()> task) override;
  void wake_at(Instant monotonic, std::function<void()> task) override;

 private:
  void run_front();

  Scheduler& scheduler_;
  Random& random_;
  const OwnClock& clock_;
  const Owner owner_;
  const std::function<bool()> before_task_;
  std::deque<std::function<void()>> tasks_;
  std::function<void()> timer_;
  std::int64_t timer_number_ = 0;
};

}  // namespace jobflow::sim
