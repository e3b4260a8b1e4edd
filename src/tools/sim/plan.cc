#include "tools/sim/plan.h"

#include "model/id.h"

#include <fmt/format.h>

#include <algorithm>

namespace jobflow::sim {
namespace {

std::vector<Chosen> choose(const std::vector<Kind>& kinds,
                           Random& random,
                           const std::vector<std::string>& without) {
  std::vector<Chosen> chosen;
  for (const Kind& kind : kinds) {
    const bool is_in = random.chance(kind.percent);
    const auto strength = static_cast<Strength>(random.between(1, 10) * random.between(1, 10));
    if (is_in && std::ranges::find(without, kind.name) == without.end()) {
      chosen.push_back({&kind, strength});
    }
  }
  return chosen;
}

}  // namespace

bool is_kind(std::string_view name) {
  const auto has = [&](const std::vector<Kind>& kinds) {
    return std::ranges::any_of(kinds, [&](const Kind& kind) { return kind.name == name; });
  };
  return has(fault_kinds()) || has(load_kinds());
}

Plan make_plan(std::uint64_t seed, int members, const std::vector<std::string>& without) {
  Random random(stable_hash("plan", seed));
  Plan plan{.seed = seed, .members = members};
  plan.workers = static_cast<int>(random.between(1, 4));
  plan.shards = 1 << random.between(0, 4);
  plan.chaos = milliseconds(random.between(6'000, 30'000));
  plan.lease = milliseconds(random.between(3'000, 10'000));
  if (random.chance(30)) {
    plan.jump = &jumps()[random.below(jumps().size())];
    plan.epoch = plan.jump->at - milliseconds(random.between(1'000, plan.chaos.ms - 2'000));
  } else if (random.chance(6)) {
    plan.stretch = static_cast<int>(random.between(4, random.chance(10) ? 60 : 10));
    plan.chaos = plan.chaos * plan.stretch;
  }
  plan.faults = choose(fault_kinds(), random, without);
  plan.loads = choose(load_kinds(), random, without);
  if (plan.loads.empty()) {
    plan.loads.push_back({&load_kinds().front(), 50});
  }
  plan.look_ahead = milliseconds(random.between(200, random.between(1'000, 60'000)));
  plan.sweep_every = milliseconds(random.between(200, random.chance(70) ? 1500 : 10'000));
  plan.kept_awake = milliseconds(random.chance(40) ? 0 : random.between(0, 30'000));
  return plan;
}

std::string to_text(const Plan& plan) {
  std::string text = fmt::format(
      "seed {}: {} member(s), {} worker(s), {} shard(s), {} ms of faults, lease {} ms, "
      "look-ahead {} ms, kept awake {} ms, from {}{}",
      plan.seed, plan.members, plan.workers, plan.shards, plan.chaos.ms, plan.lease.ms,
      plan.look_ahead.ms, plan.kept_awake.ms, to_rfc3339(plan.epoch),
      plan.jump == nullptr ? "" : fmt::format(", {} jumps", plan.jump->zone));
  const auto list = [&](const char* what, const std::vector<Chosen>& some) {
    text += fmt::format("\n  {}:", what);
    for (const Chosen& one : some) {
      text +=
          fmt::format(" {} ({}){}", one.kind->name, one.strength, &one == &some.back() ? "" : ",");
    }
    text += some.empty() ? " none" : "";
  };
  list("load", plan.loads);
  list("faults", plan.faults);
  return text + "\n";
}

}  // namespace jobflow::sim
