// Commands about what is not in memory (house 3c): read first, then decided, and never by rows that
// a decision of ours has overtaken.
#include "runtime/hall.h"
#include "runtime/testing/hall_stage.h"
#include "runtime/testing/held_store.h"

#include <gtest/gtest.h>

namespace jobflow::runtime {
namespace {

using testing::Answer;
using testing::Answered;
using testing::HallStage;
using testing::HeldStore;

const Id kA{0x1000};
class HallLoadedCommand : public ::testing::Test {
 protected:
  HallLoadedCommand() {
    EXPECT_TRUE(stage.start().ok());
    stage.save_job("j", R"({"handler":"h"})");
    worker = stage.connect("w", kA, {"h"});
  }
  Answered submit(engine::Request request) {
    auto answer = std::make_shared<Answer>();
    std::vector<Submission> submissions;
    submissions.push_back({{.request = std::move(request), .principal = "test"},
                           [answer](Outcome<engine::Reply> reply) { *answer = std::move(reply); }});
    stage.hall->submit(std::move(submissions));
    stage.time.settle();
    return answer;
  }
  Answered trigger(const std::string& key = "", const std::string& params = "") {
    return submit(engine::TriggerRun{
        .name_space = "default", .name = "j", .params = params, .idempotency_key = key});
  }
  Answered retry(Id run, std::vector<std::string> from = {}) {
    return submit(engine::RetryRun{.run = run, .from_steps = std::move(from)});
  }
  void run(std::size_t n = 0) {
    held.run(n);
    stage.time.settle();
  }
  void run_all() {
    for (int count = 0; !held.tasks.empty(); ++count) {
      ASSERT_LT(count, 1000) << "it reads again and again";
      run();
    }
    held.hold = false;
  }
  void fail(const Assignment& assignment) {
    stage.report(kA, {.run = assignment.run,
                      .token = assignment.token,
                      .outcome = ReportOutcome::failed,
                      .error = "no"});
  }

