// The public test server with the SDK's own worker.
#include <gtest/gtest.h>
#include <jobflow/test_server.h>
#include <jobflow/worker.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <string_view>

namespace jobflow {
namespace {

using Kind = TestEnd::Kind;
using std::chrono::milliseconds;

class TestServerTest : public testing::Test {
 protected:
  ~TestServerTest() override { opened = true; }

  std::unique_ptr<Worker> make_worker() {
    auto made = std::make_unique<Worker>(WorkerOptions{
        .server = server.address(), .name = "w1", .slots = 4, .log = [](std::string_view) {}});
    made->handle("echo", [this](Context& run) -> Result {
      ++bodies;
      return succeeded({{"params", Json(run.params())},
                        {"attempt", run.attempt()},
                        {"job", run.job()},
                        {"key", run.idempotency_key()}});
    });
    made->handle("wait", [this](Context& run) -> Result {
      ++bodies;
      run.progress(0.5);
      run.log().warn("waits", {{"for", "the test"}});
      while (!opened) {
        if (run.wait_cancelled(milliseconds(2))) {
          return cancelled();
        }
      }
      return succeeded("done");
    });
    made->handle("fail", [](Context&) -> Result {
      return failed("too bad").error_kind("weather").retry_after(milliseconds(1500));
    });
    return made;
  }
  void open() { opened = true; }

  TestServer server;
  std::atomic<int> bodies{0};
  std::atomic<bool> opened{false};
  std::unique_ptr<Worker> worker = make_worker();  // stops first
};

TEST_F(TestServerTest, GivesAHandlerItsParamsAndTakesItsResult) {
  worker->start();
  const TestEnd end = server
                          .trigger("echo", {{"width", 320}},
                                   {.attempt = 3, .job = "resize", .idempotency_key = "monday"})
                          .wait();
  EXPECT_EQ(end.kind, Kind::succeeded);
  EXPECT_EQ(end.result.at("params"), Json({{"width", 320}}));
  EXPECT_EQ(end.result.at("attempt"), Json(3));
  EXPECT_EQ(end.result.at("job"), Json("resize"));
  EXPECT_EQ(end.result.at("key"), Json("monday"));
}

TEST_F(TestServerTest, TellsHowItFailed) {
  worker->start();
  const TestEnd end = server.trigger("fail").wait();
  EXPECT_EQ(end.kind, Kind::failed);
  EXPECT_EQ(end.error, "too bad");
  EXPECT_EQ(end.error_kind, "weather");
  EXPECT_EQ(end.retry_after, milliseconds(1500));
  EXPECT_FALSE(end.do_not_retry);
}

TEST_F(TestServerTest, ShowsProgressAndLogWhileItRuns) {
  worker->start();
  const TestRun run = server.trigger("wait");
  run.wait_started();
  EXPECT_EQ(run.wait_progress(0.1), 0.5);
  const auto lines = run.log(1);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].level, TestLogLine::Level::warn);
  EXPECT_EQ(lines[0].text, "waits");
  EXPECT_EQ(lines[0].fields, Json({{"for", "the test"}}));
  open();
  EXPECT_EQ(run.wait().result, Json("done"));
}

TEST_F(TestServerTest, CancelsAndTimesOut) {  // S3.3, S5.3
  worker->start();
  const TestRun run = server.trigger("wait");
  run.wait_started();
  run.cancel();
  EXPECT_EQ(run.wait().kind, Kind::cancelled);
  EXPECT_EQ(server.trigger("wait", {}, {.timeout = milliseconds(20)}).wait().kind, Kind::timed_out);
}

TEST_F(TestServerTest, WhatRunsGoesOnOverALostLink) {  // S7.2
  worker->start();
  const TestRun run = server.trigger("wait");
  run.wait_started();
  server.drop_link();
  run.assign_again();
  server.go_away();
  open();
  server.come_back();
  EXPECT_EQ(run.wait().kind, Kind::succeeded);
  EXPECT_EQ(bodies, 1);
}

TEST_F(TestServerTest, SendsAgainWhatNeverArrived) {  // S6.6
  worker->start();
  server.trigger("echo").wait();
  server.go_away();
  const TestRun run = server.trigger("echo");
  const TestRun unwanted = server.trigger("wait");
  unwanted.cancel();
  server.come_back();
  EXPECT_EQ(run.wait().kind, Kind::succeeded);
  EXPECT_NE(unwanted.wait().kind, Kind::succeeded);
  EXPECT_EQ(run.wait_reports(1), 1);
}

TEST_F(TestServerTest, AnEndIsToldUntilItIsAcknowledged) {  // S7.3
  worker->start();
  server.acknowledge(false);
  const TestRun run = server.trigger("echo");
  run.wait();
  server.drop_link();
  EXPECT_EQ(run.wait_reports(2), 2);
  server.acknowledge(true);
  server.trigger("echo").wait();  // the Ack has been read before this
  server.drop_link();
  server.trigger("echo").wait();
  EXPECT_EQ(run.wait_reports(2), 2);
  run.assign_again();  // a token that is known is answered, not run
  EXPECT_EQ(run.wait_reports(3), 3);
  EXPECT_EQ(bodies, 3);
}

TEST_F(TestServerTest, DrainsTheWorker) {  // S7.4
  worker->start();
  const TestRun run = server.trigger("wait");
  run.wait_started();
  server.drain();
  const TestRun late = server.trigger("wait");
  open();
  EXPECT_EQ(run.wait().kind, Kind::succeeded);
  EXPECT_EQ(late.wait().kind, Kind::refused);
  EXPECT_EQ(worker->wait(), 0);
}

TEST_F(TestServerTest, AnotherWorkerDoesNotHaveTheRunsOfTheOneBefore) {
  worker->start();
  const TestRun run = server.trigger("wait");
  run.wait_started();
  const auto second = make_worker();
  second->start();
  EXPECT_EQ(run.wait().kind, Kind::lost);
}

TEST_F(TestServerTest, SaysWhatDoesNotCome) {
  TestServer impatient({.patience = milliseconds(50)});
  try {
    impatient.trigger("echo");
    FAIL() << "there is no worker";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "no worker offers 'echo': none is connected");
  }
  EXPECT_THROW(impatient.drop_link(), std::runtime_error);
  EXPECT_NE(impatient.address(), server.address());
}

}  // namespace
}  // namespace jobflow
