// The hall among faults: commits that fail, land late or lose their answer, reads that fail, links
// that break at any point, workers and servers that die.
#include "runtime/testing/fault_world.h"

#include <gtest/gtest.h>

namespace jobflow::runtime {
namespace {

class HallFault : public ::testing::TestWithParam<int> {};

TEST_P(HallFault, KeepsItsPromisesWhateverFails) {
  const auto seed = static_cast<std::uint64_t>(GetParam());
  SCOPED_TRACE("seed " + std::to_string(seed));
  testing::FaultWorld world(seed);
  world.live(3000);
  world.come_to_rest();
  world.judge();
  EXPECT_GT(world.executions(), 10U);
  EXPECT_GT(world.lives(), 1);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HallFault, ::testing::Range(1, testing::last_seed(24) + 1));

}  // namespace
}  // namespace jobflow::runtime
