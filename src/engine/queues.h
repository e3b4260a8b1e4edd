// Where queued runs wait: one queue for all that ask the same of a worker. Queues are served by the
// urgency of their first run; those of the same urgency take turns (S3.6, S6.1). Not thread-safe.
//
// Urgency is priority and age: a run that has waited kPriorityAgeing counts as of the next higher
// priority, up to the highest that any waiting run was given. So a run of priority p gives way to
// one of priority q only when that came within (q - p) * kPriorityAgeing of it, and nothing
// starves.
#pragma once

#include "model/definition.h"
#include "model/id.h"
#include "model/time.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
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
  bool operator==(const Waiting&) const = default;
};
// By urgency, which does not depend on the time it is: both age alike.
struct MoreUrgentFirst {
  bool operator()(const Waiting& a, const Waiting& b) const;
};
// Of those that wait: which comes first, and since when the oldest does (kNever: none). A look a
// priority.
const Waiting& most_urgent(const std::set<Waiting>& runs);
Instant waits_since(const std::set<Waiting>& runs);

// What the runs of a queue ask of a worker (S6.2).
struct Ask {
  std::string name_space;
  std::string handler;
  std::vector<std::string> tags;     // sorted; all must be there
  std::vector<std::string> workers;  // sorted names, one of them; empty: any
  std::string custom_strategy;
  std::optional<std::uint16_t> bucket;  // of strategy `hash`: only whose it is
};
Ask ask_of(const std::string& name_space, const Task& task);
// The same for equal ones, and for no others.
std::string key_of(const Ask& ask);

struct Queue {
  std::string key;  // the ask, as one text
  Ask ask;
  std::set<Waiting> runs;
  int listed = 0;   // the urgency by which the queue is listed
  int highest = 0;  // priority in it, as counted
};

class Queues {
 public:
  // The queue for what asks so; it stays where it is for good.
  Queue* find(const Ask& ask);

  void enter(Queue& queue, const Waiting& run);
  void leave(Queue& queue, const Waiting& run);

  std::size_t waiting() const { return waiting_; }
  // Since when the one that waits longest does; kNever when none does.
  Instant waits_since() const;
  // Grows with every run that enters.
  std::uint64_t arrivals() const { return arrivals_; }

  void each(const std::function<void(const Queue&)>& look) const;
  // Offers the queues that hold runs, in their order as of now, until one is taken from.
  void serve(Instant now, const std::function<bool(Queue&)>& take);
  // The key of the one that was served last: the turns go on after it.
  const std::string& last_served() const { return last_served_; }
  void go_on_after(const std::string& key) { last_served_ = key; }

 private:
  struct Urgency {
    int level;
    std::string_view key;
  };
  struct MoreUrgent {
    using is_transparent = void;
    static Urgency of(const Queue* queue) { return {queue->listed, queue->key}; }
    static Urgency of(Urgency urgency) { return urgency; }
    bool operator()(const auto& a, const auto& b) const {
      const Urgency left = of(a), right = of(b);
      return left.level != right.level ? left.level > right.level : left.key < right.key;
    }
  };
  int level_of(const Queue& queue) const;
  int highest() const { return highest_.empty() ? 0 : highest_.rbegin()->first; }
  void count_highest(Queue& queue, bool was_empty);
  void list(Queue& queue);
  void list_all();
  void age(Instant now);

  std::map<std::string, std::unique_ptr<Queue>> queues_;
  std::set<Queue*, MoreUrgent> busy_;  // those with runs
  std::map<int, int> highest_;         // priorities: of how many queues each is the highest
  Instant aged_;                       // levels are as of then
  std::string last_served_;
  std::size_t waiting_ = 0;
  std::uint64_t arrivals_ = 0;
};

}  // namespace jobflow::engine
