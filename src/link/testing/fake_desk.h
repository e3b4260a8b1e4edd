// What stands behind the worker's door in its tests: a desk that remembers, and two tokens.
#pragma once

#include "runtime/access.h"
#include "runtime/worker_door.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::link {

inline constexpr std::chrono::seconds kPatience{20};

class FakeAccess final : public runtime::Access {
 public:
  Outcome<runtime::Principal> authenticate(std::string_view token) const override {
    if (token == "worker-secret") {
      return runtime::Principal{"token:worker", "worker"};
    }
    if (token == "viewer-secret") {
      return runtime::Principal{"token:viewer", "viewer"};
    }
    return Problem{ProblemCode::unauthenticated, "unknown token"};
  }
};

// Remembers what it was told; a test waits for a state of it.
class FakeDesk final : public runtime::WorkerDesk {
 public:
  struct Closed {
    Id incarnation;
    const runtime::WorkerStream* stream = nullptr;
    std::vector<Assignment> unsent;
  };
  using Welcomed = std::function<void(Outcome<Done>)>;

  // Asked at each registration; without it everyone is welcome.
  std::function<void(const WorkerHello&, Welcomed)> judge;

  void connected(WorkerHello hello,
                 std::shared_ptr<runtime::WorkerStream> stream,
                 Welcomed answer) override {
    const WorkerHello copy = hello;
    note([&] {
      order.push_back("connected");
      hellos.push_back(std::move(hello));
      streams.push_back(std::move(stream));
    });
    judge ? judge(copy, std::move(answer)) : answer(Done{});
  }
  void heard(Id incarnation,
             const runtime::WorkerStream* stream,
             runtime::FromWorker said) override {
    note([&] {
      EXPECT_EQ(incarnation, hellos.back().incarnation);
      EXPECT_EQ(stream, streams.back().get());
      order.push_back("heard");
      for (auto& one : said.finished) {
        finished.push_back(std::move(one));
      }
      accepted.insert(accepted.end(), said.accepted.begin(), said.accepted.end());
      heartbeats += said.heartbeat ? 1 : 0;
    });
  }
  void log_lines(Id,
                 std::vector<LogChunk> chunks,
                 std::function<void(Outcome<Done>)> durable) override {
    note([&] {
      order.push_back("logs");
      for (auto& chunk : chunks) {
        logs.push_back(std::move(chunk));
      }
      durables.push_back(std::move(durable));
    });
  }
  void closed(Id incarnation,
              const runtime::WorkerStream* stream,
              std::vector<Assignment> unsent) override {
    note([&] {
      order.push_back("closed");
      closings.push_back({incarnation, stream, std::move(unsent)});
    });
  }

  // Waits until `holds`, which is asked under the lock.
  bool until(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, kPatience, holds);
  }

  std::shared_ptr<runtime::WorkerStream> stream(std::size_t at = 0) {
    EXPECT_TRUE(until([&] { return streams.size() > at; }));
    const std::lock_guard lock(mutex);
    return streams.at(at);
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> order;
  std::vector<WorkerHello> hellos;
  std::vector<std::shared_ptr<runtime::WorkerStream>> streams;
  std::vector<FinishedReport> finished;
  std::vector<Id> accepted;
  int heartbeats = 0;
  std::vector<LogChunk> logs;
  std::vector<std::function<void(Outcome<Done>)>> durables;
  std::vector<Closed> closings;

 private:
  template <class Change>
  void note(Change change) {
    const std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }
};

}  // namespace jobflow::link
