#include "engine/timer_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace jobflow::engine {
namespace {

std::vector<std::int64_t> subjects(const std::vector<Timer>& fired) {
  std::vector<std::int64_t> ids;
  for (const Timer& timer : fired) {
    ids.push_back(timer.subject.value);
  }
  return ids;
}

std::vector<std::int64_t> fire(TimerWheel& wheel, std::int64_t now) {
  std::vector<Timer> fired;
  wheel.advance({now}, fired);
  return subjects(fired);
}

TEST(TimerWheel, FiresAtTheMillisecondNotBefore) {
  TimerWheel wheel({1000});
  EXPECT_EQ(wheel.next_due(), kNever);
  wheel.arm({{1500}, {1}});
  wheel.arm({{1001}, {2}});
  EXPECT_EQ(wheel.next_due().ms, 1001);
  EXPECT_EQ(fire(wheel, 1000), (std::vector<std::int64_t>{}));
  EXPECT_EQ(fire(wheel, 1001), (std::vector<std::int64_t>{2}));
  EXPECT_EQ(wheel.next_due().ms, 1500);
  EXPECT_EQ(fire(wheel, 1499), (std::vector<std::int64_t>{}));
  EXPECT_EQ(fire(wheel, 1500), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(wheel.size(), 0U);
  EXPECT_EQ(wheel.next_due(), kNever);
}

TEST(TimerWheel, ThePastFiresAtTheNextAdvance) {
  TimerWheel wheel({1000});
  wheel.arm({{1000}, {1}});
  wheel.arm({{3}, {2}});
  EXPECT_LE(wheel.next_due().ms, 3);
  EXPECT_EQ(fire(wheel, 1000), (std::vector<std::int64_t>{2, 1}));
}

TEST(TimerWheel, ABackwardClockFiresNothingNew) {  // S4.10
  TimerWheel wheel({1000});
  wheel.arm({{2000}, {1}});
  wheel.arm({{5000}, {2}});
  EXPECT_EQ(fire(wheel, 3000).size(), 1U);
  EXPECT_EQ(fire(wheel, 10).size(), 0U);
  // Passed once already, and due again by the clock that holds now: not before (S4.7).
  wheel.arm({{2500}, {3}});
  wheel.arm({{20}, {4}});
  EXPECT_EQ(fire(wheel, 20), (std::vector<std::int64_t>{4}));
  EXPECT_EQ(wheel.next_due().ms, 2500);
  EXPECT_EQ(fire(wheel, 2499).size(), 0U);
  EXPECT_EQ(fire(wheel, 2500), (std::vector<std::int64_t>{3}));
  EXPECT_EQ(fire(wheel, 5000), (std::vector<std::int64_t>{2}));
}

TEST(TimerWheel, OrderIsByInstantThenSubject) {
  TimerWheel wheel({0});
  wheel.arm({{700}, {9}});
  wheel.arm({{90}, {5}});
  wheel.arm({{700}, {2}, TimerSubject::trigger});
  wheel.arm({{700}, {2}, TimerSubject::run});
  EXPECT_EQ(fire(wheel, 1'000'000'000'000), (std::vector<std::int64_t>{5, 2, 2, 9}));
}

TEST(TimerWheel, NeverIsArmedWithoutHarm) {
  TimerWheel wheel({1'795'368'784'000});
  wheel.arm({kNever, {1}});
  EXPECT_EQ(wheel.next_due(), kNever);
  EXPECT_EQ(fire(wheel, 4'000'000'000'000).size(), 0U);
  EXPECT_EQ(fire(wheel, kNever.ms), (std::vector<std::int64_t>{1}));
}

// Against the obvious: a sorted multimap. Spans reach from milliseconds to centuries.
class WheelAgainstMap : public testing::TestWithParam<std::uint64_t> {};

TEST_P(WheelAgainstMap, FiresTheSame) {
  std::mt19937_64 random(GetParam());
  const auto span = [&] { return static_cast<std::int64_t>(random() >> (24 + random() % 40)); };
  std::int64_t now = random() % 2 == 0 ? 0 : 1'795'368'784'000;
  TimerWheel wheel({now});
  std::multimap<std::int64_t, std::int64_t> expected;
  std::int64_t next_subject = 1;
  for (int round = 0; round < 3000; ++round) {
    for (std::uint64_t i = 0; i < random() % 6; ++i) {
      const std::int64_t due =
          random() % 10 == 0 ? std::max<std::int64_t>(now - span(), 0) : now + span();
      wheel.arm({{due}, {next_subject}});
      expected.emplace(due, next_subject++);
    }
    ASSERT_EQ(wheel.size(), expected.size());
    if (!expected.empty()) {
      ASSERT_LE(wheel.next_due().ms, expected.begin()->first) << "seed " << GetParam();
    }
    now = random() % 3 == 0 && !expected.empty()
              ? std::max(now, std::min(expected.begin()->first, now + (std::int64_t{1} << 39)))
              : now + span() / 2;
    std::vector<std::int64_t> due;
    for (auto it = expected.begin(); it != expected.end() && it->first <= now;
         it = expected.erase(it)) {
      due.push_back(it->second);
    }
    // Equal instants: subjects were given in growing order, as the map keeps them.
    ASSERT_EQ(fire(wheel, now), due) << "seed " << GetParam() << " round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, WheelAgainstMap, testing::Values(1, 2, 3, 4, 5, 6, 7, 8));

// Sleeping until next_due() each time must not wake the owner in vain.
TEST(TimerWheel, LetsItsOwnerSleepUntilSomethingFires) {
  std::mt19937_64 random(5);
  TimerWheel wheel({0});
  for (int i = 1; i <= 1000; ++i) {
    wheel.arm({{static_cast<std::int64_t>(random() % (std::uint64_t{1} << 42))}, {i}});
  }
  int wakes = 0;
  while (wheel.size() > 0) {
    ASSERT_FALSE(fire(wheel, wheel.next_due().ms).empty());
    ++wakes;
  }
  EXPECT_LE(wakes, 1000);
}

}  // namespace
}  // namespace jobflow::engine
