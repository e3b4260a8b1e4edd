// The hall's life: starting with a store that fails, limits, losing the store, and stopping with
// work under way (S12.3, I7, I8, house 3b).
#include "runtime/hall.h"
#include "runtime/testing/hall_stage.h"
#include "runtime/testing/held_store.h"

#include <gtest/gtest.h>

namespace jobflow::runtime {
namespace {

using store::CommitFault;
using testing::Answer;
using testing::Answered;
using testing::HallStage;
using testing::HeldStore;

const Id kA{0x1000};

class HallLife : public ::testing::Test {
 protected:
  void start() {
    ASSERT_TRUE(stage.start().ok());
    stage.save_job("j", R"({"handler":"h"})");
  }
  Answered submit(engine::Request request) {
    auto answer = std::make_shared<Answer>();
    std::vector<Submission> submissions;
    Submission& submission = submissions.emplace_back();
    submission.command.request = std::move(request);
    submission.command.principal = "test";
    submission.answer = [answer](Outcome<engine::Reply> reply) {
      EXPECT_FALSE(answer->has_value()) << "answered twice";
      *answer = std::move(reply);
    };
    stage.hall->submit(std::move(submissions));
    stage.time.settle();
    return answer;
  }
  Answered trigger(const std::string& key = "") {
    return submit(engine::TriggerRun{.name_space = "default", .name = "j", .idempotency_key = key});
  }
  static ProblemCode code_of(const Answered& answer) {
    EXPECT_TRUE(answer->has_value() && !(*answer)->ok());
    return answer->has_value() && !(*answer)->ok() ? (*answer)->problem().code
                                                   : ProblemCode::internal;
  }
  std::shared_ptr<bool> stop() {
    auto stopped = std::make_shared<bool>(false);
    stage.hall->stop([stopped] { *stopped = true; });
    stage.time.settle();
    return stopped;
  }
  void fail_commits_with(CommitFault fault) {
    held.store.set({.commit = [fault](const store::Batch&) { return fault; }});
  }
  // While the worker's heart beats.
  void let_pass(Span span) {
    for (; span.ms > 0; span = {span.ms - 5000}) {
      stage.time.advance(seconds(5));
      stage.hall->heard(kA, nullptr, {});
    }
    stage.time.settle();
  }
  void run_all() {
    while (!held.tasks.empty()) {
      held.run();
      stage.time.settle();
    }
    held.hold = false;
  }

