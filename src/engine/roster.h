// The workers a member may name, each against the credits it holds (house, Dispatch). Part of the
// engine's input: deciding an assignment takes a credit here. Not thread-safe: the hall's alone.
#pragma once

#include "engine/queues.h"
#include "jobflow/strategy.h"
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
  // Whether it could ever take what asks so: its namespace, handlers, tags and name.
  bool suits(const Ask& ask) const;
};

class Roster {
 public:
  // By incarnation. A worker added again keeps its held tokens.
  RosterWorker& add(WorkerHello hello);
  void remove(Id incarnation);
  RosterWorker* find(Id incarnation);
  const std::map<Id, RosterWorker>& workers() const { return workers_; }

  // Workers with the handler that are connected, not draining, matching, and have a credit left;
  // ordered by name. Of an ask with a bucket: only the one that it belongs to. Valid until the
  // roster changes.
  const std::vector<RosterWorker*>& candidates(const Ask& ask);
  // Whose the bucket of the ask is, whether it has room or not: the same worker as long as it is
  // there and takes work; only what was a worker's moves when it goes (rendezvous hashing). Null:
  // there is none.
  RosterWorker* home_of(const Ask& ask);

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

// Chooses among `candidates` (not empty), for a run that is given to none of them by name. `turn`
// is the job's own round-robin counter, advanced here; `choice` a derived hash for `random` (I6).
RosterWorker* choose(Strategy strategy,
                     const std::vector<RosterWorker*>& candidates,
                     std::uint32_t& turn,
                     std::uint64_t choice);
// By the strategy of that name that was compiled in; null: it says none, or there is no such one.
// `run` is what it sees of it, but for the turn.
RosterWorker* choose_custom(std::string_view strategy,
                            const std::vector<RosterWorker*>& candidates,
                            std::uint32_t& turn,
                            RunToPlace run);

// Which bucket a key is in (S6.1).
std::uint16_t bucket_of(std::string_view key);

}  // namespace jobflow::engine
