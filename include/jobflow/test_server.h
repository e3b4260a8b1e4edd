// A server for unit tests of handlers: in process, on a free loopback port, without a database.
//
//   jobflow::TestServer server;
//   jobflow::Worker worker{{.server = server.address()}};
//   worker.handle("image.resize", resize);
//   worker.start();
//   jobflow::TestRun run = server.trigger("image.resize", {{"width", 320}});
//   EXPECT_EQ(run.wait().result, jobflow::Json({{"width", 320}}));
//
// It speaks the worker protocol as a server does: it acknowledges, and after a lost link it sends
// again what may not have arrived. But it decides nothing: a run is one attempt on the worker that
// connected last, and nothing is retried. Every wait is bounded and throws std::runtime_error that
// says what did not come. Thread-safe.
#pragma once

#include <jobflow/json.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobflow {

struct TestServerOptions {
  std::chrono::milliseconds patience{10'000};  // of every wait
  std::chrono::milliseconds heartbeat{50};     // progress comes with it
  std::chrono::milliseconds lease{10'000};  // without a server for most of it, bodies are stopped
};

struct TestRunOptions {
  int attempt = 1;
  std::chrono::milliseconds timeout{0};  // 0 = none
  std::string job = "test";
  std::string idempotency_key = {};
};

// How a run ended.
struct TestEnd {
  enum class Kind : unsigned char {
    succeeded,
    failed,
    cancelled,
    timed_out,
    refused,  // never started
    lost,     // its worker was replaced by another
  };
  Kind kind = Kind::succeeded;
  Json result = {};
  std::string error_kind = {};
  std::string error = {};
  bool do_not_retry = false;
  std::chrono::milliseconds retry_after{0};
};

struct TestLogLine {
  enum class Level : unsigned char { debug, info, warn, error };
  Level level = Level::info;
  std::string text = {};
  Json fields = {};
};

// One run; copies name the same one.
class TestRun {
 public:
  std::int64_t id() const { return id_; }
  void wait_started() const;  // or ended
  TestEnd wait() const;       // for its end
  // Waits until there are that many lines. Those of a body have come before its end has.
  std::vector<TestLogLine> log(std::size_t at_least = 0) const;
  double wait_progress(double at_least) const;
  void cancel() const;
  void assign_again() const;             // as a server does that does not know whether it arrived
  int wait_reports(int at_least) const;  // how often its end was told

 private:
  friend class TestServer;
  class Stage;
  TestRun(std::shared_ptr<Stage> stage, std::int64_t id) : stage_(std::move(stage)), id_(id) {}
  std::shared_ptr<Stage> stage_;
  std::int64_t id_;
};

class TestServer {
 public:
  explicit TestServer(TestServerOptions options = {});
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::string address() const;
  // Waits for a worker that offers the handler.
  TestRun trigger(std::string_view handler,
                  const Json& params = Json::object(),
                  const TestRunOptions& options = {});

  void drop_link();  // and waits until the worker is connected again
  void go_away();    // nobody listens any more,
  void come_back();  // until now
  // From now on ends and log lines are (not) acknowledged; at first they are.
  void acknowledge(bool on);
  void drain();  // asks the worker to

 private:
  std::shared_ptr<TestRun::Stage> stage_;
};

}  // namespace jobflow
