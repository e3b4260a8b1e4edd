// What a seed means: how large its world is, what its people do there, and what goes wrong (swarm:
// each seed has some of the faults, some of them often, and none of the others).
#pragma once

#include "model/time.h"
#include "tools/sim/random.h"
#include "tools/sim/schedules.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::sim {

class World;

// How much of it there is: 1 (hardly) to 100 (all the time).
using Strength = int;

// A fault or a load: a row of its table (faults.cc, loads.cc).
struct Kind {
  const char* name;
  int percent;  // of the seeds that have it
  void (*begin)(World& world, Strength strength);
};
const std::vector<Kind>& fault_kinds();
const std::vector<Kind>& load_kinds();

struct Chosen {
  const Kind* kind;
  Strength strength;
};

struct Plan {
  std::uint64_t seed = 0;
  int members = 1;
  int workers = 3;
  int shards = 8;
  Span chaos;       // so long things fail
  int stretch = 1;  // of it, and of the pauses between all that people do and all that fails
  Instant epoch{1'700'000'000'000};  // when the world begins, in UTC
  const Jump* jump = nullptr;        // of some zone's clock, that it lives to see
  Span lease;                        // of a worker
  // What of the store is in memory: triggers due so far ahead, and what was used lately (S4.10).
  Span look_ahead, kept_awake;
  Span sweep_every = seconds(10);
  std::vector<Chosen> faults, loads;
  std::vector<std::string> unheeded;  // checkers that are not listened to
};

// `without`: names of faults and loads that are left out, to find out which of them matter.
Plan make_plan(std::uint64_t seed, int members, const std::vector<std::string>& without = {});
bool is_kind(std::string_view name);
std::string to_text(const Plan& plan);

}  // namespace jobflow::sim
