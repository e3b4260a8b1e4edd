// What the checkers' files give to the table, and the little they share.
#pragma once

#include "model/definition.h"
#include "tools/sim/checker.h"

#include <map>
#include <memory>
#include <utility>

namespace jobflow::sim {

std::unique_ptr<Checker> make_fence_checker();
std::unique_ptr<Checker> make_effects_checker();
std::unique_ptr<Checker> make_answers_checker();
std::unique_ptr<Checker> make_attempts_checker();
std::unique_ptr<Checker> make_firings_checker();
std::unique_ptr<Checker> make_overlap_checker();
std::unique_ptr<Checker> make_limits_checker();
std::unique_ptr<Checker> make_permits_checker();
std::unique_ptr<Checker> make_permits_at_rest_checker();
std::unique_ptr<Checker> make_follows_checker();
std::unique_ptr<Checker> make_backfills_checker();
std::unique_ptr<Checker> make_ledger_checker();
std::unique_ptr<Checker> make_steps_checker();
std::unique_ptr<Checker> make_keys_checker();
std::unique_ptr<Checker> make_commands_checker();
std::unique_ptr<Checker> make_events_checker();
std::unique_ptr<Checker> make_leases_checker();
std::unique_ptr<Checker> make_letters_checker();
std::unique_ptr<Checker> make_rest_checker();
std::unique_ptr<Checker> make_identity_checker();

// The definitions that rows speak of, read once.
class Library {
 public:
  const Definition& revision(const Durable& now, Id definition, int number);
  // The task of a job's run or a step's; null for a workflow's.
  const Task* task_of(const Durable& now, const RunRow& run);

 private:
  std::map<std::pair<Id, int>, Definition> read_;
};

}  // namespace jobflow::sim
