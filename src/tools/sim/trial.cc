#include "tools/sim/trial.h"

#include "tools/sim/world.h"

#include <fmt/format.h>

#include <utility>

namespace jobflow::sim {
namespace {

constexpr std::size_t kExcerptLines = 60;

struct Demand {
  const char* what;
  std::int64_t in_ten_thousand;
  bool among_members = false;  // it takes several
};
constexpr Demand kDemands[] = {
    {"answer lost, landed", 100},
    {"commit lost", 100},
    {"commit late", 100},
    {"process crash", 1000},
    {"restart with a batch in flight", 100},
    {"process replaced while it stood still", 100},
    {"fenced", 100},
    {"restart in order", 100},
    {"partition", 100},
    {"partition, one way", 100},
    {"pause", 100},
    {"row refused", 100},
    {"worker crash", 100},
    {"assignments unsent", 100},
    {"request doubled", 100},
    {"clock set", 100},
    {"store away", 100},
    {"transaction left open", 100},
    {"history lost", 100},
    {"answer lost, refused", 100},
    {"run waits for another", 1000},
    {"calendar changed", 1000},
    {"calendar deleted", 100},
    {"takeover with a batch in flight", 100, true},
    {"hand-over under load", 100, true},
    {"member message lost", 1000, true},
    {"order held up", 100, true},
    {"partition of members", 1000, true},
    {"partition of members, one way", 1000, true},
    {"old epoch refused", 100, true},
};

}  // namespace

Trial run_trial(const TrialOptions& options) {
  const bool with_text = options.with_text;
  Plan plan = make_plan(options.seed, options.members, options.without);
  plan.unheeded = options.unheeded;
  World world(std::move(plan), with_text);
  world.live();
  Trial trial{.plan = world.plan,
              .hash = world.history.hash(),
              .events = world.scheduler.events(),
              .simulated_ms = world.scheduler.now() / 1000,
              .counts = world.counts(),
              .violation = world.violation()};
  if (with_text) {
    trial.trace = world.history.text();
    if (trial.violation) {
      trial.excerpt = world.history.text_about(trial.violation->about, kExcerptLines);
    }
  }
  return trial;
}

void Sum::add(const Trial& trial) {
  seeds += 1;
  events += trial.events;
  simulated_ms += trial.simulated_ms;
  for (const auto& [what, times] : trial.counts) {
    counts[what] += times;
  }
}

std::string poverty(const Sum& sum, int members) {
  std::string missing;
  for (const Demand& demand : kDemands) {
    if (demand.among_members && members == 1) {
      continue;
    }
    const auto found = sum.counts.find(demand.what);
    const std::int64_t met = found == sum.counts.end() ? 0 : found->second;
    const std::int64_t wanted = demand.in_ten_thousand * sum.seeds / 10'000;
    if (met < wanted) {
      missing += fmt::format("  {}: {} times, {} wanted\n", demand.what, met, wanted);
    }
  }
  return missing;
}

}  // namespace jobflow::sim
