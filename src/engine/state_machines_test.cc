#include "engine/transitions.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace jobflow::engine {
namespace {

TEST(StateMachines, ThePageIsWhatTheTablesSay) {
  if (std::getenv("JOBFLOW_REWRITE") != nullptr) {
    std::ofstream(JOBFLOW_STATE_MACHINES_PAGE) << state_machines_page();
  }
  std::ifstream file(JOBFLOW_STATE_MACHINES_PAGE);
  std::ostringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), state_machines_page())
      << "docs/state-machines.md is stale: run this test with JOBFLOW_REWRITE=1";
}

// Read from the page: to look a pair up would count as taking it.
TEST(StateMachines, AFinalStateIsLeftByARetryOnly) {  // house 5
  std::istringstream page(state_machines_page());
  std::string machine;
  int left = 0;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) {
      machine = line;
    }
    const auto state = parse_run_state(line.substr(2 < line.size() ? 2 : 0, line.find(" -->") - 2));
    if (line.find(" -->") != std::string::npos && machine.starts_with("## Run") && state &&
        is_final(*state)) {
      ++left;
      EXPECT_TRUE(line.ends_with(": retry_by_hand")) << machine << line;
    }
  }
  EXPECT_GT(left, 0);
}

}  // namespace
}  // namespace jobflow::engine
