#include "runtime/testing/fault_worker.h"

#include <algorithm>
#include <iterator>

namespace jobflow::runtime::testing {

bool FaultStream::send(ToWorker message) {
  if (!is_open) {
    return false;
  }
  look_(message);
  queue.push_back(std::move(message));
  return true;
}

WorkerHello FaultWorker::hello() const {
  WorkerHello hello{.name = name, .incarnation = incarnation, .slots = slots};
  hello.handlers.push_back({.name = "h"});
  for (const auto& [token, assignment] : bodies) {
    hello.holding.push_back({assignment.run, token});
  }
  for (const auto& [token, report] : reports) {
    hello.holding.push_back({report.run, token});
  }
  return hello;
}

bool FaultWorker::begins(const Assignment& assignment) {
  std::int64_t& highest = epochs[assignment.run.shard()];
  if (!seen.insert(assignment.token).second) {
    return false;  // a token runs once
  }
  if (assignment.epoch < highest || bodies.size() >= static_cast<std::size_t>(slots)) {
    reports[assignment.token] = {
        .run = assignment.run, .token = assignment.token, .outcome = ReportOutcome::refused};
    return false;
  }
  highest = assignment.epoch;
  bodies[assignment.token] = assignment;
  return true;
}

std::vector<Assignment> FaultWorker::receive(const ToWorker& message) {
  for (const ShardEpoch& epoch : message.epochs) {
    epochs[epoch.shard] = std::max(epochs[epoch.shard], epoch.epoch);
  }
  std::vector<Assignment> begun;
  std::copy_if(message.assignments.begin(), message.assignments.end(), std::back_inserter(begun),
               [this](const Assignment& one) { return begins(one); });
  for (const CancelOrder& one : message.cancels) {
    if (bodies.contains(one.token)) {
      end_body(one.token, ReportOutcome::cancelled);
    } else if (!reports.contains(one.token)) {
      reports[one.token] = {
          .run = one.run, .token = one.token, .outcome = ReportOutcome::cancelled};
    }
  }
  for (const Id token : message.acks) {
    reports.erase(token);
  }
  return begun;
}

void FaultWorker::end_body(Id token, ReportOutcome outcome) {
  reports[token] = {.run = bodies.at(token).run, .token = token, .outcome = outcome};
  bodies.erase(token);
}

void FaultWorker::end_all() {
  while (!bodies.empty()) {
    end_body(bodies.begin()->first, ReportOutcome::succeeded);
  }
}

}  // namespace jobflow::runtime::testing
