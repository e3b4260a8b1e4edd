#include "model/id.h"

#include "model/states.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace jobflow {
namespace {

TEST(Id, GrowsWhateverTheClockDoes) {  // house 3.7
  std::mt19937_64 random(11);
  Id last;
  for (int i = 0; i < 100'000; ++i) {
    const Instant now{1'795'368'784'000 + static_cast<std::int64_t>(random() % 50) - 25};
    const Id next = next_id(last, 77, now);
    ASSERT_GT(next, last);
    ASSERT_EQ(next.shard(), 77);
    ASSERT_GE(next.time(), now);
    last = next;
  }
}

TEST(Id, AFullMillisecondFlowsIntoTheNext) {
  Id last = next_id({}, 1023, {5});
  for (int i = 1; i < 4096; ++i) {
    last = next_id(last, 1023, {5});
    ASSERT_EQ(last.time().ms, 5);
  }
  last = next_id(last, 1023, {5});
  EXPECT_EQ(last.time().ms, 6);
  EXPECT_EQ(last.shard(), 1023);
}

// 41 bits hold milliseconds until 2039: a clock beyond that must not make ids repeat or go
// negative.
TEST(Id, GoesOnCountingWhenTheClockIsBeyondItsRange) {
  const Id last = next_id({}, 3, {1'795'368'784'000});
  const Id next = next_id(last, 3, {4'102'444'800'000});  // 2100
  EXPECT_GT(next, last);
  EXPECT_EQ(next.time(), last.time());
  EXPECT_EQ(next.shard(), 3);
}

TEST(Id, IsADecimalText) {
  const Id id{7'530'346'178'166'489'088};
  EXPECT_EQ(to_string(id), "7530346178166489088");
  EXPECT_EQ(*parse_id("7530346178166489088"), id);
  for (const char* bad : {"", "0", "-1", "1x", " 1", "+1", "9223372036854775808", "abc"}) {
    EXPECT_FALSE(parse_id(bad).ok()) << bad;
  }
}

// Stored data depends on these figures: when this fails, the code is wrong, not the test.
TEST(HomeShard, NeverChanges) {  // S4.10
  EXPECT_EQ(stable_hash(""), 0xefd01f60ba992926ULL);
  EXPECT_EQ(stable_hash("jobflow"), 0x2cf8d899064edbd5ULL);
  EXPECT_EQ(home_shard("default", "job", "hello", 64), 29);
  EXPECT_EQ(home_shard("default", "workflow", "hello", 64), 55);
  EXPECT_EQ(home_shard("finance", "job", "hello", 1024), 420);
}

TEST(HomeShard, SpreadsNames) {
  std::array<int, 64> counts{};
  for (int i = 0; i < 64'000; ++i) {
    ++counts[home_shard("default", "job", "job-" + std::to_string(i), 64)];
  }
  for (const int count : counts) {
    EXPECT_GT(count, 800);
    EXPECT_LT(count, 1200);
  }
}

TEST(States, HaveWordsThatReadBack) {  // S5.1
  for (int i = 0; i < kRunStates; ++i) {
    const auto state = static_cast<RunState>(i);
    EXPECT_EQ(parse_run_state(to_string(state)), state);
    EXPECT_EQ(is_final(state), i >= 7) << to_string(state);
  }
  EXPECT_EQ(parse_run_state("nope"), std::nullopt);
}

}  // namespace
}  // namespace jobflow
