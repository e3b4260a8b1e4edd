// A server among faults, with workers and people: steps drawn from a seed, then rest, then a
// judgement. fault_world.cc: the server, people and what happens; fault_judge.cc: what must be
// true.
#pragma once

#include "runtime/testing/fault_worker.h"
#include "runtime/testing/hall_stage.h"
#include "store/fault_store.h"
#include "store/memory/memory_store.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::runtime::testing {

class FaultWorld {
 public:
  explicit FaultWorld(std::uint64_t seed);

  void live(int steps);
  // No more faults: everything must come to its end.
  void come_to_rest();
  void judge();

  std::size_t executions() const { return executions_.size(); }
  int lives() const { return lives_; }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  Id new_incarnation() { return Id{0x7000 + ++incarnations_}; }

  void begin_life();
  void subscribe();
  void script_faults();
  void run_store_task();
  void crash();
  void stop_and_start();
  void advance(Span span);
  void drain();
  void run_until(const std::function<bool()>& condition);

  void save(DefinitionKind kind, const std::string& name, const std::string& spec);
  void submit(engine::Request request, std::function<void(Outcome<engine::Reply>)> answer);
  void trigger();
  void ask_about_some_run();

  void connect(FaultWorker& worker);
  void lose_link(FaultWorker& worker, bool told);
  void hear_closing();
  void die(FaultWorker& worker);
  void leave(FaultWorker& worker);
  bool deliver(FaultWorker& worker);
  void receive(FaultWorker& worker, const ToWorker& message);
  void end_some_body(FaultWorker& worker);
  void say_all(FaultWorker& worker);

  void step();
  void step_of(FaultWorker& worker, int dice);
  void step_of_the_world(int dice);

  // fault_judge.cc
  void check_effects(const ToWorker& message);
  std::optional<RunRow> row_of(Id run);
  std::vector<RunRow> all_runs();
  bool is_over();
  Id newest_token(const RunRow& row);
  void judge_executions(const RunRow& row);
  void judge_credits();
  void judge_journal();

  struct Closing {
    Id incarnation;
    std::shared_ptr<FaultStream> stream;
    std::vector<Assignment> unsent;
  };

  std::mt19937_64 random_;
  std::shared_ptr<store::MemoryDatabase> database_;
  std::unique_ptr<store::Store> truth_;  // reads at once what is durable
  std::deque<std::function<void()>> store_tasks_;
  std::unique_ptr<store::FaultStore> store_;
  std::unique_ptr<HallStage> stage_;
  Instant now_{1'700'000'000'000};
  bool quiet_ = false;
  bool away_ = false;
  bool has_lagged_ = false;
  std::int64_t subscription_ = 0;
  int lives_ = 0;
  std::int64_t incarnations_ = 0;
  std::vector<FaultWorker> workers_;
  std::deque<Closing> late_closings_;
  std::set<Id> acknowledged_, once_;
  std::map<std::string, Id> keys_;
  std::map<Id, std::size_t> by_hand_;
  std::map<Id, std::vector<Id>> executions_;  // run -> tokens, in the order the bodies began
  std::map<Id, Id> run_of_token_;
  std::map<ShardNumber, std::vector<Event>> heard_;
};

}  // namespace jobflow::runtime::testing
