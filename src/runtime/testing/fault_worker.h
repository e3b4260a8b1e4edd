// A worker's process as the hall's fault test plays it: what it remembers, and its stream.
#pragma once

#include "runtime/worker_door.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::runtime::testing {

// One stream, server side: what was sent waits here until the world delivers it.
class FaultStream final : public WorkerStream {
 public:
  // `look` sees each message as it leaves the hall.
  explicit FaultStream(std::function<void(const ToWorker&)> look) : look_(std::move(look)) {}
  bool send(ToWorker message) override;
  void close(Problem) override { is_open = false; }

  std::deque<ToWorker> queue;
  bool is_open = true;   // the server may send
  bool is_heard = true;  // the worker still reads it

 private:
  std::function<void(const ToWorker&)> look_;
};

// Runs a token once, reports until acknowledged (S6.5).
struct FaultWorker {
  std::string name;
  Id incarnation;
  int slots = 3;
  std::shared_ptr<FaultStream> stream = {};
  std::map<Id, Assignment> bodies = {};       // by token
  std::map<Id, FinishedReport> reports = {};  // not acknowledged
  std::set<Id> seen = {};                     // tokens
  std::map<ShardNumber, std::int64_t> epochs = {};

  bool is_connected() const { return stream && stream->is_open; }
  WorkerHello hello() const;
  // Answers the assignments whose bodies begin.
  std::vector<Assignment> receive(const ToWorker& message);
  void end_body(Id token, ReportOutcome outcome);
  void end_all();

 private:
  bool begins(const Assignment& assignment);
};

}  // namespace jobflow::runtime::testing