  HeldStore held;
  HallStage stage{held.store};
};

TEST_F(HallLife, SaysWhatItsStoreSaidAndGoesOnByItself) {
  int failures = 5;
  held.store.set(
      {.read = [&] { return failures-- > 0 ? store::ReadFault::fails : store::ReadFault::none; }});
  const auto started = stage.start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.problem().code, ProblemCode::unavailable);
  EXPECT_FALSE(stage.hall->ready());
  EXPECT_EQ(code_of(trigger()), ProblemCode::unavailable);
  // A worker that comes now is welcomed when all is loaded.
  std::optional<bool> welcome;
  const auto stream = std::make_shared<testing::PlayedWorker>();
  stage.hall->connected({.name = "w", .incarnation = kA, .slots = 1}, stream,
                        [&](const Outcome<Done>& answer) { welcome = answer.ok(); });
  stage.time.settle();
  EXPECT_FALSE(welcome.has_value());
  stage.time.advance(seconds(2));
  EXPECT_TRUE(stage.hall->ready());
  EXPECT_EQ(welcome, true);
  stage.save_job("j", R"({"handler":"h"})");
}

// A worker whose stream ended before its turn came is not taken for one that is here.
TEST_F(HallLife, DoesNotWelcomeAStreamThatHasEndedMeanwhile) {
  bool fails = true;
  held.store.set(
      {.read = [&] { return fails ? store::ReadFault::fails : store::ReadFault::none; }});
  EXPECT_FALSE(stage.start().ok());
  const auto stream = std::make_shared<testing::PlayedWorker>();
  WorkerHello hello{.name = "w", .incarnation = kA, .slots = 1};
  hello.handlers.push_back({.name = "h"});
  stage.hall->connected(hello, stream, [](const Outcome<Done>&) {});
  stream->is_open = false;
  stage.hall->closed(kA, stream.get(), {});
  fails = false;
  stage.time.advance(seconds(1));
  ASSERT_TRUE(stage.hall->ready());
  stage.save_job("j", R"({"handler":"h"})");
  const auto answer = trigger();
  ASSERT_TRUE(answer->has_value() && (*answer)->ok());
  EXPECT_EQ(stage.row((**answer)->id).progress.state, RunState::queued);
}

// I7: over the limit of what waits, everybody is told at once; what is being decided, read for or
// committed waits as well.
TEST_F(HallLife, RefusesWhatItsInboxCannotHold) {
  HeldStore other;
  HallStage small(other.store, {1'700'000'000'000}, {.inbox_commands = 100});
  ASSERT_TRUE(small.start().ok());
  small.save_job("j", R"({"handler":"h"})");
  int keys = 0;
  int refused = 0;
  const auto submit = [&](int count, bool with_keys) {
    std::vector<Submission> submissions(static_cast<std::size_t>(count));
    for (Submission& submission : submissions) {
      submission.command.request =
          engine::TriggerRun{.name_space = "default",
                             .name = "j",
                             .idempotency_key = with_keys ? "k" + std::to_string(++keys) : ""};
      submission.answer = [&](const Outcome<engine::Reply>& reply) {
        refused += !reply.ok() && reply.problem().code == ProblemCode::queue_full ? 1 : 0;
      };
    }
    small.hall->submit(std::move(submissions));
  };
  submit(90, false);
  submit(11, false);
  EXPECT_EQ(refused, 11) << "not decided yet";
  other.hold = true;
  small.time.settle();
  submit(11, false);
  EXPECT_EQ(refused, 22) << "not durable yet";
  submit(10, true);
  small.time.settle();
  submit(1, false);
  EXPECT_EQ(refused, 23) << "read for";
  while (!other.tasks.empty()) {
    other.run();
    small.time.settle();
  }
  submit(100, false);
  small.time.settle();
  EXPECT_EQ(refused, 23) << "there is room again";
}

TEST_F(HallLife, StopsAfterWhatWasDecidedIsDurable) {
  start();
  held.hold = true;
  const auto answer = trigger();
  const auto keyed = trigger("k");  // has to read first
  const auto stopped = stop();
  EXPECT_FALSE(*stopped);
  EXPECT_EQ(code_of(trigger()), ProblemCode::unavailable) << "nothing new";
  run_all();
  EXPECT_TRUE(*stopped);
  EXPECT_TRUE(answer->has_value() && (*answer)->ok());
  EXPECT_TRUE(keyed->has_value() && (*keyed)->ok());
  EXPECT_EQ(stage.time.timer_at(), kNever) << "nothing is armed any more";
}

TEST_F(HallLife, StopsWhileTheStoreIsAway) {
  start();
  fail_commits_with(CommitFault::unavailable);
  const auto answer = trigger();
  EXPECT_FALSE(answer->has_value()) << "not known yet";
  EXPECT_EQ(code_of(trigger()), ProblemCode::unavailable);
  EXPECT_NE(stage.hall->not_ready_reason(), "");
  const auto stopped = stop();
  EXPECT_TRUE(*stopped);
  EXPECT_EQ(code_of(answer), ProblemCode::outcome_unknown);
}

TEST_F(HallLife, StopsWithCommandsWhoseRowsAreBeingRead) {
  start();
  held.hold = true;
  const auto answer = trigger("k");
  fail_commits_with(CommitFault::unavailable);
  trigger();
  held.tasks.pop_front();  // a read that never ends
  const auto stopped = stop();
  run_all();
  EXPECT_TRUE(*stopped);
  EXPECT_EQ(code_of(answer), ProblemCode::unavailable) << "it was not done";
}

TEST_F(HallLife, StopsAfterItWasFenced) {
  start();
  std::string why;
  stage.hall->on_fenced([&](const std::string& reason) { why = reason; });
  const auto worker = stage.connect("w", kA, {"h"});
  fail_commits_with(CommitFault::fenced);
  const auto answer = trigger();
  EXPECT_EQ(code_of(answer), ProblemCode::outcome_unknown);
  EXPECT_FALSE(stage.hall->ready());
  EXPECT_NE(why, "");
  EXPECT_TRUE(worker->closed);
  EXPECT_TRUE(worker->assignments.empty()) << "not durable, not sent (I4)";
  EXPECT_EQ(code_of(trigger()), ProblemCode::unavailable);
  EXPECT_TRUE(*stop());
}

// S12.3: reports are kept, new commands are not taken, and it goes on by itself; a due timer does
// not make it spin.
TEST_F(HallLife, OutlivesAStoreThatIsAway) {
  start();
  stage.save_job("tick", R"({"handler":"h","triggers":[{"cron":"* * * * * *"}]})");
  const auto worker = stage.connect("w", kA, {"h"}, 100);
  const Id run = (*stage.trigger("j"))->id;
  const auto given = worker->assignments;
  fail_commits_with(CommitFault::unavailable);
  for (const Assignment& one : given) {
    stage.finish(kA, one, "1");
  }
  stage.time.advance(seconds(30));  // would never end
  EXPECT_TRUE(worker->acks.empty());
  EXPECT_FALSE(stage.hall->ready());
  EXPECT_EQ(code_of(trigger()), ProblemCode::unavailable);
  held.store.set({});
  stage.time.advance(seconds(5));
  EXPECT_TRUE(stage.hall->ready());
  EXPECT_FALSE(worker->acks.empty());
  EXPECT_EQ(stage.row(run).progress.state, RunState::succeeded);
  EXPECT_TRUE((*stage.trigger("j")).ok());
}

// I1b: the store is not what it was. All memory goes, a new term is taken, workers come back; ids
// go on above those that were given out.
TEST_F(HallLife, BeginsAnewWhenHistoryChanged) {
  start();
  const auto first = stage.connect("w", kA, {"h"});
  const Id kept = (*stage.trigger("j"))->id;
  const std::int64_t generation = stage.hall->feed().now().generation;
  int faults = 1;
  held.store.set({.commit = [&](const store::Batch&) {
    return faults-- > 0 ? CommitFault::history_changed : CommitFault::none;
  }});
  held.hold = true;
  const auto answer = trigger();
  run_all();
  EXPECT_EQ(code_of(answer), ProblemCode::outcome_unknown);
  ASSERT_TRUE(first->closed);
  stage.hall->closed(kA, first.get(), {});
  stage.time.settle();
  ASSERT_TRUE(stage.hall->ready());
  EXPECT_EQ(stage.hall->feed().now().generation, generation + 1) << "no older cursor counts";
  const auto second = stage.connect("w", kA, {"h"}, 10, {{kept, first->assignments[0].token}});
  EXPECT_TRUE(second->assignments.empty());
  // House 8: what was out is lost, whatever it still says.
  stage.finish(kA, first->assignments[0], "1");
  EXPECT_EQ(second->acks.size(), 1U);
  EXPECT_EQ(stage.row(kept).progress.state, RunState::failed);
  EXPECT_EQ(stage.row(kept).progress.error_kind, "lost");
  const Id next = (*stage.trigger("j"))->id;
  ASSERT_EQ(second->assignments.size(), 1U);
  EXPECT_GT(next, first->assignments[0].token) << "above all that was given out";
}

// A worker that connects while the hall takes its new term waits for its welcome.
TEST_F(HallLife, WelcomesWorkersOnlyWhenItIsLoadedAgain) {
  start();
  const auto first = stage.connect("w", kA, {"h"});
  int faults = 1;
  held.store.set({.commit = [&](const store::Batch&) {
    return faults-- > 0 ? CommitFault::history_changed : CommitFault::none;
  }});
  held.hold = true;  // the fault answers at once, the new term is waited for
  trigger();
  ASSERT_EQ(held.tasks.size(), 1U);
  std::optional<bool> welcome;
  const auto second = std::make_shared<testing::PlayedWorker>();
  stage.hall->closed(kA, first.get(), {});
  stage.hall->connected({.name = "w", .incarnation = kA, .slots = 1}, second,
                        [&](const Outcome<Done>& answer) { welcome = answer.ok(); });
  stage.time.settle();
  EXPECT_FALSE(welcome.has_value());
  EXPECT_EQ(held.tasks.size(), 1U) << "nothing is written under the old term";
  run_all();
  EXPECT_EQ(welcome, true);
  EXPECT_TRUE(stage.hall->ready());
}

// 3b: the assignment itself is refused. Its run is set aside, and the slot it was to have is free.
TEST_F(HallLife, SetsAsideARunWhoseAssignmentIsRefused) {
  start();
  const Id bad = (*stage.trigger("j"))->id;
  const Id good = (*stage.trigger("j"))->id;
  held.store.set({.refuses = [&](const Change& change) {
    const auto* update = std::get_if<UpdateRun>(&change);
    return update != nullptr && update->run == bad && update->progress.state == RunState::running;
  }});
  const auto worker = stage.connect("w", kA, {"h"}, 1);
  EXPECT_EQ(stage.row(bad).progress.state, RunState::failed);
  EXPECT_EQ(stage.row(bad).progress.error_kind, "store_refused");
  ASSERT_EQ(worker->assignments.size(), 1U);
  EXPECT_EQ(worker->assignments[0].run, good);
  stage.finish(kA, worker->assignments[0]);
  EXPECT_EQ(stage.row(good).progress.state, RunState::succeeded);
}

// I8: a run that not even its setting aside can be written of does not go round and round.
TEST_F(HallLife, LeavesAloneWhatCanNeverBeWritten) {
  start();
  stage.save_job("k", R"({"handler":"h"})");
  const auto worker = stage.connect("w", kA, {"h"});
  const Id bad = (*stage.trigger("j"))->id;
  int refusals = 0;
  held.store.set({.refuses = [&](const Change& change) {
    const auto* update = std::get_if<UpdateRun>(&change);
    const bool is_bad = update != nullptr && update->run == bad;
    refusals += is_bad ? 1 : 0;
    return is_bad;
  }});
  stage.finish(kA, worker->assignments[0], "1");
  EXPECT_LE(refusals, 4);
  EXPECT_EQ(stage.row(bad).progress.state, RunState::running);
  EXPECT_TRUE(stage.ask(engine::TriggerRun{.name_space = "default", .name = "k"})->ok());
  EXPECT_EQ((*stage.ask(engine::CancelRun{bad})).problem().code, ProblemCode::store_refused);
  const int so_far = refusals;
  let_pass(seconds(30));
  stage.finish(kA, worker->assignments[0], "1");  // sent again until it is acknowledged
  EXPECT_EQ(refusals, so_far) << "its reports, bounds and orders reach nobody";
  held.store.set({});
  let_pass(minutes(1));
  stage.finish(kA, worker->assignments[0], "1");
  EXPECT_EQ(stage.row(bad).progress.state, RunState::succeeded) << "tried again";
}

// As above, and nothing has mended: what cannot be dispatched is not dispatched for ever.
TEST_F(HallLife, DoesNotSpinOverWhatCanNeverBeWritten) {
  start();
  const Id bad = (*stage.trigger("j"))->id;
  int refusals = 0;
  held.store.set({.refuses = [&](const Change& change) {
    const auto* update = std::get_if<UpdateRun>(&change);
    const bool is_bad = update != nullptr && update->run == bad;
    refusals += is_bad ? 1 : 0;
    return is_bad;
  }});
  const auto worker = stage.connect("w", kA, {"h"}, 1);
  EXPECT_TRUE(worker->assignments.empty());
  EXPECT_LE(refusals, 4) << "the assignment, then its setting aside";
  const Id good = (*stage.trigger("j"))->id;
  ASSERT_EQ(worker->assignments.size(), 1U);
  EXPECT_EQ(worker->assignments[0].run, good);
  stage.time.advance(minutes(10));
  EXPECT_LE(refusals, 44) << "once a minute";
}

// Pauses are kept on the monotonic clock: whoever sets the wall clock back does not hold us up.
TEST_F(HallLife, KeepsItsPausesWhenTheWallClockIsSet) {
  start();
  fail_commits_with(CommitFault::unavailable);
  const auto answer = trigger();
  stage.time.advance(seconds(10));
  stage.time.set_wall({-days(1).ms});
  held.store.set({});
  stage.time.advance(seconds(5));
  EXPECT_TRUE(answer->has_value() && (*answer)->ok());
  EXPECT_TRUE(stage.hall->ready());
}

// A store that says nothing at all cannot keep the server from ending.
TEST_F(HallLife, StopsThoughTheStoreNeverAnswers) {
  start();
  held.hold = true;
  const auto answer = trigger();
  const auto stopped = stop();
  EXPECT_FALSE(*stopped) << "it may still land";
  stage.time.advance(seconds(5));
  EXPECT_TRUE(*stopped);
  EXPECT_EQ(code_of(answer), ProblemCode::outcome_unknown);
}

// Interfaces 3: what ended, how, after how long, and what was tried again.
TEST_F(HallLife, CountsWhatHappened) {
  start();
  stage.save_job("again", R"({"handler":"h","retry":{"max_attempts":2,"initial":"1s"}})");
  const auto worker = stage.connect("w", kA, {"h"});
  stage.trigger("j");
  stage.finish(kA, worker->assignments.at(0));
  stage.trigger("again");
  stage.report(kA, {.run = worker->assignments.at(1).run,
                    .token = worker->assignments.at(1).token,
                    .outcome = ReportOutcome::failed,
                    .error_kind = "handler"});
  stage.time.advance(seconds(3));
  stage.finish(kA, worker->assignments.at(2));
  const std::string text = stage.metrics.text();
  for (const char* line :
       {"jobflow_attempts_total{result=\"succeeded\"} 2\n",
        "jobflow_attempts_total{result=\"failed\"} 1\n",
        "jobflow_retries_total{reason=\"failed\"} 1\n", "jobflow_run_duration_seconds_count 2\n",
        "jobflow_run_queue_wait_seconds_count 2\n",
        "jobflow_firings_total{outcome=\"fired\"} 0\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST_F(HallLife, TellsOfQueuesSlotsAndSteps) {  // interfaces 3
  start();
  stage.save_workflow("w", R"({"steps":[{"id":"a","handler":"h"},
                                        {"id":"b","handler":"h","needs":["a"]}]})");
  const auto told = [&](const std::string& line) {
    const std::string text = stage.metrics.text();
    return text.find(line + "\n") != std::string::npos ? "" : line + " is not in\n" + text;
  };
  stage.trigger("j");
  stage.time.advance(seconds(7));
  stage.trigger("j");
  EXPECT_EQ(told("jobflow_queue_oldest_age_seconds 7"), "");
  EXPECT_EQ(told("jobflow_worker_slots{kind=\"free\"} 0"), "");
  const auto worker = stage.connect("w", kA, {"h"}, 5);
  EXPECT_EQ(told("jobflow_queue_oldest_age_seconds 0"), "");
  stage.time.advance(seconds(1));
  stage.hall->heard(kA, nullptr, {});
  stage.time.settle();
  EXPECT_EQ(told("jobflow_worker_slots{kind=\"busy\"} 2"), "");
  EXPECT_EQ(told("jobflow_worker_slots{kind=\"free\"} 3"), "");
  submit(
      engine::TriggerRun{.kind = DefinitionKind::workflow, .name_space = "default", .name = "w"});
  stage.finish(kA, worker->assignments.at(2));
  EXPECT_EQ(told("jobflow_step_transition_seconds_count 2"), "");
  stage.hall->lines_dropped(3);
  EXPECT_EQ(told("jobflow_log_dropped_total 3"), "");
}

// House 3.5: an API run costs two row writes, a timed one three; the journal one row per touched
// shard and batch, and the fence one row per batch.
TEST_F(HallLife, WritesNoMoreRowsThanItMust) {
  start();
  const auto worker = stage.connect("w", kA, {"h"}, 1000);
  constexpr int kRuns = 200;
  auto before = held.store.rows_written();
  std::vector<Submission> submissions(kRuns);
  for (Submission& submission : submissions) {
    submission.command.request = engine::TriggerRun{.name_space = "default", .name = "j"};
    submission.answer = [](const Outcome<engine::Reply>& reply) { EXPECT_TRUE(reply.ok()); };
  }
  stage.hall->submit(std::move(submissions));
  stage.time.settle();
  ASSERT_EQ(worker->assignments.size(), static_cast<std::size_t>(kRuns));
  EXPECT_EQ(held.store.rows_written() - before, kRuns + 2) << "created with its worker chosen";
  before = held.store.rows_written();
  FromWorker said;
  for (const Assignment& one : worker->assignments) {
    said.finished.push_back({.run = one.run, .token = one.token, .result = "1"});
  }
  stage.hall->heard(kA, worker.get(), std::move(said));
  stage.time.settle();
  EXPECT_EQ(held.store.rows_written() - before, kRuns + 2) << "ended";

  stage.save_job("tick", R"({"handler":"h","triggers":[{"cron":"* * * * * *"}]})");
  before = held.store.rows_written();
  stage.time.advance(seconds(1));
  EXPECT_EQ(held.store.rows_written() - before, 4) << "run, trigger, journal, fence";
  before = held.store.rows_written();
  stage.finish(kA, worker->assignments.back());
  EXPECT_EQ(held.store.rows_written() - before, 3);
}

}  // namespace
}  // namespace jobflow::runtime
