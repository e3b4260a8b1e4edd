// S12.2: how long a shard of 10,000 live runs is nobody's while a member that leaves hands it over.
// Time stands still on the stage while anybody has something to do, so what counts is the real time
// that the code takes, and the stage's own besides: the pauses that its timers make. The figures
// are printed, and judged only against what would be absurd; docs/simulation.md has them.
#include "runtime/testing/cluster_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace jobflow::runtime {
namespace {

using testing::ClusterStage;

using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kRuns = 10'000;
constexpr std::size_t kHandOvers = 100;
constexpr std::chrono::seconds kPatience{60};  // then fewer must do: a slow build, a busy machine
constexpr Milliseconds kAbsurd{5'000};

void load(ClusterStage& stage) {
  stage.save_job("a", "j", R"({"handler":"h","params":{"path":"/srv/in/0001"}})");
  stage.advance(milliseconds(100));
  for (int i = 0; i < kRuns; ++i) {
    stage.trigger("a", "j");
    if (i % 500 == 0) {
      stage.advance(milliseconds(10));
    }
  }
  stage.advance(seconds(2));
}

// From the owner's stop to the first answer of the new one: work and waiting.
Milliseconds hand_over(ClusterStage& stage, const std::string& owner, const std::string& other) {
  const auto start = std::chrono::steady_clock::now();
  const Instant began = stage.now();
  stage.stop(owner);
  stage.settle();
  const auto answer = stage.trigger(other, "j");
  while (!answer->has_value() && stage.now() < began + seconds(5)) {
    stage.advance(milliseconds(1));
  }
  const Milliseconds real = std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(answer->has_value() && (*answer)->ok());
  EXPECT_EQ(stage.shares(), (std::map<std::string, int>{{other, 1}}));
  return real + std::chrono::milliseconds((stage.now() - began).ms);
}

TEST(HallHandOver, AShardOfTenThousandLiveRunsChangesHands) {
  ClusterStage stage{1};
  stage.start("a");
  stage.start("b");
  stage.advance(seconds(3));
  load(stage);
  ASSERT_EQ(stage.runs().size(), static_cast<std::size_t>(kRuns));

  std::vector<Milliseconds> pauses;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (pauses.size() < kHandOvers && std::chrono::steady_clock::now() < end) {
    const std::string owner = stage.shares().begin()->first;
    pauses.push_back(hand_over(stage, owner, owner == "a" ? "b" : "a"));
    if (HasFailure()) {
      return;
    }
    stage.start(owner);  // it may get its shard back by this
    stage.advance(seconds(3));
  }
  std::sort(pauses.begin(), pauses.end());
  const auto at = [&](std::size_t percent) {
    return pauses[(pauses.size() * percent + 99) / 100 - 1].count();
  };
  RecordProperty("p99_ms", static_cast<int>(at(99)));
  std::printf("%zu hand-overs of %d live runs: p50 %.1f ms, p99 %.1f ms, longest %.1f ms\n",
              pauses.size(), kRuns, at(50), at(99), at(100));
  EXPECT_LT(pauses.back(), kAbsurd);
}

}  // namespace
}  // namespace jobflow::runtime
