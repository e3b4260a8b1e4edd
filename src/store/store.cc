#include "store/store.h"

namespace jobflow::store {

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
    case CommitResult::not_as_seen:
      return "not_as_seen";
  }
  return "unknown";
}

}  // namespace jobflow::store
