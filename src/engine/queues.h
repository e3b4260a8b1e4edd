// Where queued runs wait: one queue for all that ask the same of a worker. Queues are served by the
// priority of their first run; those of the same priority take turns (S3.6, S6.1). Not thread-safe.
#pragma once

#include "model/definition.h"
#include "model/id.h"
#include "model/time.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace jobflow::engine {

// A queued run: by priority, then by how long it has been queued. All of it stands in the run's
// row, so that the order is the same after loading.
struct Waiting {
  int priority = 0;
  Instant since;
  Id run;
  bool operator<(const Waiting& other) const {
    return std::tie(other.priority, since, run) < std::tie(priority, other.since, other.run);
  }
};

struct Queue {
  std::string key;  // what its runs ask for, as one text
  std::string name_space;
  std::string handler;
  std::vector<std::string> tags;
  std::set<Waiting> runs;
  int listed = 0;  // the first run's priority, by which the queue is listed
};

class Queues {
 public:
  // The queue for what the task asks; it stays where it is for good.
  Queue* find(const std::string& name_space, const Task& task);

  void enter(Queue& queue, const Waiting& run);
  void leave(Queue& queue, const Waiting& run);

  std::size_t waiting() const { return waiting_; }
  // Since when the one that waits longest does; kNever when none does.
  Instant waits_since() const;
  // Grows with every run that enters.
  std::uint64_t arrivals() const { return arrivals_; }

  void each(const std::function<void(const Queue&)>& look) const;
  // Offers the queues that hold runs, in their order, until one is taken from.
  void serve(const std::function<bool(Queue&)>& take);
  // The key of the one that was served last: the turns go on after it.
  const std::string& last_served() const { return last_served_; }
  void go_on_after(const std::string& key) { last_served_ = key; }

 private:
  struct Urgency {
    int priority;
    std::string_view key;
  };
  struct MoreUrgent {
    using is_transparent = void;
    static Urgency of(const Queue* queue) { return {queue->listed, queue->key}; }
    static Urgency of(Urgency urgency) { return urgency; }
    bool operator()(const auto& a, const auto& b) const {
      const Urgency left = of(a), right = of(b);
      return left.priority != right.priority ? left.priority > right.priority
                                             : left.key < right.key;
    }
  };
  void list(Queue& queue);

  std::map<std::string, std::unique_ptr<Queue>> queues_;
  std::set<Queue*, MoreUrgent> busy_;  // those with runs
  std::string last_served_;
  std::size_t waiting_ = 0;
  std::uint64_t arrivals_ = 0;
};

}  // namespace jobflow::engine
