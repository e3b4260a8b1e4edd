// The network between members, workers, clients and the database: how long a packet takes, and who
// cannot reach whom at the moment. What a lost packet means is its carrier's to say: streams break,
// requests get no answer.
#pragma once

#include "tools/sim/scheduler.h"

#include <functional>
#include <map>
#include <set>
#include <utility>

namespace jobflow::sim {

// An end of the network. Numbers within a kind follow each other.
using Node = int;
inline constexpr Node kMembers = 0;
inline constexpr Node kWorkers = 100;
inline constexpr Node kPeople = 200;
inline constexpr Node kDatabase = 300;

class Network {
 public:
  explicit Network(Random& random) : random_(random) {}

  bool reaches(Node from, Node to) const { return !cut_.contains({from, to}); }
  Micros delay();

  // What is sent that way until then arrives after it, in its order; nothing is lost.
  void stall(Node from, Node to, Micros until) { stalled_[{from, to}] = until; }
  Micros stalled_until(Node from, Node to) const;
  // Called once, when a member is about to send another one an order for a worker.
  std::function<void(Node from, Node to)> before_next_order;

  // One direction. Cut twice, it must be healed twice.
  void cut(Node from, Node to);
  void heal(Node from, Node to);
  void heal_all();

  int spikes_permille = 0;   // packets that take up to kSpike
  int loss_permille = 0;     // packets that break their stream or never arrive
  int doubled_permille = 0;  // requests that arrive twice
  bool loses() { return random_.rarely(loss_permille); }
  bool doubles() { return random_.rarely(doubled_permille); }

 private:
  static constexpr Micros kSpike = 3'000'000;

  Random& random_;
  std::multiset<std::pair<Node, Node>> cut_;
  std::map<std::pair<Node, Node>, Micros> stalled_;
};

}  // namespace jobflow::sim
