// The strategies that were compiled in by name (S6.1, jobflow/strategy.h). Filled while the program
// starts, and not changed after that.
#pragma once

#include "jobflow/strategy.h"

#include <string_view>
#include <vector>

namespace jobflow::engine {

// Null: there is none of that name.
StrategyFunction find_strategy(std::string_view name);
std::vector<std::string_view> strategy_names();  // sorted

}  // namespace jobflow::engine
