// A worker that goes to another member while the owner of what it runs stands still (S6.6).
#include "runtime/testing/cluster_stage.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jobflow::runtime {
namespace {

using testing::ClusterStage;

// The owner wakes at the end of the worker's lease, and reads first what the other member said
// before the worker came there: that is no news (seed 402775 with another plan).
TEST(HallWorkerMove, WhatCameWhileTheOwnerStoodStillDoesNotProveSilence) {
  ClusterStage stage;
  stage.start("a");
  stage.start("b");
  stage.advance(seconds(3));
  const Id incarnation{0x1000};
  const auto worker = stage.connect("a", "w", incarnation, {"h"}, 40);
  for (int i = 0; i < 20; ++i) {
    const std::string name = "j" + std::to_string(i);
    stage.save_job("a", name, R"({"handler":"h"})");
    stage.trigger("a", name);
  }
  stage.advance(milliseconds(500));
  std::vector<WorkerHello::Holding> holding;
  for (const Assignment& one : worker->assignments) {
    holding.push_back({one.run, one.token});
  }
  ASSERT_EQ(holding.size(), 20U);

  stage.slow("b", "a", milliseconds(900));
  stage.advance(seconds(1));
  stage.hall("a").closed(incarnation, worker.get(), {});
  stage.advance(milliseconds(8500));
  stage.pause("a");
  stage.advance(milliseconds(1600));
  stage.connect("b", "w", incarnation, {"h"}, 40, holding, 1);
  stage.advance(milliseconds(400));
  stage.go_on("a");
  stage.advance(seconds(2));
  EXPECT_FALSE(stage.was_fenced("a")) << "it was away for too long: this proves nothing";
  for (const RunRow& run : stage.runs()) {
    EXPECT_EQ(run.progress.state, RunState::running) << run.progress.error;
  }
}

}  // namespace
}  // namespace jobflow::runtime
