// Definitions sleep in the store until something needs them (S4.10, house 3.1).
#include "runtime/hall.h"
#include "runtime/testing/hall_stage.h"
#include "store/fault_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace jobflow::runtime {
namespace {

using testing::HallStage;

const Id kWorker{0x1000};

// 13 min 20 s past an hour.
constexpr Instant kStart{1'700'000'000'000};
constexpr Span kToQuarter = seconds(100);

class HallSleep : public ::testing::Test {
 protected:
  // Time goes by in steps that a worker's lease outlives.
  static void pass(HallStage& stage,
                   const std::shared_ptr<testing::PlayedWorker>& worker,
                   Span span) {
    for (Span done; done < span; done = done + seconds(1)) {
      stage.time.advance(seconds(1));
      stage.hall->heard(kWorker, worker.get(), {.heartbeat = true});
    }
  }
  static double awake(HallStage& stage) {
    stage.time.advance(milliseconds(1));
    return stage.metrics.gauge("jobflow_definitions_awake", "").value();
  }

  std::shared_ptr<store::MemoryDatabase> database = store::make_memory_database();
  store::FaultStore store{store::make_memory_store(database), {}};
};

TEST_F(HallSleep, MemoryHoldsWhatIsNearAndTheRestFiresOnTime) {
  HallStage stage(store, kStart);
  ASSERT_TRUE(stage.start().ok());
  for (int i = 0; i < 40; ++i) {
    stage.save_job("far" + std::to_string(i),
                   R"({"handler":"h","triggers":[{"cron":"*/15 * * * *"}]})");
  }
  const Id tick =
      stage.save_job("tick", R"({"handler":"h","triggers":[{"cron":"*/10 * * * * *"}]})");
  EXPECT_EQ(awake(stage), 41);
  const auto worker = stage.connect("w", kWorker, {"h"}, 1000);
  pass(stage, worker, seconds(50));
  EXPECT_EQ(awake(stage), 1) << "only what fires all the time";
  pass(stage, worker, seconds(10));
  EXPECT_EQ(awake(stage), 41) << "the quarter comes near";
  const std::size_t before = worker->assignments.size();
  pass(stage, worker, kToQuarter - seconds(61));
  EXPECT_EQ(worker->assignments.size(), before + 3);
  pass(stage, worker, seconds(1));
  EXPECT_EQ(worker->assignments.size(), before + 3 + 41) << "on time";
  EXPECT_NE(tick, Id{});
}

TEST_F(HallSleep, ARestartLoadsOnlyWhatIsNearAndCommandsWakeTheRest) {
  Id id;
  {
    HallStage before(store, kStart);
    ASSERT_TRUE(before.start().ok());
    id = before.save_job("j", R"({"handler":"h","triggers":[{"cron":"0 5 * * *"}]})");
    before.stop();
  }
  HallStage stage(store, kStart + seconds(5));
  ASSERT_TRUE(stage.start().ok());
  EXPECT_EQ(awake(stage), 0);
  const auto by_id = stage.ask(engine::TriggerRun{.definition = id});
  EXPECT_TRUE(by_id && by_id->ok());
  EXPECT_EQ(awake(stage), 1);
  const auto again = stage.ask(
      engine::TriggerRun{.kind = DefinitionKind::workflow, .name_space = "default", .name = "j"});
  EXPECT_TRUE(again && again->problem().code == ProblemCode::not_found);
  EXPECT_EQ(stage.save_job("j", R"({"handler":"h2"})"), id) << "its name is taken, by itself";
}

// A look ahead that the store does not answer is asked for again; what it brings late fires late,
// and once.
TEST_F(HallSleep, ALookAheadThatFailsIsAskedAgain) {
  {
    HallStage before(store, kStart);
    ASSERT_TRUE(before.start().ok());
    before.save_job("j", R"({"handler":"h","triggers":[{"cron":"*/15 * * * *"}]})");
    before.stop();
  }
  bool fails = false;
  store.set({.read = [&] { return fails ? store::ReadFault::fails : store::ReadFault::none; }});
  HallStage stage(store, kStart);
  ASSERT_TRUE(stage.start().ok());
  const auto worker = stage.connect("w", kWorker, {"h"}, 10);
  fails = true;
  pass(stage, worker, kToQuarter + seconds(7));
  EXPECT_TRUE(worker->assignments.empty());
  fails = false;
  pass(stage, worker, seconds(2));
  EXPECT_EQ(worker->assignments.size(), 1U);
  pass(stage, worker, seconds(60));
  EXPECT_EQ(worker->assignments.size(), 1U);
}

// The store has lost what it had confirmed, and nobody writes: what a command needs to read is
// never as new as it must be. A batch finds that out; reading again and again would not (I1b).
TEST_F(HallSleep, ALostHistoryIsNoticedByAReadThatIsBehind) {
  HallStage stage(store, kStart);
  ASSERT_TRUE(stage.start().ok());
  stage.save_job("j", R"({"handler":"h"})");
  const auto worker = stage.connect("w", kWorker, {"h"}, 10);
  pass(stage, worker, seconds(50));
  const auto copy = store::copy_memory_database(*database);
  stage.save_job("j", R"({"handler":"h","priority":1})");
  pass(stage, worker, seconds(50));
  ASSERT_EQ(awake(stage), 0);
  store::go_back_to(*database, *copy);
  stage.trigger("j");
  stage.time.advance(seconds(5));
  const auto again = stage.trigger("j");
  EXPECT_TRUE(again && again->ok());
  EXPECT_EQ(stage.metrics.counter("jobflow_store_history_changed_total", "").value(), 1);
}

// S4.7: an edit of what slept neither repeats nor delays a firing; deleting it ends it.
TEST_F(HallSleep, WhatWakesForAnEditKeepsItsNextInstant) {
  HallStage stage(store, kStart);
  ASSERT_TRUE(stage.start().ok());
  stage.save_job("j", R"({"handler":"h","triggers":[{"cron":"*/15 * * * *"}]})");
  stage.save_job("k", R"({"handler":"h","triggers":[{"cron":"*/15 * * * *"}]})");
  const auto worker = stage.connect("w", kWorker, {"h"}, 10);
  pass(stage, worker, seconds(45));
  ASSERT_EQ(awake(stage), 0);
  stage.save_job("j", R"({"handler":"h","priority":1,"triggers":[{"cron":"*/15 * * * *"}]})");
  const auto gone = stage.ask(
      engine::DeleteDefinition{.kind = DefinitionKind::job, .name_space = "default", .name = "k"});
  EXPECT_TRUE(gone && gone->ok());
  pass(stage, worker, kToQuarter - seconds(45));
  EXPECT_EQ(worker->assignments.size(), 1U);
}

}  // namespace
}  // namespace jobflow::runtime
