// The worker SDK: offer functions as handlers to a jobflow server, over one outbound connection.
//
//   jobflow::Worker worker{{.server = "localhost:7701", .slots = 16, .tags = {"eu"}}};
//   worker.handle("image.resize", [](jobflow::Context& run) -> jobflow::Result {
//     run.log().info("start", {{"url", run.params().at("url")}});
//     if (run.cancelled()) return jobflow::cancelled();
//     return jobflow::succeeded({{"width", 320}});
//   });
//   return worker.run();   // SIGTERM drains, a second one stops at once
//
// What is promised: a token is run once by this process; an end is reported until the server has
// acknowledged it; when no member can be reached, bodies are cancelled before the lease ends unless
// their handler is `detached`. A body that ignores cancel cannot be stopped: then only the token
// protects what it writes to.
#pragma once

#include <jobflow/json.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow {

namespace worker {
struct Body;
class Station;
struct Tuning;
}  // namespace worker

// How a body ended. A value; see succeeded(), failed() and cancelled().
class Result {
 public:
  enum class Kind : unsigned char { succeeded, failed, cancelled };

  // Fails for good: no further attempt, whatever the retry policy says.
  Result& do_not_retry() &;
  Result&& do_not_retry() &&;
  // The next attempt starts after this long, whatever the retry policy says.
  Result& retry_after(std::chrono::milliseconds delay) &;
  Result&& retry_after(std::chrono::milliseconds delay) &&;
  Result& retry_after(std::int64_t delay_ms) &;
  Result&& retry_after(std::int64_t delay_ms) &&;
  // A short word for programs ("exit_code"); retry policies can name it. "handler" when not said.
  Result& error_kind(std::string kind) &;
  Result&& error_kind(std::string kind) &&;

 private:
  friend class worker::Station;
  friend Result succeeded(Json result);
  friend Result failed(std::string message);
  friend Result cancelled();
  Kind kind_ = Kind::succeeded;
  bool do_not_retry_ = false;
  std::int64_t retry_after_ms_ = 0;
  Json result_;
  std::string error_kind_;
  std::string error_;
};

Result succeeded(Json result = {});
Result failed(std::string message);
Result cancelled();

// Lines of this attempt's log, on their way to the server live. Thread-safe while the body runs.
class Log {
 public:
  void debug(std::string_view text, const Json& fields = {});
  void info(std::string_view text, const Json& fields = {});
  void warn(std::string_view text, const Json& fields = {});
  void error(std::string_view text, const Json& fields = {});

 private:
  friend class Context;
  explicit Log(worker::Body& body) : body_(&body) {}
  void write(int level, std::string_view text, const Json& fields);
  worker::Body* body_;
};

// One attempt, as its body sees it. Valid while the body runs; params() from its own thread only,
// the rest from any thread.
class Context {
 public:
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Json& params();  // throws JsonError if the server sent no JSON
  std::string_view params_json() const;
  Log log() { return Log(*body_); }
  void progress(double fraction);  // 0 to 1; sent with the next heartbeat

  bool cancelled() const;  // asked to stop: return soon
  // Sleeps that long, or less when asked to stop; true when asked to stop.
  bool wait_cancelled(std::chrono::milliseconds at_most) const;
  // When the execution timeout will ask it to stop; none without a timeout.
  std::optional<std::chrono::steady_clock::time_point> deadline() const;

  int attempt() const;         // 1 is the first
  std::int64_t token() const;  // grows with every attempt of a job: fence writes with it
  std::int64_t run_id() const;
  const std::string& idempotency_key() const;
  const std::string& job() const;
  const std::string& handler() const;

 private:
  friend class worker::Station;
  friend worker::Body& body_of(Context& run);  // for the built-in handlers
  explicit Context(worker::Body& body) : body_(&body) {}
  worker::Body* body_;
};

struct WorkerOptions {
  std::string server = {};  // host:port; JOBFLOW_SERVER, else localhost:7701
  std::string name = {};    // unique among live workers; host-pid when empty
  std::string name_space = "default";
  int slots = 16;  // bodies at a time
  std::vector<std::string> tags = {};
  std::map<std::string, std::string> labels = {};
  std::string token = {};                    // else token_file, JOBFLOW_TOKEN, JOBFLOW_TOKEN_FILE
  std::string token_file = {};               // read again at every connect
  std::string version = {};                  // of your program, shown in the UI
  std::chrono::milliseconds drain_grace{0};  // draining bodies are cancelled after it; 0 = never
  std::function<void(std::string_view)> log = {};  // what the worker has to say; stderr when empty
};

struct HandlerOptions {
  std::string version = {};
  std::string description = {};
  std::string input_schema = {};  // JSON Schema
  std::string output_schema = {};
  bool detached = false;  // goes on when no member can be reached for a lease
};

// A worker's process. All members may be called from any thread; handle() before start only.
class Worker {
 public:
  using Function = std::function<Result(Context&)>;

  explicit Worker(WorkerOptions options);
  ~Worker();  // stops
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Throws std::invalid_argument for a name that is empty, too long or taken.
  Worker& handle(std::string name, Function function, HandlerOptions options = {});

  // Works until drained by SIGTERM, SIGINT or the server. 0 = drained; 1 = could not go on, or a
  // second signal stopped it at once.
  int run();

  // The same in parts, for programs with a life of their own (no signals are touched).
  void start();
  void drain();  // take nothing new, finish, leave
  void stop();   // cancel the bodies, wait for them, leave
  int wait();    // until drained or failed: the exit code
  std::optional<int> wait_for(std::chrono::milliseconds at_most);

 private:
  friend void tune(Worker& worker, const worker::Tuning& tuning);  // for tests
  std::unique_ptr<worker::Station> station_;
};

}  // namespace jobflow
