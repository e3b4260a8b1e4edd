// The SDK against a scripted server: registration, lost links, leases, drain and stop (S7.1-S7.7).
#include "worker/testing/worker_stage.h"

#include <gtest/gtest.h>

#include <set>
#include <signal.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>

namespace jobflow::worker {
namespace {

TEST_F(WorkerTest, RegistersWithAllItIsAndCan) {  // S7.1
  make({.name = "resizer",
        .name_space = "media",
        .slots = 3,
        .tags = {"eu", "gpu"},
        .labels = {{"rack", "7"}},
        .token = "secret",
        .version = "1.2"})
      .handle("image.resize", [](Context&) { return succeeded(); },
              {.version = "3", .description = "resizes", .input_schema = "{}"});
  worker->start();
  const auto session = connect();
  const v1::Register& hello = session->registration();
  EXPECT_EQ(session->authorization(), "Bearer secret");
  EXPECT_EQ(hello.protocol(), 1U);
  EXPECT_EQ(hello.name(), "resizer");
  EXPECT_EQ(hello.namespace_(), "media");
  EXPECT_EQ(hello.slots(), 3U);
  EXPECT_EQ(hello.version(), "1.2");
  EXPECT_EQ(hello.tags_size(), 2);
  EXPECT_EQ(hello.labels().at("rack"), "7");
  EXPECT_GT(hello.incarnation(), 0);
  EXPECT_EQ(hello.holding_size(), 0);
  std::set<std::string> names;
  for (const v1::Handler& handler : hello.handlers()) {
    names.insert(handler.name());
    if (handler.name() == "image.resize") {
      EXPECT_EQ(handler.version(), "3");
      EXPECT_EQ(handler.description(), "resizes");
      EXPECT_EQ(handler.input_schema(), "{}");
    }
  }
  EXPECT_EQ(names, (std::set<std::string>{"echo", "gated", "image.resize", "until_cancelled"}));
}

TEST_F(WorkerTest, StatesWhatItHoldsAfterALostLink) {  // S7.2
  auto session = started();
  const std::int64_t incarnation = session->registration().incarnation();
  session->assign({.run = 1, .token = 10, .handler = "echo"});
  session->finished(10);
  session->assign({.run = 2, .token = 20, .handler = "gated"});
  session->accepted(20);
  session->cut();
  session = connect();
  EXPECT_EQ(session->registration().incarnation(), incarnation);
  ASSERT_EQ(session->registration().holding_size(), 2);
  EXPECT_EQ(session->registration().holding(0).run(), 1);
  EXPECT_EQ(session->registration().holding(0).token(), 10);
  EXPECT_EQ(session->registration().holding(1).token(), 20);
  session->finished(10);  // S7.3: sent again, as no Ack came
  session->acknowledge(10);
  session->acknowledge(10);  // twice is harmless
  gate.open();
  session->finished(20);
  session->cut();
  session = connect();
  ASSERT_EQ(session->registration().holding_size(), 1);
  EXPECT_EQ(session->registration().holding(0).token(), 20);
  session->finished(20);
  EXPECT_EQ(session->count_finished(10), 0);
  EXPECT_EQ(ran.value(), 2);
}

TEST_F(WorkerTest, ReportsWhatEndedWhileNoMemberWasThere) {  // S7.2, S7.3
  auto session = started();
  session->assign({.run = 2, .token = 20, .handler = "gated"});
  session->accepted(20);
  server.shut();
  session->closed();
  gate.open();
  server.reopen();
  session = connect();
  EXPECT_EQ(session->finished(20).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(ran.value(), 1);
}

TEST_F(WorkerTest, TakesALateAcknowledgementOnAnotherStream) {
  auto session = started();
  session->assign({.run = 1, .token = 10, .handler = "echo"});
  session->finished(10);
  session->cut();
  session = server.accept();
  v1::ServerMessage message;  // the Ack comes with the Welcome: nothing is sent again
  message.mutable_welcome()->set_heartbeat_ms(1000);
  message.add_acks()->set_token(10);
  session->send(message);
  session->assign({.run = 2, .token = 20, .handler = "echo"});
  session->finished(20);
  session->cut();
  EXPECT_EQ(connect()->registration().holding_size(), 1);
}

TEST_F(WorkerTest, SendsProgressAndLoad) {  // S7.2
  make({.slots = 4}).handle("half", [this](Context& run) -> Result {
    run.progress(0.5);
    gate.wait();
    return succeeded();
  });
  worker->start();
  const auto session = connect(20);
  session->assign({.run = 1, .token = 1, .handler = "half"});
  const v1::Heartbeat beat =
      session->heartbeat([](const v1::Heartbeat& heard) { return heard.progress_size() > 0; });
  EXPECT_EQ(beat.progress(0).token(), 1);
  EXPECT_EQ(beat.progress(0).fraction(), 0.5);
  EXPECT_EQ(beat.load(), 0.25);
  EXPECT_FALSE(beat.draining());
  gate.open();
}

TEST_F(WorkerTest, DrainsWhenTold) {  // S7.4
  const auto session = started();
  session->assign({.run = 1, .token = 1, .handler = "gated"});
  session->accepted(1);
  session->drain();
  session->heartbeat([](const v1::Heartbeat& beat) { return beat.draining(); });
  session->assign({.run = 2, .token = 2, .handler = "echo"});
  EXPECT_EQ(session->finished(2).error_kind(), "draining");
  session->acknowledge(2);
  EXPECT_EQ(worker->wait_for(milliseconds(0)), std::nullopt);  // the first still runs
  gate.open();
  session->finished(1);
  session->acknowledge(1);  // only then it may leave
  session->leaving();
  session->closed();
  EXPECT_EQ(worker->wait(), 0);
}

TEST_F(WorkerTest, TriesAgainForAsLongAsNobodyListens) {
  make();
  server.shut();
  worker->start();
  EXPECT_EQ(worker->wait_for(milliseconds(300)), std::nullopt);  // many tries
  server.reopen();
  const auto session = connect();
  session->assign({.run = 1, .token = 1, .handler = "echo"});
  session->finished(1);
}

TEST_F(WorkerTest, DrainWithoutAMemberEndsWhenNothingIsHeld) {
  make().start();
  server.shut();
  worker->drain();
  EXPECT_EQ(worker->wait(), 0);
}

TEST_F(WorkerTest, StopCancelsWhatRunsAndReportsIt) {
  const auto session = started();
  session->assign({.run = 1, .token = 1, .handler = "until_cancelled"});
  ASSERT_TRUE(ran.reaches(1));
  worker->stop();
  const v1::Finished end = session->finished(1);
  EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(end.error_kind(), "worker_stopped");
}

TEST_F(WorkerTest, EndsWhenItIsRefused) {
  for (const Refusal why : {Refusal::unauthenticated, Refusal::precondition, Refusal::invalid}) {
    make().start();
    server.accept()->refuse(why, "because of this");
    EXPECT_EQ(worker->wait(), 1);
    EXPECT_NE(said().find("refuses this worker: because of this"), std::string::npos) << said();
  }
}

TEST_F(WorkerTest, AnUnreadableTokenFileEndsIt) {
  make({.token_file = "/nonexistent/token"}).start();
  EXPECT_EQ(worker->wait(), 1);
  EXPECT_NE(said().find("/nonexistent/token"), std::string::npos);
}

TEST_F(WorkerTest, WaitsForItsNameWithinALease) {
  make().start();
  server.accept()->refuse(Refusal::already_exists, "a live worker has this name");
  const auto session = connect();  // the second try is welcome
  session->assign({.run = 1, .token = 1, .handler = "echo"});
  session->finished(1);
}

TEST_F(WorkerTest, GivesUpOnATakenNameAfterALease) {
  Tuning tuning;
  tuning.lease = milliseconds(60);
  tuning.heartbeat = milliseconds(10);
  make({}, tuning).start();
  while (!worker->wait_for(milliseconds(0))) {
    try {
      server.accept()->refuse(Refusal::already_exists, "a live worker has this name");
    } catch (const std::runtime_error&) {
      break;
    }
    if (const auto code = worker->wait_for(milliseconds(60))) {
      EXPECT_EQ(*code, 1);
    }
  }
  EXPECT_EQ(worker->wait(), 1);
  EXPECT_NE(said().find("a live worker has this name"), std::string::npos);
}

TEST_F(WorkerTest, StopsBodiesBeforeTheLeaseEndsWhenNoMemberAnswers) {  // S7.7
  make().handle("stubborn",
                [this](Context& run) -> Result {
                  ran.up();
                  gate.wait();
                  return run.cancelled() ? cancelled() : succeeded();
                },
                {.detached = true});
  worker->start();
  auto session = connect(10, 200);
  session->assign({.run = 1, .token = 1, .handler = "until_cancelled"});
  session->assign({.run = 2, .token = 2, .handler = "stubborn"});
  ASSERT_TRUE(ran.reaches(2));
  // It must have seen that heartbeats are answered here before it can miss an answer.
  session->until("some heartbeats", [](const Session::Heard& heard) { return heard.size() > 10; });
  session->fall_silent();  // the stream stands, but nobody is behind it
  session->closed();       // the worker gives it up
  session = server.accept();
  session->closed();  // no Welcome from here either, and no new contact
  session = server.accept();
  session->welcome(10, 200);
  const v1::Finished end = session->finished(1);
  EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(end.error_kind(), "lease_lost");
  gate.open();
  EXPECT_EQ(session->finished(2).outcome(), v1::OUTCOME_SUCCEEDED);  // detached goes on
}

// A member that stops right after its Welcome has never answered a heartbeat.
TEST_F(WorkerTest, GivesUpAMemberThatWasSilentFromTheBeginning) {  // S7.7
  make().start();
  auto session = server.accept();
  session->fall_silent();
  session->welcome(10, 200);
  session->assign({.run = 1, .token = 1, .handler = "until_cancelled"});
  ASSERT_TRUE(ran.reaches(1));
  session->closed();
  session = server.accept();
  session->closed();
  session = server.accept();
  session->welcome(10, 200);
  EXPECT_EQ(session->finished(1).error_kind(), "lease_lost");
}

TEST_F(WorkerTest, ALeaseIsNotLostWhileMembersAnswer) {  // S7.7
  make().start();
  const auto session = connect(10, 100);
  session->assign({.run = 1, .token = 1, .handler = "until_cancelled"});
  session->until("30 heartbeats", [](const Session::Heard& heard) { return heard.size() > 30; });
  EXPECT_EQ(session->count_finished(1), 0);
  session->cancel(1, 1);
  EXPECT_EQ(session->finished(1).outcome(), v1::OUTCOME_CANCELLED);
}

// SIGTERM drains (S7.4); run() touches the process' signals, so each test sends its own.
TEST_F(WorkerTest, SigtermDrains) {
  make();
  int code = -1;
  std::thread running([&] { code = worker->run(); });
  const auto session = connect();
  session->assign({.run = 1, .token = 1, .handler = "gated"});
  session->accepted(1);
  ::kill(::getpid(), SIGTERM);
  session->heartbeat([](const v1::Heartbeat& beat) { return beat.draining(); });
  gate.open();
  session->finished(1);
  session->acknowledge(1);
  session->leaving();
  running.join();
  EXPECT_EQ(code, 0);
}

TEST_F(WorkerTest, ASecondSignalStopsAtOnce) {
  make();
  int code = -1;
  std::thread running([&] { code = worker->run(); });
  const auto session = connect();
  session->assign({.run = 1, .token = 1, .handler = "until_cancelled"});
  EXPECT_TRUE(ran.reaches(1));
  ::kill(::getpid(), SIGTERM);
  session->heartbeat([](const v1::Heartbeat& beat) { return beat.draining(); });
  ::kill(::getpid(), SIGINT);
  EXPECT_EQ(session->finished(1).error_kind(), "worker_stopped");
  running.join();
  EXPECT_EQ(code, 1);
}

}  // namespace
}  // namespace jobflow::worker
