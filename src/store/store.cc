#include "store/store.h"

#include <algorithm>

namespace jobflow::store {

Id commands_kept_from(const TrimLimits& limits) {
  constexpr int kBitsBelowTime = 22;
  constexpr std::int64_t kLastMs = (std::int64_t{1} << 41) - 1;
  const Instant from = limits.keys_expired_at - limits::kCommandsKept;
  return {std::clamp<std::int64_t>(from.ms, 0, kLastMs) << kBitsBelowTime};
}

Problem calendar_mismatch() {
  return {ProblemCode::revision_mismatch,
          "somebody else has changed this calendar: read it again, then save"};
}

std::string_view to_string(CommitResult result) {
  switch (result) {
    case CommitResult::landed:
      return "landed";
    case CommitResult::retry:
      return "retry";
    case CommitResult::refused:
      return "refused";
    case CommitResult::unavailable:
      return "unavailable";
    case CommitResult::fenced:
      return "fenced";
    case CommitResult::history_changed:
      return "history_changed";
    case CommitResult::old_generation:
      return "old_generation";
    case CommitResult::not_as_seen:
      return "not_as_seen";
  }
  return "unknown";
}

}  // namespace jobflow::store
