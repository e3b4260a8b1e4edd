// What the simulator once found, each as a small scripted world of its own: seeds change their
// meaning with every load and fault that is added, a script does not.
#include "tools/sim/world.h"

#include <gtest/gtest.h>

namespace jobflow::sim {
namespace {

Plan empty_plan() {
  return {.seed = 1, .workers = 1, .shards = 2, .chaos = seconds(8), .lease = seconds(5)};
}

void expect_clean(World& world) {
  const std::optional<Violation>& found = world.violation();
  EXPECT_FALSE(found.has_value()) << (found ? found->what : std::string());
}

// A worker that came between a failed join and the next try met shards that were not there, and the
// server crashed.
TEST(SimRegression, AWorkerComesWhileTheMemberCannotJoin) {
  World world(empty_plan(), false);
  world.network.cut(kMembers, kDatabase);
  world.scheduler.after(seconds(5), nullptr, [&] { world.network.heal(kMembers, kDatabase); });
  world.live();
  expect_clean(world);
}

}  // namespace
}  // namespace jobflow::sim
