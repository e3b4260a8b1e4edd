// A clock and an executor whose time only the test moves: one thread, one order, no sleeping.
#pragma once

#include "runtime/clock.h"
#include "runtime/executor.h"

#include <deque>
#include <functional>

namespace jobflow::runtime::testing {

class VirtualTime final : public Clock, public Executor {
 public:
  explicit VirtualTime(Instant start = {1'700'000'000'000}) : now_(start) {}

  Instant now() const override { return now_; }
  Instant monotonic() const override { return {now_.ms - kMonotonicOffset}; }
  void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  void wake_at(Instant when, std::function<void()> task) override {
    timer_at_ = when;
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
    const Instant end = now_ + span;
    settle();
    while (timer_ && timer_at_ <= end) {
      now_ = std::max(now_, timer_at_);
      timer_at_ = kNever;
      std::exchange(timer_, nullptr)();
      settle();
    }
    now_ = end;
    settle();
  }
  // Time goes by and nothing here runs: a stopped process, a stalled machine.
  void stall(Span span) { now_ = now_ + span; }
  Instant timer_at() const { return timer_ ? timer_at_ : kNever; }

 private:
  static constexpr std::int64_t kMonotonicOffset = 1'600'000'000'000;

  Instant now_;
  std::deque<std::function<void()>> tasks_;
  Instant timer_at_ = kNever;
  std::function<void()> timer_;
};

}  // namespace jobflow::runtime::testing
