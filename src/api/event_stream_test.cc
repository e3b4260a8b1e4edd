#include "api/event_stream.h"

#include "api/testing/api_stage.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

using testing::ApiStage;
using testing::must_hold;
using testing::PlayedHall;
using testing::PlayedSink;

class EventStreamTest : public ::testing::Test {
 protected:
  void SetUp() override { stage.hall->feed().begin(3, 1); }

  Event changed(const RunRow& row, RunState state, int attempt = 1) {
    return {.type = EventType::run_changed,
            .state = static_cast<std::uint8_t>(state),
            .subject = row.id,
            .definition = row.definition,
            .parent = row.parent,
            .attempt = attempt,
            .time = stage.clock.time,
            .text = row.step};
  }
  // As the hall writes it: the row and its event in one batch.
  void change(RunRow& row, RunState state, int attempt = 1) {
    row.progress.state = state;
    row.progress.attempt = attempt;
    row.progress = testing::plausible(row.progress);
    stage.commit({UpdateRun{row.id, row.progress}}, {changed(row, state, attempt)});
  }
  std::vector<std::string> types(const PlayedSink& sink) {
    std::vector<std::string> all;
    for (const auto& one : sink.sent) {
      all.push_back(one.type);
    }
    return all;
  }

  ApiStage stage;
};

using Types = std::vector<std::string>;

