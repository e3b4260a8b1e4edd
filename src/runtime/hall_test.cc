#include "runtime/hall.h"

#include "runtime/testing/hall_stage.h"

#include <gtest/gtest.h>

namespace jobflow::runtime {
namespace {

using testing::HallStage;

const Id kWorkerA{0x1000};
const Id kWorkerB{0x2000};

TEST(Hall, RunsAJobFromTriggerToEnd) {
  auto store = store::make_memory_store();
  HallStage stage(*store);
  ASSERT_TRUE(stage.start().ok());
  stage.save_job("copy", R"({"handler":"noop","params":{"a":1}})");
  const auto worker = stage.connect("w", kWorkerA, {"noop"});
  const auto reply = stage.trigger("copy", R"({"b":2})");
  ASSERT_TRUE(reply && reply->ok());
  ASSERT_EQ(worker->assignments.size(), 1U);
  EXPECT_EQ(worker->assignments[0].params, R"({"a":1,"b":2})");
  EXPECT_EQ(stage.row((*reply)->id).progress.state, RunState::running);
  stage.finish(kWorkerA, worker->assignments[0], "42");
  EXPECT_EQ(worker->acks.size(), 1U);
  const RunRow row = stage.row((*reply)->id);
  EXPECT_EQ(row.progress.state, RunState::succeeded);
  EXPECT_EQ(row.progress.result, "42");
}

TEST(Hall, RunsAWorkflowInOrderOfItsNeeds) {
  auto store = store::make_memory_store();
  HallStage stage(*store);
  ASSERT_TRUE(stage.start().ok());
  stage.save_workflow("two", R"({"inputs":{"x":{"default":7}},"steps":[
      {"id":"a","handler":"h","with":{"v":"{{ inputs.x }}"}},
      {"id":"b","handler":"h","needs":["a"],"with":{"v":"{{ steps.a.output.y }}"}}],
      "output":"{{ steps.b.output }}"})");
  const auto worker = stage.connect("w", kWorkerA, {"h"});
  const auto reply = stage.ask(
      engine::TriggerRun{.kind = DefinitionKind::workflow, .name_space = "default", .name = "two"});
  ASSERT_TRUE(reply && reply->ok());
  ASSERT_EQ(worker->assignments.size(), 1U);
  EXPECT_EQ(worker->assignments[0].params, R"({"v":7})");
  stage.finish(kWorkerA, worker->assignments[0], R"({"y":"from a"})");
  ASSERT_EQ(worker->assignments.size(), 2U);
  EXPECT_EQ(worker->assignments[1].params, R"({"v":"from a"})");
  stage.finish(kWorkerA, worker->assignments[1], R"({"z":1})");
  const RunRow row = stage.row((*reply)->id);
  EXPECT_EQ(row.progress.state, RunState::succeeded);
  EXPECT_EQ(row.progress.result, R"({"z":1})");
}

// S6.6, S7.2: after a restart of the server nothing is lost; what the worker holds goes on, what it
// never got is sent again under the new epoch.
TEST(Hall, ReconcilesAttemptByAttemptAfterARestart) {
  auto store = store::make_memory_store();
  std::vector<Assignment> given;
  {
    HallStage before(*store);
    ASSERT_TRUE(before.start().ok());
    before.save_job("j", R"({"handler":"h"})");
    const auto worker = before.connect("w", kWorkerA, {"h"});
    before.trigger("j");
    before.trigger("j");
    given = worker->assignments;
    ASSERT_EQ(given.size(), 2U);
  }
  HallStage after(*store);
  ASSERT_TRUE(after.start().ok());
  const auto worker = after.connect("w", kWorkerA, {"h"}, 10, {{given[0].run, given[0].token}});
  ASSERT_EQ(worker->assignments.size(), 1U);
  EXPECT_EQ(worker->assignments[0].token, given[1].token);
  EXPECT_GT(worker->assignments[0].epoch, given[1].epoch);
  after.finish(kWorkerA, given[0]);
  after.finish(kWorkerA, given[1]);
  EXPECT_EQ(after.row(given[0].run).progress.state, RunState::succeeded);
  EXPECT_EQ(after.row(given[1].run).progress.attempt, 1);
}

// In pieces, until nothing is left that is too old.
TEST(Hall, S111_LogLinesGoWhenTheyAreOld) {
  constexpr int kChunks = 1'200;
  for (const Span kept : {hours(3), Span{}}) {
    auto store = store::make_memory_store();
    HallStage stage(*store, {1'700'000'000'000}, {.logs_kept = kept});
    ASSERT_TRUE(stage.start().ok());
    std::vector<LogChunk> chunks;
    for (int i = 0; i < kChunks; ++i) {
      chunks.push_back({.run = {7}, .attempt = 1, .offset = i, .lines = {{.text = "said"}}});
    }
    const auto stored = [&] {
      std::size_t count = 0;
      stage.logs->read({.run = {7}, .limit = 10'000},
                       [&](const auto& lines) { count = lines ? lines->size() : 0; });
      stage.time.settle();
      return count;
    };
    stage.logs->append(chunks, [](const Outcome<Done>& done) { EXPECT_TRUE(done); });
    stage.time.advance(hours(3));
    EXPECT_EQ(stored(), kChunks);
    stage.time.advance(minutes(3));
    EXPECT_EQ(stored(), kept == Span{} ? kChunks : 0);
    const std::string deleted =
        "jobflow_log_chunks_deleted_total " + std::to_string(kept == Span{} ? 0 : kChunks);
    EXPECT_NE(stage.metrics.text().find(deleted), std::string::npos);
    stage.stop();
  }
}

// S6.6, S6.7: a lease, not a lost link, ends an attempt.
TEST(Hall, LosesAnAttemptOnlyAfterAWholeSilentLease) {
  auto store = store::make_memory_store();
  HallStage stage(*store);
  ASSERT_TRUE(stage.start().ok());
  stage.save_job("j", R"({"handler":"h"})");
  const auto worker = stage.connect("w", kWorkerA, {"h"});
  const Id run = (*stage.trigger("j"))->id;
  stage.hall->closed(kWorkerA, worker.get(), {});
  stage.time.advance(limits::kWorkerLease - milliseconds(10));
  EXPECT_EQ(stage.row(run).progress.state, RunState::running);
  stage.time.advance(seconds(2));
  const RunRow row = stage.row(run);
  EXPECT_EQ(row.progress.state, RunState::failed);
  EXPECT_EQ(row.progress.error_kind, "lost");
  EXPECT_NE(row.progress.error.find("it may have run"), std::string::npos);
}

TEST(Hall, FiresACronTriggerEachSecond) {
  auto store = store::make_memory_store();
  HallStage stage(*store);
  ASSERT_TRUE(stage.start().ok());
  stage.save_job("tick", R"({"handler":"h","triggers":[{"cron":"* * * * * *"}]})");
  const auto worker = stage.connect("w", kWorkerB, {"h"}, 100);
  FromWorker alive{.heartbeat = true};
  for (int second = 0; second < 10; ++second) {
    stage.time.advance(seconds(1));
    stage.hall->heard(kWorkerB, worker.get(), alive);
  }
  EXPECT_EQ(worker->assignments.size(), 10U);
}

}  // namespace
}  // namespace jobflow::runtime
