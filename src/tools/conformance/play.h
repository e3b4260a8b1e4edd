// One scenario being played: a scripted server, a fresh folder, and the worker under examination.
// Used by the main thread only. Whatever does not come true throws, saying what was seen instead.
#pragma once

#include "rehearsal/scripted_server.h"
#include "tools/conformance/candidate.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::conformance {

using rehearsal::Order;
using rehearsal::Refusal;
using rehearsal::ScriptedServer;
using rehearsal::Session;
using SessionPtr = std::shared_ptr<Session>;

// The handlers every candidate offers (docs/worker-conformance.md).
inline constexpr const char* kEcho = "conformance.echo";
inline constexpr const char* kFail = "conformance.fail";
inline constexpr const char* kWork = "conformance.work";

// How the server speaks of itself: heartbeats often, so that scenarios are short.
inline constexpr std::uint32_t kHeartbeatMs = 100;
inline constexpr std::uint32_t kLeaseMs = 30'000;

struct Setting {
  std::vector<std::string> command;
  std::string listen = "127.0.0.1:0";
  std::chrono::milliseconds patience{10'000};
};

inline void expect(bool holds, const std::string& otherwise) {
  if (!holds) {
    throw std::runtime_error(otherwise);
  }
}

// Runs and tokens are beyond 2^53, as the server's are: no double holds them.
std::int64_t make_id(std::uint32_t shard, std::uint32_t number);

class Play {
 public:
  explicit Play(const Setting& setting);
  ~Play();
  Play(const Play&) = delete;
  Play& operator=(const Play&) = delete;

  ScriptedServer& server() { return server_; }
  void start();  // the worker
  // start() and next().
  SessionPtr join();
  // The next stream of the worker, welcomed.
  SessionPtr next();
  // Waits for the worker's end.
  int exit_code() { return candidate_->exit_code(setting_.patience); }
  void send_signal(int number) const { candidate_->send_signal(number); }

  // Work that ends when it is released (or at once: `waits` false).
  Order work(std::uint32_t number, bool waits = true) const;
  void release(const Order& order) const;
  // What bodies wrote down: "start TOKEN", "stop TOKEN".
  int count(std::string_view what, const Order& order) const;
  void until_written(std::string_view what, const Order& order) const;

  // Runs a little something there and back: all that was sent before it has been read.
  void round_trip(const SessionPtr& session);
  v1::Finished finished(const SessionPtr& session, const Order& order, int nth = 1) const;

  std::string last_words() const;  // of the worker, on its terminal

 private:
  std::string file(std::string_view name) const { return folder_ + "/" + std::string(name); }

  const Setting& setting_;
  std::string folder_;
  ScriptedServer server_;
  std::unique_ptr<Candidate> candidate_;
  std::uint32_t trips_ = 0;
};

std::string name_of(v1::Outcome outcome);
void expect_outcome(v1::Outcome expected, const v1::Finished& seen, const std::string& of);
bool holds(const v1::Register& hello, const Order& order);

}  // namespace jobflow::conformance
