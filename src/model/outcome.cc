#include "model/outcome.h"

#include <array>

namespace jobflow {

std::string_view to_string(ProblemCode code) {
  static constexpr std::array<std::string_view, 15> kNames{
      "invalid",     "not_found",       "already_exists", "revision_mismatch", "in_use",
      "wrong_state", "unauthenticated", "forbidden",      "too_large",         "queue_full",
      "unavailable", "outcome_unknown", "store_refused",  "incompatible",      "internal"};
  const auto index = static_cast<std::size_t>(code);
  check(index < kNames.size(), "problem code out of range");
  return kNames[index];
}

}  // namespace jobflow