  HeldStore held;
  HallStage stage{held.store};
  std::shared_ptr<testing::PlayedWorker> worker;
};

// S5.2: the window outlives the process, and ends.
TEST_F(HallLoadedCommand, RemembersAnIdempotencyKeyAcrossARestart) {
  const auto first = trigger("k");
  ASSERT_TRUE((**first)->created);
  HallStage after(held.store, stage.time.now() + hours(23));
  ASSERT_TRUE(after.start().ok());
  const auto again = after.trigger("j", "", "k");
  EXPECT_EQ((*again)->id, (**first)->id);
  EXPECT_FALSE((*again)->created);
  EXPECT_TRUE((*after.trigger("j", "", "other"))->created);
  HallStage later(held.store, stage.time.now() + hours(25));
  ASSERT_TRUE(later.start().ok());
  const auto late = later.trigger("j", "", "k");
  EXPECT_TRUE((*late)->created) << "a day is over";
}

TEST_F(HallLoadedCommand, AnswersARepeatedKeyAfterTheFirstOneIsDurable) {
  held.hold = true;
  const auto first = trigger("k");
  run();  // its read
  const auto second = trigger("k");
  EXPECT_FALSE(first->has_value());
  EXPECT_FALSE(second->has_value()) << "it rests on what is not durable";
  run_all();
  ASSERT_TRUE(first->has_value() && second->has_value());
  EXPECT_TRUE((**first)->created);
  EXPECT_FALSE((**second)->created);
  EXPECT_EQ((**first)->id, (**second)->id);
}

// Both had to read, and both read nothing: only one may make the run.
TEST_F(HallLoadedCommand, MakesOneRunOfTwoThatReadAtTheSameTime) {
  held.hold = true;
  const auto first = trigger("k");
  const auto second = trigger("k");
  ASSERT_EQ(held.tasks.size(), 2U);
  run();
  run();
  run_all();
  EXPECT_TRUE((**first)->created);
  EXPECT_FALSE((**second)->created);
  EXPECT_EQ((**first)->id, (**second)->id);
}

TEST_F(HallLoadedCommand, RetriesAFinishedRun) {
  const auto made = trigger();
  fail(worker->assignments.at(0));
  const auto answer = retry((**made)->id);
  ASSERT_TRUE(answer->has_value() && (*answer)->ok());
  ASSERT_EQ(worker->assignments.size(), 2U);
  EXPECT_EQ(worker->assignments[1].attempt, 2);
  EXPECT_GT(worker->assignments[1].token, worker->assignments[0].token);
  EXPECT_FALSE((*retry((**made)->id))->ok()) << "it runs";
  EXPECT_EQ((*retry(Id{12345}))->problem().code, ProblemCode::not_found);
}

// The run's end is decided, not durable; the read before it lands must not count.
TEST_F(HallLoadedCommand, RetriesARunWhoseEndIsStillUnderWay) {
  const auto made = trigger();
  held.hold = true;
  fail(worker->assignments.at(0));
  ASSERT_EQ(held.tasks.size(), 1U);
  const auto answer = retry((**made)->id);
  ASSERT_EQ(held.tasks.size(), 2U);
  run(1);  // the read, before the commit
  EXPECT_FALSE(answer->has_value());
  run_all();
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((*answer)->ok()) << (*answer)->problem().detail;
  EXPECT_EQ(stage.row((**made)->id).progress.attempt, 2);
}

// The same while a batch before it is refused, so that the end lands under another number than it
// was decided for. Whether it lands earlier or later than foreseen, rows of before it do not count
// and rows of after it do.
TEST_F(HallLoadedCommand, RetriesARunWhoseEndLandedUnderAnotherNumber) {
  stage.save_job("other", R"({"handler":"h"})");
  held.store.set({.refuses = [](const Change& change) {
    const auto* insert = std::get_if<InsertRun>(&change);
    return insert != nullptr && insert->row.params.find("BAD") != std::string::npos;
  }});
  for (int good = 0; good < 3; ++good) {
    SCOPED_TRACE("good ones beside the bad one: " + std::to_string(good));
    const auto made = submit(engine::TriggerRun{.name_space = "default", .name = "other"});
    const Assignment given = worker->assignments.back();
    held.hold = true;
    trigger();  // under way, so that the next ones gather
    trigger("", R"({"x":"BAD"})");
    for (int i = 0; i < good; ++i) {
      trigger();
    }
    fail(given);
    const auto answer = retry((**made)->id);
    while (!held.tasks.empty()) {
      run(held.tasks.size() - 1);  // reads as early as they can be
      if (answer->has_value()) {
        break;
      }
      ASSERT_LT(held.tasks.size(), 100U);
    }
    run_all();
    ASSERT_TRUE(answer->has_value());
    EXPECT_TRUE((*answer)->ok()) << (*answer)->problem().detail;
    EXPECT_EQ(stage.row((**made)->id).progress.attempt, 2);
    held.hold = false;
    for (const Assignment& one : worker->assignments) {
      stage.finish(kA, one);
    }
  }
}

// A key of a refused command is free; the one who asked meanwhile gets the run.
TEST_F(HallLoadedCommand, FreesTheKeyOfARefusedCommand) {
  held.store.set({.refuses = [](const Change& change) {
    const auto* insert = std::get_if<InsertRun>(&change);
    return insert != nullptr && insert->row.params.find("BAD") != std::string::npos;
  }});
  held.hold = true;
  const auto bad = trigger("k", R"({"x":"BAD"})");
  const auto good = trigger("k");
  run_all();
  ASSERT_TRUE(bad->has_value() && good->has_value());
  EXPECT_EQ((*bad)->problem().code, ProblemCode::store_refused);
  EXPECT_NE((*bad)->problem().incident, "");
  EXPECT_TRUE((**good)->created);
}

TEST_F(HallLoadedCommand, GivesItsReadsFailureToTheAsker) {
  held.store.set({.read = [] { return store::ReadFault::fails; }});
  const auto answer = trigger("k");
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->problem().code, ProblemCode::unavailable);
}

// S8.6: a finished workflow, from its failed steps and from a named one; and by a step's own id.
TEST_F(HallLoadedCommand, RetriesAFinishedWorkflowAndAStepOfIt) {
  stage.save_workflow("flow", R"({"steps":[{"id":"a","handler":"h"},
      {"id":"b","handler":"h","needs":["a"]}]})");
  const auto made = submit(engine::TriggerRun{
      .kind = DefinitionKind::workflow, .name_space = "default", .name = "flow"});
  const Id run = (**made)->id;
  stage.finish(kA, worker->assignments.at(0), "1");
  fail(worker->assignments.at(1));
  EXPECT_EQ(stage.row(run).progress.state, RunState::failed);

  const auto all = retry(run);
  ASSERT_TRUE((*all)->ok());
  EXPECT_EQ((**all)->revision, 2) << "version 2";
  ASSERT_EQ(worker->assignments.size(), 3U) << "b again, a is carried";
  stage.finish(kA, worker->assignments[2], "2");
  EXPECT_EQ(stage.row(run).progress.state, RunState::succeeded);

  const auto from = retry(run, {"a"});
  ASSERT_TRUE((*from)->ok());
  ASSERT_EQ(worker->assignments.size(), 4U);
  EXPECT_EQ(worker->assignments[3].job, "flow/a");
  stage.finish(kA, worker->assignments[3], "3");
  fail(worker->assignments.at(4));

  const auto step = retry(worker->assignments[4].run);  // a step's own id
  ASSERT_TRUE((*step)->ok()) << (*step)->problem().detail;
  ASSERT_EQ(worker->assignments.size(), 6U);
  EXPECT_EQ(worker->assignments[5].job, "flow/b");
  stage.finish(kA, worker->assignments[5], "4");
  EXPECT_EQ(stage.row(run).progress.state, RunState::succeeded);
  EXPECT_EQ(stage.row(run).progress.version, 4);
  EXPECT_EQ((*retry(run, {"nope"}))->problem().code, ProblemCode::invalid);
}

}  // namespace
}  // namespace jobflow::runtime
