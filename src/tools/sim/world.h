// One simulated world: a database, members, workers, people, and a network between them, on one
// scheduler and one stream of dice. It lives through its plan: load and faults for a while, then
// calm, until everything has come to its end.
#pragma once

#include "tools/sim/checker.h"
#include "tools/sim/database.h"
#include "tools/sim/durable.h"
#include "tools/sim/fault_points.h"
#include "tools/sim/history.h"
#include "tools/sim/member.h"
#include "tools/sim/network.h"
#include "tools/sim/people.h"
#include "tools/sim/plan.h"
#include "tools/sim/random.h"
#include "tools/sim/scheduler.h"
#include "tools/sim/worker.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::sim {

// A text that the store refuses to write, wherever it stands in a row.
inline constexpr const char* kPoison = "POISON";
// A run with that in its params cannot be written again, but that it was set aside.
inline constexpr const char* kBrittle = "BRITTLE";

// How often the store's answers go wrong, in thousandths.
struct StoreRates {
  int lost = 0, answer_lost = 0, lands_late = 0;
  int read_fails = 0, read_stale = 0;
  bool away = false;
};

class World {
 public:
  World(Plan plan, bool with_text);
  ~World();

  // From the beginning to the end, or to the first violation.
  void live();
  const std::optional<Violation>& violation() const { return violation_; }

  // --- for faults and loads
  bool is_calm() const { return is_calm_; }
  // Counts something worth reporting: a fault, an outcome that makes the run rich.
  void count(std::string_view what, std::int64_t times = 1);
  const std::map<std::string, std::int64_t, std::less<>>& counts() const { return counts_; }
  // Does it now and then until the calm, `mean` apart.
  void now_and_then(Span mean, std::function<void()> act);
  // A fault that somebody will want to see in the trace.
  void note_fault(std::string text);
  // A member that a worker or client would try next; null when none is up.
  std::shared_ptr<Life> member_to_reach();
  Client& any_client() { return *clients[random.below(clients.size())]; }
  std::int64_t next_command() { return ++commands_; }
  // As a clock that stands right shows it.
  Instant now() const { return plan.epoch + milliseconds(scheduler.now() / 1000); }
  store::FaultScript store_faults(Life& life);
  void process_ended(const std::shared_ptr<Life>& life);
  // The database fails over to a stand-by that has not heard the commits of the next `span`.
  void fail_over_after(Span span);
  bool has_lost_history() const { return has_lost_history_; }
  // The server's code is at a named point; whoever acts may die there.
  void passes(const char* point);
  const Life* acting = nullptr;  // whose task runs, or ran last
  std::string_view die_at;       // the next process that passes it dies

  const Plan plan;
  Random random;
  Scheduler scheduler{random};
  Network network{random};
  Durable durable;
  History history;
  Database database;
  StoreRates store_rates;
  std::vector<std::unique_ptr<Member>> members;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::unique_ptr<Client>> clients;
  Subscriber subscriber{*this, "sub"};
  Subscriber second_subscriber{*this, "sub2", &subscriber};  // where there are several members
  // What the loads know of: names of definitions, and runs that were acknowledged.
  std::vector<std::string> jobs, workflows;
  std::vector<std::string> semaphores;                       // that definitions may name
  std::string calendar;                                      // "" = there is none
  std::string moving;                                        // one that people change; "" = none
  std::map<std::string, std::vector<TriggerText>> triggers;  // by definition, as asked last
  std::vector<Id> runs;

 private:
  void recorded(const Record& record);
  void begin_calm();
  void disable_triggers();
  bool clocks_are_wrong() const;
  bool heeds(std::string_view checker) const;
  bool is_at_rest();
  bool has_heard_all(const Subscriber& one) const;
  void judge_rest(bool came);
  template <class Look>
  void ask_checkers(const Look& look);

  const PointsWatch watch_{*this};
  bool is_calm_ = false;
  bool has_lost_history_ = false;
  std::int64_t commands_ = 0;
  std::map<std::string, std::int64_t, std::less<>> counts_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  std::optional<Violation> violation_;
};

}  // namespace jobflow::sim
