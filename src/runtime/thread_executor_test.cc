// Order, timer and stop of the real executor.
#include "runtime/thread_executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace jobflow::runtime {
namespace {

constexpr std::chrono::seconds kPatience{20};

// A wall clock that a test sets.
class SetClock final : public Clock {
 public:
  Instant now() const override { return {ms.load()}; }
  Instant monotonic() const override { return SystemClock().monotonic(); }
  std::atomic<std::int64_t> ms{1'000'000};
};

bool wait(std::promise<void>& promise) {
  return promise.get_future().wait_for(kPatience) == std::future_status::ready;
}

TEST(ThreadExecutor, RunsTasksOfEveryPosterInItsOrder) {
  SystemClock clock;
  std::vector<int> seen[3];  // touched by the executor alone
  {
    ThreadExecutor executor(clock);
    std::vector<std::thread> posters;
    for (int poster = 0; poster < 3; ++poster) {
      posters.emplace_back([&, poster] {
        for (int i = 0; i < 1000; ++i) {
          executor.post([&seen, poster, i] { seen[poster].push_back(i); });
        }
      });
    }
    for (auto& poster : posters) {
      poster.join();
    }
    executor.stop();  // runs what was posted
  }
  for (const auto& one : seen) {
    ASSERT_EQ(one.size(), 1000U);
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(one[static_cast<std::size_t>(i)], i);
    }
  }
}

TEST(ThreadExecutor, ATaskMayPostAnother) {
  SystemClock clock;
  ThreadExecutor executor(clock);
  std::promise<void> done;
  executor.post([&] { executor.post([&] { done.set_value(); }); });
  EXPECT_TRUE(wait(done));
}

TEST(ThreadExecutor, WakesAtTheTimeAndNotBefore) {
  SystemClock clock;
  ThreadExecutor executor(clock);
  std::promise<void> done;
  Instant when;
  Instant woken;
  executor.post([&] {
    when = clock.monotonic() + milliseconds(20);
    executor.wake_at(when, [&] {
      woken = clock.monotonic();
      done.set_value();
    });
  });
  ASSERT_TRUE(wait(done));
  EXPECT_GE(woken, when);
}

TEST(ThreadExecutor, ATimeInThePastFiresAtOnce) {
  SystemClock clock;
  ThreadExecutor executor(clock);
  std::promise<void> done;
  executor.post([&] { executor.wake_at({1}, [&] { done.set_value(); }); });
  EXPECT_TRUE(wait(done));
}

TEST(ThreadExecutor, ANewTimerReplacesTheEarlierOneAndNeverCancelsIt) {
  SystemClock clock;
  ThreadExecutor executor(clock);
  std::promise<void> done;
  int wrong = 0;
  executor.post([&] {
    executor.wake_at(clock.monotonic(), [&] { ++wrong; });
    executor.wake_at(kNever, [&] { ++wrong; });
    executor.wake_at(clock.monotonic(), [&] { ++wrong; });
    executor.wake_at(clock.monotonic() + milliseconds(5), [&] { done.set_value(); });
  });
  ASSERT_TRUE(wait(done));
  executor.stop();
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadExecutor, DoesNotCareThatTheWallClockIsSet) {
  SetClock clock;
  ThreadExecutor executor(clock);
  std::promise<void> done;
  executor.post([&] {
    executor.wake_at(clock.monotonic() + milliseconds(5), [&] { done.set_value(); });
    clock.ms -= days(2).ms;
  });
  EXPECT_TRUE(wait(done));
}

TEST(ThreadExecutor, DropsWhatComesAfterStop) {  // I7
  SystemClock clock;
  ThreadExecutor executor(clock);
  auto held = std::make_shared<int>(1);
  executor.post([&executor, held] { executor.wake_at(kNever - seconds(1), [held] {}); });
  executor.stop();
  bool ran = false;
  executor.post([&ran, held] { ran = true; });
  executor.stop();
  EXPECT_FALSE(ran);
  EXPECT_LE(held.use_count(), 2);  // the timer's, until the executor goes
}

TEST(SystemClock, BothTimesGoForward) {
  SystemClock clock;
  EXPECT_GT(clock.now(), *parse_rfc3339("2024-01-01T00:00:00Z"));
  const Instant before = clock.monotonic();
  EXPECT_GE(clock.monotonic(), before);
}

}  // namespace
}  // namespace jobflow::runtime
