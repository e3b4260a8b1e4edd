// S12.2: how long a shard of 10,000 live runs is nobody's while a member that leaves hands it over.
// Time stands still on the stage while anybody has something to do, so what counts is the real time
// that the code takes, and the stage's own besides: the pauses that its timers make. The figure is
// printed, not judged; docs/simulation.md has it.
#include "runtime/testing/cluster_stage.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

namespace jobflow::runtime {
namespace {

using testing::ClusterStage;

constexpr int kRuns = 10'000;

TEST(HallHandOver, AShardOfTenThousandLiveRunsChangesHands) {
  ClusterStage stage{1};
  stage.start("a");
  stage.start("b");
  stage.advance(seconds(3));
  stage.save_job("a", "j", R"({"handler":"h","params":{"path":"/srv/in/0001"}})");
  stage.advance(milliseconds(100));
  for (int i = 0; i < kRuns; ++i) {
    stage.trigger("a", "j");
    if (i % 500 == 0) {
      stage.advance(milliseconds(10));
    }
  }
  stage.advance(seconds(2));
  ASSERT_EQ(stage.runs().size(), static_cast<std::size_t>(kRuns));
  const std::string owner = stage.shares().begin()->first;
  const std::string other = owner == "a" ? "b" : "a";

  const auto start = std::chrono::steady_clock::now();
  const Instant began = stage.now();
  stage.stop(owner);
  stage.settle();
  const auto answer = stage.trigger(other, "j");
  while (!answer->has_value() && stage.now() < began + seconds(5)) {
    stage.advance(milliseconds(1));
  }
  const auto real = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((*answer)->ok());
  EXPECT_EQ(stage.shares(), (std::map<std::string, int>{{other, 1}}));
  const auto real_ms = std::chrono::duration_cast<std::chrono::milliseconds>(real).count();
  RecordProperty("real_ms", static_cast<int>(real_ms));
  std::printf("a shard of %d live runs: %lld ms of work, %lld ms of waiting\n", kRuns,
              static_cast<long long>(real_ms), static_cast<long long>((stage.now() - began).ms));
}

}  // namespace
}  // namespace jobflow::runtime
