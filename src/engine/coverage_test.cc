// Every move of the transition tables is taken by some test of this binary (house 5). Only a run of
// all of them can tell: ctest's engine.every_move_is_taken sets JOBFLOW_CHECK_COVERAGE.
#include "engine/transitions.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace jobflow::engine {
namespace {

class EveryMoveIsTaken : public ::testing::Environment {
 public:
  void TearDown() override {
    if (std::getenv("JOBFLOW_CHECK_COVERAGE") != nullptr) {
      EXPECT_EQ(untaken_moves(), "") << "no test takes these moves";
    }
  }
};

const ::testing::Environment* const kRegistered =
    ::testing::AddGlobalTestEnvironment(new EveryMoveIsTaken);

}  // namespace
}  // namespace jobflow::engine
