#include "engine/recency.h"

#include <gtest/gtest.h>

namespace jobflow::engine {
namespace {

constexpr Id kRun{7};

// Rows are believed when nothing was decided about them in a later batch (house 3c).
TEST(Recency, ARunThatEndedLaterThanTheReadIsReadAgain) {
  Recency recent;
  EXPECT_TRUE(recent.run_unchanged_since(kRun, 0));
  recent.run_ended(kRun, 5);
  EXPECT_FALSE(recent.run_unchanged_since(kRun, 4));
  EXPECT_TRUE(recent.run_unchanged_since(kRun, 5));
  recent.run_ended(kRun, 9);  // retried, and ended once more
  EXPECT_FALSE(recent.run_unchanged_since(kRun, 8));
  EXPECT_TRUE(recent.run_unchanged_since({8}, 8));
}

TEST(Recency, AKeyIsKnownFromItsDecisionOn) {
  Recency recent;
  EXPECT_EQ(recent.find_key("k"), nullptr);
  recent.key_bound("k", {kRun, {100}}, 3);
  ASSERT_NE(recent.find_key("k"), nullptr);
  EXPECT_EQ(recent.find_key("k")->run, kRun);
  recent.key_bound("k", {{8}, {200}}, 4);
  EXPECT_EQ(recent.find_key("k")->run, Id{8});
  EXPECT_EQ(recent.find_key("k")->expires, Instant{200});
}

// What is not durable is never forgotten; what is forgotten makes older reads worthless.
TEST(Recency, ForgetsOnlyWhatIsDurableAndTrustsLessForIt) {
  Recency recent;
  recent.key_bound("first", {kRun, {1}}, 1);
  for (int i = 0; i < 10'000; ++i) {
    recent.run_ended({1000 + i}, 2);
  }
  EXPECT_NE(recent.find_key("first"), nullptr) << "batch 1 has not landed";
  EXPECT_TRUE(recent.may_trust(0));

  recent.set_landed(1);
  recent.run_ended({999}, 3);
  EXPECT_EQ(recent.find_key("first"), nullptr);
  EXPECT_FALSE(recent.may_trust(0));
  EXPECT_TRUE(recent.may_trust(1)) << "a read of batch 1 sees the key";
  EXPECT_FALSE(recent.run_unchanged_since({1000}, 1)) << "batch 2 has not landed";

  recent.set_landed(2);
  recent.run_ended({998}, 3);
  EXPECT_FALSE(recent.may_trust(1));
  EXPECT_FALSE(recent.run_unchanged_since({1000}, 1)) << "forgotten: the floor answers for it";
  EXPECT_TRUE(recent.run_unchanged_since({1000}, 2));
  EXPECT_FALSE(recent.run_unchanged_since({999}, 2)) << "the latest are remembered";
}

// A run that ended again while its first end is forgotten keeps the later one.
TEST(Recency, ForgettingAnOldEndKeepsTheNewOne) {
  Recency recent;
  recent.set_landed(1);
  recent.run_ended(kRun, 1);
  recent.run_ended(kRun, 5);
  for (std::size_t i = 0; i < Recency::kRemembered; ++i) {
    recent.run_ended({static_cast<std::int64_t>(1000 + i)}, 6);
  }
  EXPECT_FALSE(recent.run_unchanged_since(kRun, 4));
  EXPECT_TRUE(recent.run_unchanged_since(kRun, 5));
}

TEST(Recency, ATakeoverDistrustsEverythingOlder) {
  Recency recent;
  recent.distrust_before(10);
  EXPECT_FALSE(recent.run_unchanged_since(kRun, 9));
  EXPECT_TRUE(recent.run_unchanged_since(kRun, 10));
  recent.distrust_before(4);
  EXPECT_FALSE(recent.may_trust(9)) << "trust never grows back";
}

}  // namespace
}  // namespace jobflow::engine
