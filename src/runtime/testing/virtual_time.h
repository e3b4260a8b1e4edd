// A clock and an executor whose time only the test moves: one thread, one order, no sleeping.
#pragma once

#include "runtime/clock.h"
#include "runtime/executor.h"

#include <deque>
#include <functional>

namespace jobflow::runtime::testing {

class VirtualTime final : public Clock, public Executor {
 public:
  explicit VirtualTime(Instant start = {1'700'000'000'000}) : wall_(start - kBoot) {}

  Instant now() const override { return monotonic_ + wall_; }
  Instant monotonic() const override { return monotonic_; }
  void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  void wake_at(Instant monotonic, std::function<void()> task) override {
    timer_at_ = monotonic;
    timer_ = std::move(task);
  }

  // Runs what is posted until nothing is left.
  void settle() {
    while (!tasks_.empty()) {
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }
  // Moves time on, stopping at each timer on the way.
  void advance(Span span) {
    const Instant end = monotonic_ + span;
    settle();
    while (timer_ && timer_at_ <= end) {
      monotonic_ = std::max(monotonic_, timer_at_);
      timer_at_ = kNever;
      std::exchange(timer_, nullptr)();
      settle();
    }
    monotonic_ = end;
    settle();
  }
  // Time goes by and nothing here runs: a stopped process, a stalled machine.
  void stall(Span span) { monotonic_ = monotonic_ + span; }
  // Somebody sets the wall clock.
  void set_wall(Span by) { wall_ = {wall_.ms + by.ms}; }
  Instant timer_at() const { return timer_ ? timer_at_ : kNever; }

 private:
  static constexpr Instant kBoot{77'000};

  Instant monotonic_ = kBoot;
  Span wall_;  // ahead of the monotonic clock
  std::deque<std::function<void()>> tasks_;
  Instant timer_at_ = kNever;
  std::function<void()> timer_;
};

}  // namespace jobflow::runtime::testing
