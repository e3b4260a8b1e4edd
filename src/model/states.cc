#include "model/states.h"

#include "model/check.h"

#include <array>

namespace jobflow {
namespace {

constexpr std::array<std::string_view, kRunStates> kRunStateNames{
    "pending",   "scheduled", "queued",    "running",   "waiting", "cancelling", "paused",
    "succeeded", "failed",    "cancelled", "timed_out", "expired", "skipped"};

constexpr std::array<std::string_view, kAttemptStates> kAttemptStateNames{
    "assigned", "succeeded", "failed", "timed_out", "lost", "cancelled", "not_sent"};

constexpr std::array<std::string_view, kTriggerStates> kTriggerStateNames{
    "active", "paused", "finished", "set_aside", "waiting"};

constexpr std::array<std::string_view, kBackfillStates> kBackfillStateNames{
    "running", "paused", "cancelling", "finished", "cancelled"};

template <class Names, class State>
std::string_view name_in(const Names& names, State state) {
  const auto index = static_cast<std::size_t>(state);
  check(index < names.size(), "state out of range");
  return names[index];
}

}  // namespace

std::string_view to_string(RunState state) {
  return name_in(kRunStateNames, state);
}
std::string_view to_string(AttemptState state) {
  return name_in(kAttemptStateNames, state);
}
std::string_view to_string(TriggerState state) {
  return name_in(kTriggerStateNames, state);
}

std::string_view to_string(BackfillState state) {
  return name_in(kBackfillStateNames, state);
}

std::optional<RunState> parse_run_state(std::string_view text) {
  for (std::size_t i = 0; i < kRunStateNames.size(); ++i) {
    if (kRunStateNames[i] == text) {
      return static_cast<RunState>(i);
    }
  }
  return std::nullopt;
}

std::string_view to_string(RunKind kind) {
  static constexpr std::array<std::string_view, 3> kNames{"job", "workflow", "step"};
  return name_in(kNames, kind);
}

std::string_view to_string(DefinitionKind kind) {
  static constexpr std::array<std::string_view, kDefinitionKinds> kNames{"job", "workflow",
                                                                         "semaphore"};
  return name_in(kNames, kind);
}

}  // namespace jobflow
