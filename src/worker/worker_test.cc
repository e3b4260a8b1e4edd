// The SDK against a scripted server: what it does with assignments (S6.5, S3.3, S5.4, S10.2).
#include "model/limits.h"
#include "worker/testing/worker_stage.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>

namespace jobflow::worker {
namespace {

TEST_F(WorkerTest, RunsABodyAndReportsItsResult) {
  make().handle("look", [](Context& run) -> Result {
    EXPECT_EQ(run.attempt(), 2);
    EXPECT_EQ(run.token(), 77);
    EXPECT_EQ(run.run_id(), 7);
    EXPECT_EQ(run.job(), "nightly");
    EXPECT_EQ(run.handler(), "look");
    EXPECT_EQ(run.idempotency_key(), "k");
    EXPECT_TRUE(run.deadline().has_value());
    return succeeded({{"sum", run.params().at("a").as_int() + 1}});
  });
  worker->start();
  const auto session = connect();
  session->assign({.run = 7,
                   .token = 77,
                   .handler = "look",
                   .params = R"({"a":41})",
                   .attempt = 2,
                   .timeout_ms = 60'000,
                   .job = "nightly",
                   .idempotency_key = "k"});
  const v1::Finished end = session->finished(77);
  EXPECT_EQ(end.run(), 7);
  EXPECT_EQ(end.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(end.result_json(), R"({"sum":42})");
}

TEST_F(WorkerTest, ReportsFailuresAsTheBodyMeansThem) {  // S3.2
  make();
  worker->handle("fails", [](Context&) -> Result {
    return failed("no disk").do_not_retry().retry_after(1500).error_kind("disk");
  });
  worker->handle("throws", [](Context&) -> Result { throw std::runtime_error("boom"); });
  worker->handle("bad_params", [](Context& run) { return succeeded(run.params().at("missing")); });
  worker->start();
  const auto session = connect();
  session->assign({.run = 1, .token = 1, .handler = "fails"});
  session->assign({.run = 2, .token = 2, .handler = "throws"});
  session->assign({.run = 3, .token = 3, .handler = "bad_params"});
  const v1::Finished fails = session->finished(1);
  EXPECT_EQ(fails.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(fails.error(), "no disk");
  EXPECT_EQ(fails.error_kind(), "disk");
  EXPECT_TRUE(fails.do_not_retry());
  EXPECT_EQ(fails.retry_after_ms(), 1500);
  const v1::Finished throws = session->finished(2);
  EXPECT_EQ(throws.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(throws.error_kind(), "exception");
  EXPECT_EQ(throws.error(), "boom");
  EXPECT_EQ(session->finished(3).error(), "the JSON value has no member 'missing'");
}

TEST_F(WorkerTest, RefusesAResultOverTheLimit) {  // S5.4
  make().handle("big", [](Context&) { return succeeded(std::string(limits::kResultBytes, 'x')); });
  worker->start();
  const auto session = connect();
  session->assign({.token = 5, .handler = "big"});
  const v1::Finished end = session->finished(5);
  EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(end.error_kind(), "result_too_large");
  EXPECT_TRUE(end.result_json().empty());
}

TEST_F(WorkerTest, MakesStringsCleanBeforeTheyTravel) {
  make().handle("dirty", [](Context& run) -> Result {
    run.log().info(std::string_view("a\0b\xff", 4));
    return failed("bad \xc3( bytes");
  });
  worker->start();
  const auto session = connect();
  session->assign({.run = 1, .token = 5, .handler = "dirty"});
  EXPECT_EQ(session->finished(5).error(), "bad \xef\xbf\xbd( bytes");
  EXPECT_EQ(session->lines(1, 1)[0].text(),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
}

TEST_F(WorkerTest, RunsATokenOnce) {  // S6.5
  const auto session = started();
  session->assign({.run = 1, .token = 10, .handler = "gated"});
  session->accepted(10);
  session->assign({.run = 1, .token = 10, .handler = "gated"});
  session->accepted(10, 2);  // live: said again
  gate.open();
  session->finished(10);
  session->assign({.run = 1, .token = 10, .handler = "gated"});
  session->finished(10, 2);  // ended, unacknowledged: the end again
  session->acknowledge(10);
  session->assign({.run = 1, .token = 10, .handler = "gated"});
  EXPECT_EQ(session->finished(10, 3).result_json(), R"("done")");  // and from memory
  EXPECT_EQ(ran.value(), 1);
}

TEST_F(WorkerTest, RefusesWhatAnOlderEpochOrders) {  // S6.5
  const auto session = started();
  const std::int64_t run = 5 << 12;  // shard 5
  session->epoch(5, 7);
  session->assign({.run = run, .token = run + 1, .handler = "echo", .epoch = 6});
  const v1::Finished refused = session->finished(run + 1);
  EXPECT_EQ(refused.outcome(), v1::OUTCOME_REFUSED);
  EXPECT_EQ(refused.error_kind(), "old_epoch");
  session->assign({.run = run, .token = run + 2, .handler = "echo", .epoch = 8});
  EXPECT_EQ(session->finished(run + 2).outcome(), v1::OUTCOME_SUCCEEDED);
  session->assign({.run = run, .token = run + 3, .handler = "echo", .epoch = 7});
  EXPECT_EQ(session->finished(run + 3).outcome(), v1::OUTCOME_REFUSED);  // 8 was seen
  const std::int64_t other = 6 << 12;
  session->assign({.run = other, .token = other + 1, .handler = "echo", .epoch = 1});
  EXPECT_EQ(session->finished(other + 1).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(ran.value(), 2);
}

TEST_F(WorkerTest, AKnownTokenIsNotRefusedForItsEpoch) {  // S6.5: saying "never started" would lie
  const auto session = started();
  session->assign({.run = 1, .token = 10, .handler = "gated", .epoch = 1});
  session->accepted(10);
  session->epoch(0, 9);
  session->assign({.run = 1, .token = 10, .handler = "gated", .epoch = 1});
  session->accepted(10, 2);
  gate.open();
  EXPECT_EQ(session->finished(10).outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST_F(WorkerTest, RefusesUnknownHandlersAndTooManyBodies) {
  const auto session = started({.slots = 1});
  session->assign({.run = 1, .token = 1, .handler = "nobody"});
  EXPECT_EQ(session->finished(1).outcome(), v1::OUTCOME_REFUSED);
  EXPECT_EQ(session->finished(1).error_kind(), "unknown_handler");
  session->assign({.run = 2, .token = 2, .handler = "gated"});
  session->accepted(2);
  session->assign({.run = 3, .token = 3, .handler = "gated"});
  EXPECT_EQ(session->finished(3).error_kind(), "no_slot");
  gate.open();
  session->finished(2);
}

TEST_F(WorkerTest, IgnoresWhatItDoesNotKnow) {  // within a major version fields are only added
  const auto session = started();
  v1::ServerMessage message;
  message.GetReflection()->MutableUnknownFields(&message)->AddLengthDelimited(900, "news");
  v1::Assign& order = *message.add_assign();
  order.set_run(1);
  order.set_token(4);
  order.set_handler("echo");
  order.set_params_json("{}");
  order.GetReflection()->MutableUnknownFields(&order)->AddVarint(901, 3);
  session->send(message);
  EXPECT_EQ(session->finished(4).outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST_F(WorkerTest, CancelsABody) {  // S5.3
  const auto session = started();
  session->assign({.run = 1, .token = 1, .handler = "until_cancelled"});
  session->accepted(1);
  session->cancel(1, 1);
  EXPECT_EQ(session->finished(1).outcome(), v1::OUTCOME_CANCELLED);
  session->cancel(1, 1);  // again: the end again
  session->finished(1, 2);
}

TEST_F(WorkerTest, CancelOfWhatNeverCameIsAnswered) {
  const auto session = started();
  session->cancel(1, 99);
  EXPECT_EQ(session->finished(99).outcome(), v1::OUTCOME_REFUSED);
  session->assign({.run = 1, .token = 99, .handler = "echo"});  // overtaken by its cancel
  session->finished(99, 2);
  EXPECT_EQ(ran.value(), 0);
}

TEST_F(WorkerTest, AnEndThatWillNeverCountStopsTheBody) {
  auto session = started();
  session->assign({.run = 1, .token = 1, .handler = "until_cancelled"});
  session->accepted(1);
  session->acknowledge(1);
  session->heartbeat([](const v1::Heartbeat& beat) { return beat.load() == 0; });
  worker->drain();
  session->leaving();  // it holds nothing
  EXPECT_EQ(session->count_finished(1), 0);
}

TEST_F(WorkerTest, TimesOutABody) {  // S3.3
  const auto session = started();
  session->assign({.run = 1, .token = 1, .handler = "until_cancelled", .timeout_ms = 30});
  const v1::Finished end = session->finished(1);
  EXPECT_EQ(end.outcome(), v1::OUTCOME_TIMED_OUT);
  EXPECT_EQ(end.error_kind(), "timeout");
}

TEST_F(WorkerTest, ReportsATimeoutOfABodyThatIgnoresIt) {  // S3.3; its slot stays taken
  Tuning tuning;
  tuning.stop_grace = milliseconds(20);
  const auto session = started({.slots = 1}, tuning);
  session->assign({.run = 1, .token = 1, .handler = "gated", .timeout_ms = 10});
  EXPECT_EQ(session->finished(1).outcome(), v1::OUTCOME_TIMED_OUT);
  session->assign({.run = 2, .token = 2, .handler = "echo"});
  EXPECT_EQ(session->finished(2).error_kind(), "no_slot");
  gate.open();
  session->assign({.run = 1, .token = 1, .handler = "gated"});
  EXPECT_EQ(session->finished(1, 2).outcome(), v1::OUTCOME_TIMED_OUT);  // and stays that
}

TEST_F(WorkerTest, TakesNothingNewWhileBodiesThatIgnoreTheirStopTakeAllSlots) {  // S6.2
  Tuning tuning;
  tuning.stop_grace = milliseconds(20);
  const auto session = started({.slots = 1}, tuning);
  session->assign({.run = 1, .token = 1, .handler = "gated", .timeout_ms = 10});
  session->heartbeat([](const v1::Heartbeat& beat) { return beat.draining(); });
  gate.open();
  session->until("a beat that it takes something again", [](const Session::Heard& heard) {
    return !heard.empty() && heard.back().has_heartbeat() && !heard.back().heartbeat().draining();
  });
  session->assign({.run = 2, .token = 2, .handler = "echo"});
  EXPECT_EQ(session->finished(2).outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST_F(WorkerTest, TellsInTheLogOfABodyThatIgnoresItsCancel) {  // S5.3, S7.7
  Tuning tuning;
  tuning.stop_grace = milliseconds(20);
  const auto session = started({.slots = 1}, tuning);
  session->assign({.run = 1, .token = 1, .handler = "gated"});
  ASSERT_TRUE(ran.reaches(1));
  session->cancel(1, 1);
  EXPECT_EQ(session->finished(1).outcome(), v1::OUTCOME_CANCELLED);
  const auto lines = session->lines(1, 1);  // before its end
  EXPECT_EQ(lines[0].text(),
            "the body ignores its stop and goes on: only its token protects what it writes to");
  EXPECT_EQ(lines[0].level(), 3U);
  gate.open();
}

TEST_F(WorkerTest, LogsAreSentAgainUntilAcknowledged) {  // S7.3, S10.2
  make().handle("talks", [this](Context& run) -> Result {
    run.log().info("first", {{"url", "x"}, {"n", 3}});
    run.log().warn("second");
    ran.up();
    gate.wait();
    run.log().error("third");
    return succeeded();
  });
  worker->start();
  auto session = connect();
  session->assign({.run = 3, .token = 30, .handler = "talks", .attempt = 2});
  auto lines = session->lines(3, 2);
  EXPECT_EQ(lines[0].text(), "first");
  EXPECT_EQ(lines[0].fields_json(), R"({"url":"x","n":3})");
  EXPECT_EQ(lines[0].level(), 1U);
  EXPECT_GT(lines[0].time_ms(), 1'700'000'000'000);
  EXPECT_EQ(lines[1].level(), 2U);
  session->acknowledge_logs(3, 2, 1);
  session->assign({.run = 4, .token = 40, .handler = "echo"});
  session->finished(40);  // the LogAck came before this order
  session->cut();
  session = connect();
  session->until("the second line again", [](const Session::Heard& heard) {
    for (const v1::WorkerMessage& message : heard) {
      if (message.logs_size() > 0) {
        return message.logs(0).offset() == 1 && message.logs(0).attempt() == 2 &&
               message.logs(0).lines(0).text() == "second";
      }
    }
    return false;
  });
  gate.open();
  session->finished(30);
  // All lines of an attempt go before its end.
  EXPECT_EQ(session->lines_now(3).back().text(), "third");
}

TEST_F(WorkerTest, WhatTheLogCannotHoldIsCountedInIt) {  // S10.2
  Tuning tuning;
  tuning.log_run_bytes = 4096;
  make({}, tuning).handle("floods", [](Context& run) -> Result {
    for (int i = 0; i < 1000; ++i) {
      run.log().info("line " + std::to_string(i));
    }
    return succeeded();
  });
  worker->start();
  const auto session = connect();  // which acknowledges no line
  session->assign({.run = 1, .token = 1, .handler = "floods"});
  session->finished(1);
  const auto lines = session->lines_now(1);
  ASSERT_FALSE(lines.empty());
  EXPECT_LT(lines.size(), 1000U);
  EXPECT_EQ(lines[0].text(), "line 0");
  EXPECT_NE(lines.back().text().find("lines dropped here"), std::string::npos);
}

TEST_F(WorkerTest, AThousandSleepersRunAtOnce) {
  make({.slots = 1000});
  worker->start();
  const auto session = connect();
  v1::ServerMessage message;
  for (int i = 1; i <= 1000; ++i) {
    v1::Assign& order = *message.add_assign();
    order.set_run(i);
    order.set_token(i);
    order.set_handler("gated");
  }
  session->send(message);
  EXPECT_TRUE(ran.reaches(1000));  // none waits for another's end
  gate.open();
  session->finished(1000);
}

TEST_F(WorkerTest, AFloodOfShortBodiesIsReportedWhole) {
  const auto session = started({.slots = 20'000});
  for (int part = 0; part < 10; ++part) {
    v1::ServerMessage message;
    for (int i = 1; i <= 1000; ++i) {
      v1::Assign& order = *message.add_assign();
      order.set_run(part * 1000 + i);
      order.set_token(part * 1000 + i);
      order.set_handler("echo");
      order.set_params_json("{}");
    }
    session->send(message);
  }
  session->until("10,000 ends", [](const Session::Heard& heard) {
    std::set<std::int64_t> tokens;
    for (const v1::WorkerMessage& said : heard) {
      for (const v1::Finished& end : said.finished()) {
        tokens.insert(end.token());
      }
    }
    return tokens.size() == 10'000;
  });
  EXPECT_EQ(ran.value(), 10'000);
}

TEST_F(WorkerTest, HandlersNeedANameOfTheirOwn) {
  make();
  const auto nothing = [](Context&) { return succeeded(); };
  EXPECT_THROW(worker->handle("echo", nothing), std::invalid_argument);
  EXPECT_THROW(worker->handle("", nothing), std::invalid_argument);
  EXPECT_THROW(worker->handle(std::string(limits::kNameBytes + 1, 'x'), nothing),
               std::invalid_argument);
  EXPECT_THROW(Worker({.slots = 0}), std::invalid_argument);
}

}  // namespace
}  // namespace jobflow::worker
