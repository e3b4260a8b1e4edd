#include "api/server.h"

#include "api/testing/api_stage.h"
#include "api/testing/wire.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace jobflow::api {
namespace {

using testing::must_hold;
using testing::request_text;
using testing::Wire;
using testing::WireReply;

class ServerTest : public ::testing::Test {
 protected:
  void start(ServerLimits limits = {}) {
    server = make("127.0.0.1:0", limits);
    const auto started = server->start();
    ASSERT_TRUE(started) << started.problem().detail;
    ASSERT_GT(server->port(), 0);
  }
  std::unique_ptr<Server> make(const std::string& listen, ServerLimits limits = {}) {
    return std::make_unique<Server>(ServerSettings{.listen = listen, .limits = limits}, hall,
                                    *store, *logs, metrics, clock,
                                    std::make_shared<testing::RoleAccess>());
  }
  int port() const { return server->port(); }

  runtime::SystemClock clock;
  runtime::Metrics metrics;
  std::unique_ptr<store::Store> store = store::make_memory_store();
  std::unique_ptr<store::LogStore> logs = store::make_memory_log_store();
  testing::PlayedHall hall{*store};
  std::unique_ptr<Server> server;
};

TEST_F(ServerTest, AConnectionServesManyRequests) {
  start();
  Wire wire(port());
  for (int i = 0; i < 3; ++i) {
    const WireReply reply = wire.ask("GET", "/api/v1/jobs");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.headers.at("content-type"), "application/json");
    EXPECT_EQ(reply.body, R"({"items":[],"next_cursor":null})");
  }
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  Wire wire(port());
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += request_text("POST", "/api/v1/jobs/j/trigger", "{}",
                        "X-Request-Id: n" + std::to_string(i) + "\r\n");
  }
  wire.send(all);
  for (int i = 0; i < 20; ++i) {
    const WireReply reply = wire.reply();
    EXPECT_EQ(reply.status, 201);
    EXPECT_EQ(reply.headers.at("x-request-id"), "n" + std::to_string(i));
    EXPECT_EQ(must_hold(reply.body, std::to_string(1001 + i)), "");
  }
}

TEST_F(ServerTest, HeadersOfEveryAnswer) {
  start();
  Wire wire(port());
  const WireReply given = wire.ask("GET", "/version", "", "X-Request-Id: mine\r\n");
  EXPECT_EQ(given.headers.at("x-request-id"), "mine");
  EXPECT_EQ(given.headers.at("x-content-type-options"), "nosniff");
  EXPECT_EQ(given.headers.at("cache-control"), "no-store");
  EXPECT_EQ(must_hold(given.headers.at("date"), " GMT"), "");
  const std::string made = wire.ask("GET", "/version").headers.at("x-request-id");
  EXPECT_FALSE(made.empty());
  EXPECT_NE(wire.ask("GET", "/version").headers.at("x-request-id"), made);
  const std::string bad =
      wire.ask("GET", "/version", "", "X-Request-Id: a b\r\n").headers.at("x-request-id");
  EXPECT_NE(bad, "a b");
}

