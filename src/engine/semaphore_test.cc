#include "engine/semaphore.h"

#include <gtest/gtest.h>

namespace jobflow::engine {
namespace {

PermitRow wish(std::int64_t ask, int priority, std::int64_t since) {
  return {.shard = 0,
          .ask = {ask},
          .run = {100 + ask},
          .name_space = "default",
          .semaphore = "db",
          .priority = priority,
          .since = {since},
          .granted = {}};
}

TEST(Semaphore, TheMostUrgentOneIsNext) {  // S3.5, S3.6
  Semaphore semaphore;
  semaphore.add(wish(1, 0, 1'000'000), {});
  semaphore.add(wish(2, 5, 1'000'001), {});
  semaphore.add(wish(3, 0, 1), {});
  EXPECT_EQ(semaphore.next()->ask, Id{3}) << "it has waited so long that it counts for more";
  EXPECT_EQ(semaphore.grant({3}, {2'000'000}).granted, Instant{2'000'000});
  EXPECT_EQ(semaphore.next()->ask, Id{2});
  EXPECT_EQ(semaphore.held(), 1U);
  EXPECT_EQ(semaphore.waiting(), 2U);
  EXPECT_TRUE(semaphore.remove({3}));
  EXPECT_FALSE(semaphore.remove({3}));
  EXPECT_TRUE(semaphore.remove({2}));
  EXPECT_TRUE(semaphore.remove({1}));
  EXPECT_TRUE(semaphore.empty());
  EXPECT_EQ(semaphore.next(), nullptr);
}

TEST(Semaphore, WhoHoldsOneIsToldSoFromTimeToTime) {
  Semaphore semaphore;
  semaphore.add(wish(1, 0, 5), {});
  semaphore.add(wish(2, 0, 6), {});
  semaphore.grant({1}, {10});
  EXPECT_TRUE(semaphore.told_before({10}).empty());
  EXPECT_EQ(semaphore.told_before({11}), std::vector<Id>{Id{1}});
  semaphore.told({1}, {11});
  EXPECT_TRUE(semaphore.told_before({11}).empty());
}

}  // namespace
}  // namespace jobflow::engine
