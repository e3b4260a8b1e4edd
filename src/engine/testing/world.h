// A random but replayable life of a shard: definitions, workers with their whims, people who
// trigger, cancel, retry and delete, links that fail, time that passes. A seed makes one. What must
// always hold is looked at after every event.
#pragma once

#include "engine/testing/desk.h"
#include "engine/testing/ledger_audit.h"

#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::engine::testing {

class World {
 public:
  explicit World(unsigned seed);
  World(World&&) = delete;  // the desk knows it

  // When to look again at the bound of an attempt whose worker could not be heard (S6.6) is no
  // state: lives that are compared with each other have links that come back at once.
  bool steady_links = false;
  // When what calendars keep off is looked at again is none either, and comes to another order of
  // what is due together.
  bool has_calendars = true;
  bool has_backfills = true;
  bool has_semaphores = true;

  void live(int events);
  // No more faults: workers come, answer well, time passes. How many of the runs that were
  // unfinished still are.
  std::size_t calm_down();
  // No worker ever answers again; only time passes (I5).
  std::size_t fall_silent();

  Desk& desk() { return desk_; }
  const std::string& trace() const { return trace_; }
  // The first thing that did not hold, or "".
  const std::string& broken() const { return broken_.empty() ? audit_.broken() : broken_; }

  // A command that is not part of this life, for a store to refuse.
  Request intruder(std::mt19937_64& random) const;

 private:
  struct Body {  // what a worker runs
    Id incarnation;
    Assignment assignment;
  };

  std::size_t below(std::size_t count) { return random_() % count; }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }
  Id any_run();
  void submit(Request request, const std::string& by = "token:admin");
  void something_happens();
  void somebody_asks();
  void ask_to_trigger();
  void ask_to_wait(TriggerRun& ask);
  void save_definition();
  std::string job_spec();
  std::string workflow_spec();
  std::string policies();
  std::string concurrency();
  std::string semaphores();
  void save_semaphore();
  void keep_semaphores();
  void put_semaphore(const std::string& name, std::size_t permits);
  void look_at_permit(const PermitRow& permit);
  void look_at_permits();
  void look_at_holds(const RunRow& run, const Task& task);
  void look_at_limits();
  std::string triggers(const std::string& owner);
  void somebody_stops_a_trigger();
  void somebody_fills_in(Id trigger);
  std::string calendars_of_trigger();
  void change_calendar();
  void worker_acts();
  void worker_comes();
  void links_fail();
  void the_store_refuses();
  void come_back(Id incarnation);
  void lose(Id incarnation);
  void deliver();
  FinishedReport report_of(const Body& body, bool well);
  void time_passes(Span span);
  std::set<Id> unfinished() const;

  // Invariants, looked at as each decision is heard of.
  void heard(const Decision& decision, bool is_retry);
  void look_at_change(const Change& change, bool is_retry);
  void look_at_rows();
  void look_at_start(const RunRow& run, const RunProgress& begun);
  void expect(bool holds, const std::string& what);

  std::mt19937_64 random_;
  // Of their own: lives without them are what they were.
  std::mt19937_64 calendars_, backfills_, permits_;
  Desk desk_;
  std::vector<Body> bodies_;
  std::vector<std::pair<Id, FinishedReport>> reports_;  // said once, perhaps said again
  std::vector<Id> workers_;
  std::vector<std::pair<DefinitionKind, std::string>> names_;
  std::map<Id, RunState> states_;
  LedgerAudit audit_;
  Id greatest_token_;
  Id greatest_run_;
  std::int64_t incarnations_ = 100;
  std::string trace_;
  std::string broken_;
};

}  // namespace jobflow::engine::testing
