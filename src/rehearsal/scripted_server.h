// A server that says what it is told to: the other end of the worker protocol, in process, on a
// free port. Owned by whoever directs it. Thread-safe. Every wait has a bound and throws when it
// passes, or when what is waited for cannot come any more.
//
//   ScriptedServer server;
//   ... start a worker that connects to server.address() ...
//   auto session = server.accept();
//   session->welcome();
//   session->assign({.run = 1, .token = 2, .handler = "echo"});
//   EXPECT_EQ(session->finished(2).outcome(), v1::OUTCOME_SUCCEEDED);
//   session->acknowledge(2);
#pragma once

#include "jobflow/v1/worker.pb.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::rehearsal {

// Assign, short enough to write in a test.
struct Order {
  std::int64_t run = 1;
  std::int64_t token = 1;
  std::string handler;
  std::string params = "{}";
  std::uint32_t attempt = 1;
  std::int64_t epoch = 1;
  std::int64_t timeout_ms = 0;
  std::string job = "job";
  std::string idempotency_key = {};
};

enum class Refusal : std::uint8_t {
  unauthenticated,
  precondition,
  already_exists,
  invalid,
  unavailable
};

// One stream of a worker. Valid as long as somebody keeps it.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;
  // What the worker said first, and the bearer token it showed.
  virtual const v1::Register& registration() const = 0;
  virtual std::string authorization() const = 0;

  virtual void welcome(std::uint32_t heartbeat_ms = 1000, std::uint32_t lease_ms = 10'000) = 0;
  virtual void send(const v1::ServerMessage& message) = 0;
  void assign(const Order& order);
  void cancel(std::int64_t run, std::int64_t token);
  void acknowledge(std::int64_t token);
  void acknowledge_logs(std::int64_t run, std::uint32_t attempt, std::int64_t next_offset);
  void epoch(std::uint32_t shard, std::int64_t epoch);
  void drain();

  // Ends the stream: with a refusal, or as if the member went away.
  virtual void refuse(Refusal why, const std::string& message) = 0;
  void cut() { refuse(Refusal::unavailable, "cut"); }
  // From now on heartbeats are not answered (they are, until then).
  virtual void fall_silent() = 0;

  // Waits until `holds` is true of everything heard so far on this stream, in order.
  using Heard = std::vector<v1::WorkerMessage>;
  virtual void until(const std::string& what, const std::function<bool(const Heard&)>& holds) = 0;
  virtual Heard heard() const = 0;
  // Waits until the worker has ended its side.
  virtual void closed() = 0;

  // The nth (from 1) such message of that token.
  v1::Finished finished(std::int64_t token, int nth = 1);
  v1::Accepted accepted(std::int64_t token, int nth = 1);
  v1::Heartbeat heartbeat(const std::function<bool(const v1::Heartbeat&)>& holds);
  void leaving();
  // Waits for that many lines of a run; those heard twice count once.
  std::vector<v1::LogLine> lines(std::int64_t run, std::size_t count);
  // All lines of a run heard so far, by offset.
  std::vector<v1::LogLine> lines_now(std::int64_t run) const;
  int count_finished(std::int64_t token) const;
};

struct Stage {
  std::string listen = "127.0.0.1:0";
  std::chrono::milliseconds patience{20'000};  // of every wait
  // Called with each message of a stream, in order, on the transport's threads.
  std::function<void(const std::shared_ptr<Session>&, const v1::WorkerMessage&)> on_message = {};
};

class ScriptedServer {
 public:
  explicit ScriptedServer(Stage stage = {});
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  std::string address() const;
  // The next stream whose worker has registered. Not where `on_message` is given.
  std::shared_ptr<Session> accept();
  // Closes the port, so that no member is reached; reopen() listens there again.
  void shut();
  void reopen();

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace jobflow::rehearsal