TEST_F(ServerTest, HeadAndOptions) {
  start();
  Wire wire(port());
  const WireReply head = wire.ask("HEAD", "/version");
  EXPECT_EQ(head.status, 200);
  EXPECT_GT(std::stoi(head.headers.at("content-length")), 10);
  const WireReply options = wire.ask("OPTIONS", "/api/v1/jobs");
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.at("allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_FALSE(options.headers.contains("content-length"));
  EXPECT_EQ(wire.ask("BREW", "/api/v1/jobs").status, 405);
}

TEST_F(ServerTest, ARefusedBodyIsNotReadFirst) {
  start();
  Wire wire(port());
  wire.send(
      "POST /api/v1/runs/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      "Content-Length: 10000000\r\n\r\n{");
  const WireReply reply = wire.reply();
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.headers.at("connection"), "close");
  EXPECT_EQ(reply.headers.at("www-authenticate"), "Bearer realm=\"jobflow\"");

  Wire large(port());
  large.send(
      "POST /api/v1/runs/7/retry HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n"
      "Content-Length: 10000000\r\n\r\n{");
  EXPECT_EQ(large.reply().status, 413);
}

TEST_F(ServerTest, AClientThatSendsAllBeforeItReadsSeesTheRefusal) {
  start();
  Wire wire(port());
  wire.send(request_text("POST", "/api/v1/runs/7/retry", std::string(std::size_t{20} << 20, ' ')));
  EXPECT_EQ(wire.reply().status, 413);
}

TEST_F(ServerTest, AChunkedBodyIsReadAndBounded) {
  start();
  const std::string head =
      "POST /api/v1/runs/7/retry HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n"
      "Transfer-Encoding: chunked\r\n\r\n";
  Wire wire(port());
  wire.send(head + "2\r\n{}\r\n0\r\n\r\n");
  EXPECT_EQ(wire.reply().status, 202);
  Wire large(port());
  large.send(head);
  const std::string piece(64 * 1024, ' ');
  for (int i = 0; i < 8; ++i) {
    large.send("10000\r\n" + piece + "\r\n");
  }
  EXPECT_EQ(large.reply().status, 413);
}

TEST_F(ServerTest, AClientThatAsksMaySendItsBody) {
  start();
  Wire wire(port());
  wire.send(
      "POST /api/v1/jobs/j/trigger HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n"
      "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(wire.reply().status, 100);
  wire.send("{}");
  EXPECT_EQ(wire.reply().status, 201);
}

TEST_F(ServerTest, WhatIsNoHttpIsRefused_S13_5) {
  start({.header_bytes = 2048, .headers = 20});
  const auto status = [&](const std::string& bytes) {
    Wire wire(port());
    wire.send(bytes);
    return wire.reply().status;
  };
  EXPECT_EQ(status("hello\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/9.9\r\n\r\n"), 400);
  EXPECT_EQ(status("GET /version HTTP/1.1\r\nX: " + std::string(4000, 'x') + "\r\n\r\n"), 431);
  std::string many = "GET /version HTTP/1.1\r\n";
  for (int i = 0; i < 30; ++i) {
    many += "X" + std::to_string(i) + ": 1\r\n";
  }
  EXPECT_EQ(status(many + "\r\n"), 431);
  EXPECT_EQ(status("GET http://x/version HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status("POST /api/v1/runs/7/retry HTTP/1.1\r\nAuthorization: Bearer admin\r\n"
                   "Content-Length: x\r\n\r\n"),
            400);
  EXPECT_EQ(status("GET /version HTTP/1.0\r\n\r\n"), 200);
}

TEST_F(ServerTest, ASlowClientIsCut_S13_5) {
  start({.head_time = milliseconds(100), .body_time = milliseconds(100)});
  Wire head(port());
  head.send("GET /ver");
  EXPECT_TRUE(head.ended());
  Wire body(port());
  body.send(
      "POST /api/v1/jobs/j/trigger HTTP/1.1\r\nAuthorization: Bearer admin\r\n"
      "Content-Length: 10\r\n\r\n{");
  EXPECT_TRUE(body.ended());
}

TEST_F(ServerTest, ConnectionsAreBounded) {
  start({.connections = 2});
  Wire one(port());
  Wire two(port());
  EXPECT_EQ(one.ask("GET", "/version").status, 200);
  EXPECT_EQ(two.ask("GET", "/version").status, 200);
  Wire three(port());
  const WireReply reply = three.reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(must_hold(reply.body, R"("code":"unavailable")"), "");
}

TEST_F(ServerTest, AddressesThatCannotBeServedSayWhatToDo_S13_1) {
  start();
  const auto problem = [&](const std::string& listen) {
    const auto other = make(listen);
    const auto started = other->start();
    return started ? "started" : started.problem().detail;
  };
  EXPECT_EQ(
      must_hold(problem("127.0.0.1:" + std::to_string(port())), "another program has the port"),
      "");
  EXPECT_EQ(must_hold(problem("0.0.0.0:0"), "serves loopback only; listen on 127.0.0.1:0"), "");
  EXPECT_EQ(must_hold(problem("[::]:7700"), "127.0.0.1:7700"), "");
  EXPECT_EQ(must_hold(problem("192.0.2.1:7700"), "TLS proxy"), "");
  for (const char* wrong :
       {"", "7700", "localhost", "nowhere:1", "127.0.0.1:99999", "127.0.0.1:"}) {
    EXPECT_EQ(must_hold(problem(wrong), "write an address and a port"), "") << wrong;
  }
}

TEST_F(ServerTest, AnAnswerThatNeverComesIsSaidToBeUnknown) {
  start();
  hall.holds_answers = true;
  Wire wire(port());
  wire.send(request_text("POST", "/api/v1/jobs/j/trigger", "{}"));
  while (hall.holding == 0) {
    std::this_thread::yield();
  }
  hall.held.clear();
  const WireReply reply = wire.reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(must_hold(reply.body, R"("code":"outcome_unknown")"), "");
}

TEST_F(ServerTest, WhileTheStoreIsAwayAnAskerIsToldThatNobodyKnows_S12_4) {
  start({.answer_time = milliseconds(20)});
  hall.holds_answers = true;
  hall.reason = "the disk is full";
  Wire wire(port());
  const WireReply reply = wire.ask("POST", "/api/v1/jobs/j/trigger", "{}");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(must_hold(reply.body, R"("code":"outcome_unknown")"), "");
  EXPECT_EQ(reply.headers.at("retry-after"), "1");
  EXPECT_EQ(must_hold(reply.body, R"("command":"5000")"), "");
  EXPECT_EQ(must_hold(reply.body, "GET /api/v1/commands/5000 tells"), "");
  EXPECT_EQ(hall.held[0].command.id, Id{5'000});
  EXPECT_FALSE(hall.held[0].command.is_repeat);
  hall.held[0].answer(engine::Reply{.id = {7}, .created = true});  // dropped
  EXPECT_EQ(wire.ask("GET", "/version").status, 200) << "the connection goes on";
  EXPECT_EQ(wire.ask("POST", "/api/v1/jobs/j/trigger", "{}").status, 503) << "told again";
}

TEST_F(ServerTest, ACommandIsSentAgainUnderItsId_S12_4) {
  start();
  Wire wire(port());
  const auto ask = [&](const std::string& target, const std::string& body, const std::string& id) {
    return wire.ask("POST", target, body, "Jobflow-Command: " + id + "\r\n").status;
  };
  const Id sent{clock.now().ms << 22};
  EXPECT_EQ(ask("/api/v1/jobs/j/trigger", "{}", to_string(sent)), 201);
  EXPECT_EQ(hall.commands.at(0).id, sent);
  EXPECT_TRUE(hall.commands.at(0).is_repeat);
  EXPECT_EQ(ask("/api/v1/runs/batch", R"({"items":[{"job":"a"},{"jib":""},{"job":"b"}]})",
                to_string(sent)),
            200);
  EXPECT_EQ(hall.commands.at(1).id, sent);
  EXPECT_EQ(hall.commands.at(2).id, Id{sent.value + 2}) << "each item by its place";
  for (const std::string& wrong :
       {std::string("x"), std::string("7"), to_string(Id{(clock.now() - minutes(11)).ms << 22}),
        to_string(Id{(clock.now() + minutes(11)).ms << 22})}) {
    EXPECT_EQ(ask("/api/v1/jobs/j/trigger", "{}", wrong), 400) << wrong;
  }
  EXPECT_EQ(hall.commands.size(), 3U);
}

TEST_F(ServerTest, NoAskerWaitsForEver_I5) {
  start({.answer_time = milliseconds(10), .answer_time_max = milliseconds(40)});
  hall.holds_answers = true;
  Wire wire(port());
  EXPECT_EQ(wire.ask("POST", "/api/v1/jobs/j/trigger", "{}").status, 503);
}

TEST_F(ServerTest, StopDoesNotWaitForAStoreThatIsAway) {
  start({.stop_time = minutes(1)});
  hall.holds_answers = true;
  hall.reason = "the disk is full";
  auto wire = std::make_unique<Wire>(port());
  wire->send(request_text("POST", "/api/v1/jobs/j/trigger", "{}"));
  while (hall.holding == 0) {
    std::this_thread::yield();
  }
  std::thread stopper([&] { server->stop(); });
  const WireReply reply = wire->reply();
  wire.reset();
  stopper.join();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(must_hold(reply.body, R"("code":"outcome_unknown")"), "");
}

TEST_F(ServerTest, RequestsAreCountedByRoute) {
  start();
  Wire wire(port());
  wire.ask("GET", "/api/v1/runs/123");
  wire.ask("GET", "/nowhere");
  wire.ask("GET", "/api/v1/jobs", "", "Authorization: Bearer nobody\r\n");
  const std::string text = wire.ask("GET", "/metrics").body;
  EXPECT_EQ(
      must_hold(text, R"(jobflow_http_requests_total{route="GET /api/v1/runs/{id}",code="404"} 1)"),
      "");
  EXPECT_EQ(must_hold(text, R"(jobflow_http_requests_total{route="none",code="404"} 1)"), "");
  EXPECT_EQ(
      must_hold(text, R"(jobflow_http_requests_total{route="GET /api/v1/jobs",code="401"} 1)"), "");
  EXPECT_EQ(must_hold(text, "jobflow_http_request_duration_seconds_count 3"), "");
  EXPECT_EQ(must_hold(text, "# TYPE jobflow_build_info gauge\njobflow_build_info{version=\""), "");
}

TEST_F(ServerTest, StopLetsARequestUnderWayEnd) {
  start({.stop_time = minutes(1)});
  hall.holds_answers = true;
  Wire idle(port());
  EXPECT_EQ(idle.ask("GET", "/version").status, 200);
  Wire stream(port());
  stream.send(request_text("GET", "/api/v1/events"));
  EXPECT_EQ(must_hold(stream.read_until("snapshot"), "200 OK"), "");
  auto wire = std::make_unique<Wire>(port());
  wire->send(request_text("POST", "/api/v1/jobs/j/trigger", "{}"));
  while (hall.feed().subscribers() == 0 || hall.holding == 0) {
    std::this_thread::yield();
  }
  std::thread stopper([&] { server->stop(); });
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(stream.ended());
  hall.held[0].answer(engine::Reply{.id = {7}, .created = true});
  WireReply reply = wire->reply();
  wire.reset();  // else stop waits a moment for the client to have read it
  stopper.join();
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.headers["connection"], "close");
  EXPECT_EQ(hall.feed().subscribers(), 0);
}

TEST_F(ServerTest, StopIsBoundedAndLateAnswersAreDropped) {
  start({.stop_time = milliseconds(50)});
  hall.holds_answers = true;
  Wire wire(port());
  wire.send(request_text("POST", "/api/v1/jobs/j/trigger", "{}"));
  while (hall.holding == 0) {
    std::this_thread::yield();
  }
  server->stop();
  server.reset();
  hall.held[0].answer(engine::Reply{.id = {7}, .created = true});
  hall.held.clear();
  EXPECT_EQ(wire.reply().status, 0);
}

TEST_F(ServerTest, StopEndsALogTailThatWaits) {
  start({.stop_time = milliseconds(50)});
  testing::ApiStage rows;  // a store with a run in it
  const DefinitionRow job = rows.add_job("report");
  const RunRow run = rows.add_run(job, {.state = RunState::running});
  server =
      std::make_unique<Server>(ServerSettings{.listen = "127.0.0.1:0"}, *rows.hall, *rows.store,
                               *rows.logs, metrics, clock, std::make_shared<testing::RoleAccess>());
  ASSERT_TRUE(server->start());
  Wire wire(port());
  wire.send(request_text("GET", "/api/v1/runs/" + to_string(run.id) + "/logs/stream"));
  EXPECT_EQ(must_hold(wire.read_until("\r\n\r\n"), "200 OK"), "");
  server->stop();
  EXPECT_TRUE(wire.ended());
}

TEST_F(ServerTest, EventsComeOverSseWithHeartbeats_S9_2) {
  start({.heartbeat = milliseconds(30)});
  hall.feed().begin(3, 1);
  Wire wire(port());
  wire.send(request_text("GET", "/api/v1/events"));
  const std::string head = wire.read_until("\r\n\r\n");
  EXPECT_EQ(must_hold(head, "Content-Type: text/event-stream"), "");
  EXPECT_EQ(must_hold(wire.read_until("\n\n"), "event: snapshot\nid: "), "");
  EXPECT_EQ(must_hold(wire.read_until("\n\n"), ": "), "") << "a heartbeat";
  while (hall.feed().subscribers() == 0) {
    std::this_thread::yield();
  }
  hall.feed().publish(std::vector<JournalPart>{
      {.source = 3, .first = 1, .events = {{.subject = {5}, .time = {1}}}}});
  EXPECT_EQ(must_hold(wire.read_until("event: run.changed"), "run.changed"), "");
  EXPECT_EQ(must_hold(wire.read_until("\n\n"), R"("subject":"5")"), "");
}

TEST_F(ServerTest, EventsComeOverAWebSocket_S9_2) {
  start();
  hall.feed().begin(3, 1);
  EXPECT_EQ(Wire(port()).ask("GET", "/api/v1/ws").status, 426);
  const std::string upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  EXPECT_EQ(Wire(port()).ask("GET", "/api/v1/ws", "", upgrade + "Authorization: x\r\n").status,
            401);
  EXPECT_EQ(Wire(port()).ask("GET", "/api/v1/ws?run=5", "", upgrade).status, 404);
  Wire wire(port());
  wire.send(request_text("GET", "/api/v1/ws", "", upgrade));
  EXPECT_EQ(must_hold(wire.read_until("\r\n\r\n"), "101 Switching Protocols"), "");
  EXPECT_EQ(must_hold(wire.message(), R"("type":"snapshot")"), "");
  while (hall.feed().subscribers() == 0) {
    std::this_thread::yield();
  }
  hall.feed().publish(std::vector<JournalPart>{
      {.source = 3, .first = 1, .events = {{.subject = {5}, .time = {1}}}}});
  EXPECT_EQ(must_hold(wire.message(), R"("id":"3:1")"), "");
  server->stop();
  EXPECT_EQ(wire.message(), "");
}

TEST_F(ServerTest, StreamsAreBounded) {
  start({.streams = 1});
  Wire one(port());
  one.send(request_text("GET", "/api/v1/events"));
  EXPECT_EQ(must_hold(one.read_until("snapshot"), "200 OK"), "");
  EXPECT_EQ(Wire(port()).ask("GET", "/api/v1/events").status, 503);
}

}  // namespace
}  // namespace jobflow::api
