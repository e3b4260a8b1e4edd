#include "model/definition.h"

#include "model/check.h"

#include <algorithm>
#include <array>

namespace jobflow {

namespace {

constexpr std::array<std::string_view, 6> kStrategies{"round_robin", "random",     "least_loaded",
                                                      "hash",        "designated", "custom"};

}  // namespace

std::string_view to_string(Strategy strategy) {
  const auto index = static_cast<std::size_t>(strategy);
  check(index < kStrategies.size(), "strategy out of range");
  return kStrategies[index];
}

std::optional<Strategy> builtin_strategy(std::string_view name) {
  const auto found = std::ranges::find(kStrategies, name);
  const auto index = static_cast<std::size_t>(found - kStrategies.begin());
  return index >= static_cast<std::size_t>(Strategy::custom)
             ? std::nullopt
             : std::optional(static_cast<Strategy>(index));
}

std::string_view to_string(InputType type) {
  static constexpr std::array<std::string_view, 7> kNames{"any",     "string", "number", "integer",
                                                          "boolean", "object", "array"};
  const auto index = static_cast<std::size_t>(type);
  check(index < kNames.size(), "input type out of range");
  return kNames[index];
}

int WorkflowSpec::step_index(std::string_view id) const {
  if (steps_by_id.size() != steps.size()) {  // made by hand, not decoded
    const auto found = std::find_if(steps.begin(), steps.end(),
                                    [&](const StepSpec& step) { return step.id == id; });
    return found == steps.end() ? -1 : static_cast<int>(found - steps.begin());
  }
  const auto id_of = [this](int index) -> const std::string& {
    return steps[static_cast<std::size_t>(index)].id;
  };
  const auto found =
      std::lower_bound(steps_by_id.begin(), steps_by_id.end(), id,
                       [&](int index, std::string_view x) { return id_of(index) < x; });
  return found != steps_by_id.end() && id_of(*found) == id ? *found : -1;
}

std::uint64_t schedule_hash(const Definition& definition, std::string_view trigger) {
  return stable_hash(std::string(to_string(definition.kind)) + '\0' + definition.name_space + '\0' +
                     definition.name + '\0' + std::string(trigger));
}

const TriggerSpec* Definition::find_trigger(std::string_view trigger) const {
  const auto found = std::ranges::find(triggers(), trigger, &TriggerSpec::name);
  return found == triggers().end() ? nullptr : &*found;
}

const std::vector<TriggerSpec>& Definition::triggers() const {
  static const std::vector<TriggerSpec> kNone;
  return kind == DefinitionKind::job        ? job().triggers
         : kind == DefinitionKind::workflow ? workflow().triggers
                                            : kNone;
}

bool is_valid_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && name.size() <= limits::kNameBytes && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace jobflow
