// Simulated time: one thread, one queue of events, and the order that the seed gives them.
//
// Time is true time: microseconds since the world began. Processes see it through clocks of their
// own (own_time.h). Events of one instant come in a drawn order, except that what one process posts
// to itself stays in order (own_time.h again).
#pragma once

#include "model/time.h"
#include "tools/sim/random.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::sim {

using Micros = std::int64_t;

constexpr Micros micros(Span span) {
  return span.ms * 1000;
}

// Whose an event is. What is over runs no more events; what is paused runs them when it goes on.
struct Process {
  std::string name;
  bool over = false;
  Micros paused_until = 0;
};
using Owner = std::shared_ptr<const Process>;  // null: the world's own

class Scheduler {
 public:
  explicit Scheduler(Random& random) : random_(random) {}

  Micros now() const { return now_; }
  void at(Micros when, Owner owner, std::function<void()> task);
  void after(Micros delay, Owner owner, std::function<void()> task);
  void after(Span delay, Owner owner, std::function<void()> task) {
    after(micros(delay), std::move(owner), std::move(task));
  }
  // Runs the next event that is due by then. False: there is none, and now it is `end`.
  bool run_next(Micros end);
  std::int64_t events() const { return events_; }
  void clear() { queue_.clear(); }

 private:
  struct Event {
    Micros when;
    std::uint64_t turn;  // drawn
    std::int64_t number;
    Owner owner;
    std::function<void()> task;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when   ? a.when > b.when
             : a.turn != b.turn ? a.turn > b.turn
                                : a.number > b.number;
    }
  };

  Random& random_;
  Micros now_ = 0;
  std::int64_t last_number_ = 0;
  std::int64_t events_ = 0;
  std::vector<Event> queue_;  // a heap
};

}  // namespace jobflow::sim
