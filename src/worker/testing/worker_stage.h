// What the tests of the SDK share: a scripted server, a worker with a few handlers, and gates that
// bodies wait at. For tests only.
#pragma once

#include "rehearsal/scripted_server.h"
#include "worker/tuning.h"

#include <gtest/gtest.h>
#include <jobflow/worker.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace jobflow::worker {

using rehearsal::Order;
using rehearsal::Refusal;
using rehearsal::ScriptedServer;
using rehearsal::Session;
using std::chrono::milliseconds;

// Opens once; bodies wait at it.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// Counts up; the test waits for a number.
class Count {
 public:
  void up() {
    const std::lock_guard lock(mutex_);
    ++value_;
    changed_.notify_all();
  }
  bool reaches(int wanted) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return value_ >= wanted; });
  }
  int value() {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int value_ = 0;
};

inline Result until_cancelled(Context& run) {
  while (!run.wait_cancelled(std::chrono::hours(1))) {
  }
  return cancelled();
}

class WorkerTest : public testing::Test {
 protected:
  // A test that fails early leaves bodies at the gate: they would keep the worker for ever.
  ~WorkerTest() override { gate.open(); }

  Worker& make(WorkerOptions options = {}, Tuning tuning = {}) {
    options.server = server.address();
    options.name = options.name.empty() ? "w1" : options.name;
    options.log = [this](std::string_view line) {
      const std::lock_guard lock(said_mutex);
      said_lines += std::string(line) + "\n";
    };
    tuning.backoff_first = milliseconds(5);
    tuning.backoff_last = milliseconds(50);
    tuning.leave_wait = milliseconds(20);  // most tests leave ends unacknowledged
    tuning.welcome_wait = std::min(tuning.welcome_wait, milliseconds(300));
    worker = std::make_unique<Worker>(std::move(options));
    tune(*worker, tuning);
    worker->handle("echo", [this](Context& run) -> Result {
      ran.up();
      return succeeded(run.params());
    });
    worker->handle("gated", [this](Context&) -> Result {
      ran.up();
      gate.wait();
      return succeeded("done");
    });
    worker->handle("until_cancelled", [this](Context& run) {
      ran.up();
      return until_cancelled(run);
    });
    return *worker;
  }
  std::shared_ptr<Session> connect(std::uint32_t heartbeat_ms = 1000,
                                   std::uint32_t lease_ms = 10'000) {
    auto session = server.accept();
    session->welcome(heartbeat_ms, lease_ms);
    return session;
  }
  std::shared_ptr<Session> started(WorkerOptions options = {}, Tuning tuning = {}) {
    make(std::move(options), tuning).start();
    return connect();
  }
  std::string said() {
    const std::lock_guard lock(said_mutex);
    return said_lines;
  }

  ScriptedServer server;
  std::mutex said_mutex;
  std::string said_lines;
  Gate gate;
  Count ran;
  std::unique_ptr<Worker> worker;  // stops first
};

}  // namespace jobflow::worker
