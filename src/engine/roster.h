// The workers a member may name, each against the credits it holds (house, Dispatch). Part of the
// engine's input: deciding an assignment takes a credit here. Not thread-safe: the hall's alone.
#pragma once

#include "model/definition.h"
#include "model/work.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace jobflow::engine {

// What a run asks of a worker (S6.2).
struct Wanted {
  std::string_view name_space;
  std::string_view handler;
  const std::vector<std::string>* tags = nullptr;  // sorted; all must be there
};

struct RosterWorker {
  WorkerHello hello;  // tags sorted
  std::set<std::string, std::less<>> handlers;
  std::unordered_set<Id> held;  // tokens that take a slot
  bool draining = false;
  bool connected = true;
  // A worker whose stream another member holds: what that member lends us, whatever its slots.
  std::optional<int> credits;
  int lent = 0;   // of our own worker's slots, to other members
  Instant since;  // heard without a break from then on: silence before it proves nothing (S6.6)

  int free() const { return credits.value_or(hello.slots - lent - static_cast<int>(held.size())); }
  double load() const;  // held / slots
};

class Roster {
 public:
  // By incarnation. A worker added again keeps its held tokens.
  RosterWorker& add(WorkerHello hello);
  void remove(Id incarnation);
  RosterWorker* find(Id incarnation);
  const std::map<Id, RosterWorker>& workers() const { return workers_; }

  // Workers with the handler that are connected, not draining, matching, and have a credit left;
  // ordered by name. Valid until the roster changes.
  const std::vector<RosterWorker*>& candidates(const Wanted& wanted);

  // A credit is taken by a token and given back by it once, however often it is said (S7.3).
  void take(Id incarnation, Id token);
  bool give_back(Id incarnation, Id token);

  // Grows whenever a credit may have become free: queued runs are worth another look.
  std::uint64_t generation() const { return generation_; }
  void touch() { ++generation_; }

 private:
  // Who offers a handler in a namespace, whatever else holds of them; ordered by name.
  struct Offer {
    std::string name_space, handler;
    std::vector<RosterWorker*> workers;
  };
  Offer* find_offer(std::string_view name_space, std::string_view handler);
  void list(RosterWorker& worker);
  void unlist(RosterWorker& worker);

  std::map<Id, RosterWorker> workers_;
  std::unordered_multimap<std::uint64_t, Offer> offers_;  // by the hash of their names
  Offer* last_offer_ = nullptr;                           // runs of one job ask again and again
  std::vector<RosterWorker*> found_;
  std::uint64_t generation_ = 0;
};

// Chooses among `candidates` (not empty). `turn` is the job's own round-robin counter, advanced
// here; `choice` a derived hash for `random` (I6).
RosterWorker* choose(Strategy strategy,
                     const std::vector<RosterWorker*>& candidates,
                     std::uint32_t& turn,
                     std::uint64_t choice);

}  // namespace jobflow::engine
