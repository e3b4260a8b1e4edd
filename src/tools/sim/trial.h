// One seed, lived through and judged; and the sum of many.
#pragma once

#include "tools/sim/checker.h"
#include "tools/sim/plan.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace jobflow::sim {

struct Trial {
  Plan plan;
  std::uint64_t hash = 0;  // of the whole history
  std::int64_t events = 0;
  std::int64_t simulated_ms = 0;
  std::map<std::string, std::int64_t, std::less<>> counts;
  std::optional<Violation> violation;
  std::string trace;    // when it was wanted: all of it
  std::string excerpt;  // of a violation: the lines that lead to it
};

struct TrialOptions {
  std::uint64_t seed = 0;
  int members = 1;
  bool with_text = false;
  std::vector<std::string> without;   // faults and loads that are left out
  std::vector<std::string> unheeded;  // checkers that are not listened to
};
Trial run_trial(const TrialOptions& options);

struct Sum {
  std::int64_t seeds = 0;
  std::int64_t events = 0;
  std::int64_t simulated_ms = 0;
  std::map<std::string, std::int64_t, std::less<>> counts;
  void add(const Trial& trial);
};

// What a range of seeds must have met to be worth its name, each so often in 10,000 seeds (the
// fault rows' count() names). Answers what is missing; "" when it was rich.
std::string poverty(const Sum& sum, int members);

}  // namespace jobflow::sim
