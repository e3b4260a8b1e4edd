#include "engine/strategy_book.h"

#include "model/check.h"
#include "model/definition.h"

#include <map>
#include <string>

namespace jobflow {
namespace {

// A function's own, so that it is there for whoever registers before main().
std::map<std::string, StrategyFunction, std::less<>>& book() {
  static std::map<std::string, StrategyFunction, std::less<>> strategies;
  return strategies;
}

}  // namespace

CustomStrategy::CustomStrategy(std::string_view name, StrategyFunction choose) {
  check(is_valid_name(name) && !builtin_strategy(name), "a strategy has a valid name of its own");
  check(book().emplace(name, choose).second, "two strategies have one name");
}

namespace engine {

StrategyFunction find_strategy(std::string_view name) {
  const auto found = book().find(name);
  return found == book().end() ? nullptr : found->second;
}

std::vector<std::string_view> strategy_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, choose] : book()) {
    names.push_back(name);
  }
  return names;
}

}  // namespace engine
}  // namespace jobflow