TEST_F(EventStreamTest, ARunsStreamIsASnapshotThenItsDeltasInOrder_S9_2) {
  const DefinitionRow flow = stage.add_workflow("flow", R"([{"id":"a","noop":{}}])");
  RunRow run = stage.add_run(flow, {.state = RunState::running});
  RunRow other = stage.add_run(flow, {.state = RunState::running});
  const auto sink = stage.stream({.target = "/api/v1/events?run=" + to_string(run.id)});
  ASSERT_NE(sink, nullptr);
  ASSERT_EQ(types(*sink), Types{"snapshot"});
  EXPECT_EQ(must_hold(sink->sent[0].json, R"("data":{"run":{"id":")" + to_string(run.id)), "");
  EXPECT_EQ(must_hold(sink->sent[0].json, R"("steps":[{"step":"a")"), "");
  EXPECT_EQ(must_hold(sink->sent[0].json, R"("cursor":")" + sink->sent[0].id), "");

  RunRow step{.id = stage.next_id(),
              .kind = RunKind::step,
              .definition = flow.id,
              .parent = run.id,
              .step = "a",
              .handler = "noop",
              .params = "{}",
              .created = stage.clock.time};
  stage.commit({InsertRun{step}}, {changed(step, RunState::queued, 0)});
  change(other, RunState::succeeded);
  change(step, RunState::running);
  change(run, RunState::succeeded);
  ASSERT_EQ(types(*sink), (Types{"snapshot", "run.changed", "run.changed", "run.changed"}));
  const std::string& event = sink->sent[1].json;
  EXPECT_EQ(
      must_hold(
          event,
          R"({"specversion":"1.0","id":"3:1","source":"/shards/3","type":"run.changed","subject":")" +
              to_string(step.id)),
      "");
  EXPECT_EQ(
      must_hold(event, R"("parent_id":")" + to_string(run.id) + R"(","step":"a","state":"queued")"),
      "");
  EXPECT_EQ(must_hold(sink->sent[3].json, R"("id":"3:4")"), "");
}

TEST_F(EventStreamTest, ACursorResumesWithoutLossOrRepetition_S9_2) {
  const DefinitionRow job = stage.add_job("report");
  RunRow run = stage.add_run(job, {});
  const std::string target = "/api/v1/events?run=" + to_string(run.id);
  const auto first = stage.stream({.target = target});
  change(run, RunState::running);
  ASSERT_EQ(first->sent.size(), 2U);
  const std::string cursor = first->sent[1].id;
  first->close();
  change(run, RunState::queued);
  change(run, RunState::running, 2);
  const auto again = stage.stream({.target = target + "&cursor=" + cursor});
  stage.loop->settle();
  ASSERT_EQ(types(*again), (Types{"run.changed", "run.changed"})) << "no snapshot";
  EXPECT_EQ(must_hold(again->sent[0].json, R"("id":"3:2")"), "");
  const auto header = stage.stream({.target = target, .last_event_id = again->sent[0].id});
  stage.loop->settle();
  ASSERT_EQ(header->sent.size(), 1U);
  EXPECT_EQ(must_hold(header->sent[0].json, R"("id":"3:3")"), "");
  EXPECT_EQ(first->sent.size(), 2U) << "a closed stream hears nothing more";
}

TEST_F(EventStreamTest, AJobsStreamHearsOnlyOfIt) {
  const DefinitionRow a = stage.add_job("a");
  const DefinitionRow b = stage.add_job("b");
  RunRow of_a = stage.add_run(a, {});
  RunRow of_b = stage.add_run(b, {});
  const auto sink = stage.stream({.target = "/api/v1/events?job=a"});
  const auto all = stage.stream({.target = "/api/v1/events"});
  EXPECT_EQ(must_hold(sink->sent.at(0).json, R"("runs":[{"id":")" + to_string(of_a.id)), "");
  change(of_b, RunState::running);
  change(of_a, RunState::running);
  EXPECT_EQ(types(*sink), (Types{"snapshot", "run.changed"}));
  EXPECT_EQ(types(*all), (Types{"snapshot", "run.changed", "run.changed"}));
}

TEST_F(EventStreamTest, WhatTheSnapshotShowsAlreadyIsNotToldAgain) {
  // The shard moves between the two looks at the run, each time: the cursor is then the earlier
  // one.
  const DefinitionRow job = stage.add_job("report");
  RunRow run = stage.add_run(job, {});
  RunRow noise = stage.add_run(job, {});
  const auto sink = std::make_shared<PlayedSink>();
  auto exchange = std::make_shared<Exchange>();
  exchange->doors = stage.doors;
  exchange->loop = stage.loop;
  stream_events(exchange, sink, {.run = run.id}, std::nullopt);
  int attempt = 1;
  while (sink->sent.empty() && !stage.loop->tasks.empty()) {
    auto task = std::move(stage.loop->tasks.front());
    stage.loop->tasks.pop_front();
    task();
    // commit() settles the loop: write past it
    if (attempt == 1) {
      run.progress.state = RunState::running;
      run.progress.attempt = 1;
    }
    ++attempt;
  }
  stage.loop->settle();
  ASSERT_EQ(types(*sink), Types{"snapshot"});
  change(noise, RunState::running);
  change(run, RunState::running);
  EXPECT_EQ(types(*sink), (Types{"snapshot", "run.changed"}));
  sink->close();
}

TEST_F(EventStreamTest, AnOldCursorIsToldLaggedAndGetsAFreshSnapshot_S9_2) {
  const DefinitionRow job = stage.add_job("report");
  RunRow run = stage.add_run(job, {});
  for (int i = 1; i <= 3; ++i) {
    change(run, i % 2 == 1 ? RunState::running : RunState::queued, i);
  }
  stage.store->trim({.journal_before = stage.clock.time + hours(1)}, [](const auto&) {});
  runtime::Cursor old;
  old.next[3] = 1;
  const auto sink = stage.stream(
      {.target = "/api/v1/events?run=" + to_string(run.id) + "&cursor=" + runtime::to_text(old)});
  stage.loop->settle();
  ASSERT_EQ(types(*sink), (Types{"lagged", "snapshot"}));
  change(run, RunState::succeeded, 3);
  EXPECT_EQ(types(*sink), (Types{"lagged", "snapshot", "run.changed"}));
}

TEST_F(EventStreamTest, ACursorOfALaterHistoryIsToldLagged_S9_2) {
  const DefinitionRow job = stage.add_job("report");
  const auto sink =
      stage.stream({.target = "/api/v1/events?job=report",
                    .last_event_id = runtime::to_text({.next = {{job.id.shard(), 1'000'000}}})});
  ASSERT_NE(sink, nullptr);
  EXPECT_EQ(types(*sink), (Types{"lagged", "snapshot"}));
}

// Another member on the same store; what it knows of the journal is what it was told.
TEST_F(EventStreamTest, ACursorGoesOnAtAMemberThatHasHeardLess_S9_3) {
  const DefinitionRow job = stage.add_job("report");
  RunRow run = stage.add_run(job, {});
  const std::string target = "/api/v1/events?run=" + to_string(run.id);
  const auto first = stage.stream({.target = target});
  change(run, RunState::running);
  change(run, RunState::queued);
  const auto cursor = runtime::parse_cursor(first->sent.at(2).id);
  ASSERT_TRUE(cursor.ok());
  PlayedHall other(*stage.store);
  const auto exchange = std::make_shared<Exchange>();
  exchange->doors.reset(new Doors{.hall = other,
                                  .store = *stage.store,
                                  .logs = *stage.logs,
                                  .metrics = stage.metrics,
                                  .clock = stage.clock,
                                  .names = *stage.names,
                                  .version = "0.0.0"});
  exchange->loop = stage.loop;
  const auto resume = [&](const runtime::Cursor& from) {
    auto sink = std::make_shared<PlayedSink>();
    stream_events(exchange, sink, {.run = run.id}, from);
    stage.loop->settle();
    return sink;
  };
  const auto unheard_of = resume(*cursor);
  other.feed().advance(3, 1, 2);
  const auto behind = resume(*cursor);
  other.feed().advance(3, 1, 3);
  change(run, RunState::running, 2);
  other.feed().advance(3, 3, 4);
  stage.loop->settle();
  for (const auto& sink : {unheard_of, behind}) {
    ASSERT_EQ(types(*sink), Types{"run.changed"}) << "neither lagged nor told again";
    EXPECT_EQ(must_hold(sink->sent[0].json, R"("id":"3:3")"), "");
    sink->close();
  }
  runtime::Cursor lost = *cursor;
  lost.next[3] = 1'000;
  const auto of_another_history = resume(lost);
  EXPECT_EQ(types(*of_another_history), (Types{"lagged", "snapshot"}));
  of_another_history->close();
}

TEST_F(EventStreamTest, ASlowClientIsToldOnceItHasTakenWhatItWasSent) {
  const DefinitionRow job = stage.add_job("report");
  RunRow run = stage.add_run(job, {});
  const auto sink = stage.stream({.target = "/api/v1/events?run=" + to_string(run.id)});
  sink->waiting = 1024 * 1024;
  for (int i = 0; i < 1000 && types(*sink).back() != "lagged"; ++i) {
    stage.commit({}, {changed(run, RunState::running, i)});
  }
  ASSERT_EQ(types(*sink).back(), "lagged") << "what it holds is bounded";
  const std::size_t sent = sink->sent.size();
  EXPECT_LE(sent, 300U);
  EXPECT_TRUE(stage.loop->fire_timer());
  EXPECT_EQ(sink->sent.size(), sent) << "it has not taken it yet";
  sink->held.clear();
  sink->waiting = 0;
  EXPECT_TRUE(stage.loop->fire_timer());
  EXPECT_EQ(types(*sink).back(), "snapshot");
}

TEST_F(EventStreamTest, AClosedStreamLeavesNoSubscription) {
  const auto sink = stage.stream({.target = "/api/v1/events"});
  EXPECT_EQ(stage.hall->feed().subscribers(), 1);
  sink->close();
  stage.loop->settle();
  EXPECT_EQ(stage.hall->feed().subscribers(), 0);
}

TEST_F(EventStreamTest, WrongTargetsAreProblemsNotStreams) {
  EXPECT_EQ(stage.get("/api/v1/events?run=7").status, 404);
  EXPECT_EQ(stage.get("/api/v1/events?run=x").status, 400);
  EXPECT_EQ(stage.get("/api/v1/events?job=nobody").status, 404);
  EXPECT_EQ(stage.get("/api/v1/events?job=a&run=1").status, 400);
  EXPECT_EQ(stage.get("/api/v1/events?namespace=finance").status, 400);
  EXPECT_EQ(stage.get("/api/v1/events?cursor=nonsense").status, 400);
}

class LogTailTest : public ::testing::Test {
 protected:
  void append(Id run, int attempt, std::int64_t offset, std::vector<std::string> texts) {
    LogChunk chunk{.run = run, .attempt = attempt, .offset = offset};
    for (const std::string& text : texts) {
      chunk.lines.push_back({.time = stage.clock.time, .text = text});
    }
    stage.logs->append({chunk}, [](const Outcome<Done>& done) { EXPECT_TRUE(done); });
  }
  std::vector<std::string> ids(const PlayedSink& sink) {
    std::vector<std::string> all;
    for (const auto& one : sink.sent) {
      all.push_back(one.type == "line" ? one.id : one.type);
    }
    return all;
  }

  ApiStage stage;
};

TEST_F(LogTailTest, LinesComeAsTheyAreWrittenUntilTheRunEnded_S10_1) {
  const DefinitionRow job = stage.add_job("report");
  RunRow run = stage.add_run(job, {.state = RunState::running, .attempt = 1});
  append(run.id, 1, 0, {"one", "two"});
  const auto sink = stage.stream({.target = "/api/v1/runs/" + to_string(run.id) + "/logs/stream"});
  ASSERT_NE(sink, nullptr);
  EXPECT_EQ(ids(*sink), (Types{"1:0", "1:1"}));
  append(run.id, 1, 2, {"three"});
  run.progress.attempt = 2;
  stage.commit({UpdateRun{run.id, run.progress}});
  append(run.id, 2, 0, {"again"});
  ASSERT_TRUE(stage.loop->fire_timer());
  EXPECT_EQ(ids(*sink), (Types{"1:0", "1:1", "1:2", "2:0"}));
  run.progress.state = RunState::succeeded;
  run.progress = testing::plausible(run.progress);
  stage.commit({UpdateRun{run.id, run.progress}});
  append(run.id, 2, 1, {"late"});
  ASSERT_TRUE(stage.loop->fire_timer());
  EXPECT_EQ(ids(*sink), (Types{"1:0", "1:1", "1:2", "2:0", "2:1", "end"}));
  EXPECT_EQ(sink->sent.back().json, R"({"state":"succeeded"})");
  EXPECT_TRUE(sink->is_closed);
  EXPECT_FALSE(stage.loop->fire_timer());
}

TEST_F(LogTailTest, LinesThatTheLogsWriterHasNotWrittenYetAreWaitedFor_S10_1) {
  const DefinitionRow job = stage.add_job("report");
  RunRow run = stage.add_run(job, {.state = RunState::running, .attempt = 1});
  stage.logs->is_behind = true;
  const std::string logs = "/api/v1/runs/" + to_string(run.id) + "/logs";
  const auto sink = stage.stream({.target = logs + "/stream"});
  append(run.id, 1, 0, {"the last of the first attempt"});
  run.progress.attempt = 2;
  stage.commit({UpdateRun{run.id, run.progress}});
  ASSERT_TRUE(stage.loop->fire_timer());
  EXPECT_EQ(ids(*sink), (Types{"1:0"}));
  append(run.id, 2, 0, {"the last of all"});
  EXPECT_EQ(must_hold(stage.get(logs).body, "the last of all"), "");
  append(run.id, 2, 1, {"and one more"});
  run.progress.state = RunState::succeeded;
  run.progress = testing::plausible(run.progress);
  stage.commit({UpdateRun{run.id, run.progress}});
  ASSERT_TRUE(stage.loop->fire_timer());
  EXPECT_EQ(ids(*sink), (Types{"1:0", "2:0", "2:1", "end"}));
}

TEST_F(LogTailTest, ItGoesOnAfterTheLastLineTheClientHas) {
  const DefinitionRow job = stage.add_job("report");
  const RunRow run = stage.add_run(job, {.state = RunState::succeeded, .attempt = 1});
  append(run.id, 1, 0, {"one", "two", "three"});
  const std::string target = "/api/v1/runs/" + to_string(run.id) + "/logs/stream";
  EXPECT_EQ(ids(*stage.stream({.target = target, .last_event_id = "1:0"})),
            (Types{"1:1", "1:2", "end"}));
  EXPECT_EQ(ids(*stage.stream({.target = target + "?attempt=1&from=2"})), (Types{"1:2", "end"}));
  EXPECT_EQ(stage.call({.target = target, .last_event_id = "x"}).status, 400);
}

TEST_F(LogTailTest, AClientThatTakesNothingIsNotReadFor) {
  const DefinitionRow job = stage.add_job("report");
  const RunRow run = stage.add_run(job, {.state = RunState::running, .attempt = 1});
  const auto sink = stage.stream({.target = "/api/v1/runs/" + to_string(run.id) + "/logs/stream"});
  sink->waiting = 2 * 1024 * 1024;
  append(run.id, 1, 0, {"one"});
  EXPECT_TRUE(stage.loop->fire_timer());
  EXPECT_TRUE(sink->sent.empty());
  sink->close();
  EXPECT_TRUE(stage.loop->fire_timer());
  EXPECT_FALSE(stage.loop->fire_timer()) << "a closed tail stops looking";
}

TEST_F(LogTailTest, PagesByLevelAndLine) {
  const DefinitionRow job = stage.add_job("report");
  const RunRow run = stage.add_run(job, {.state = RunState::running, .attempt = 1});
  append(run.id, 1, 0, {"one", "two", "three"});
  const std::string logs = "/api/v1/runs/" + to_string(run.id) + "/logs";
  const Response page = stage.get(logs + "?attempt=1&limit=2");
  EXPECT_EQ(
      must_hold(
          page.body,
          R"({"attempt":1,"number":1,"time":"2025-11-22T17:00:00.000Z","level":"info","text":"two","fields":null}],"next_from":2})"),
      "");
  EXPECT_EQ(must_hold(stage.get(logs + "?attempt=1&from=2&limit=2").body, R"("next_from":null)"),
            "");
  EXPECT_EQ(stage.get(logs + "?level=warn").body, R"({"items":[],"next_from":null})");
  EXPECT_EQ(must_hold(stage.get(logs + "?text=HRE").body,
                      R"("text":"three","fields":null}],"next_from":null})"),
            "");
  EXPECT_EQ(stage.get(logs + "?text=no%20such").body, R"({"items":[],"next_from":null})");
  EXPECT_EQ(stage.get(logs + "?text=" + std::string(1001, 'x')).status, 400);
  EXPECT_EQ(stage.get(logs + "?level=loud").status, 400);
  EXPECT_EQ(stage.get(logs + "?limit=10001").status, 400);
  EXPECT_EQ(stage.get("/api/v1/runs/9/logs").status, 404);
}

}  // namespace
}  // namespace jobflow::api
