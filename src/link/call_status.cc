#include "link/call_status.h"

#include <string>

namespace jobflow::link {
namespace {

// A status travels in a header, whose size is bounded.
constexpr std::size_t kTextBytes = 2048;

grpc::StatusCode to_code(ProblemCode code) {
  switch (code) {
    case ProblemCode::invalid:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case ProblemCode::not_found:
      return grpc::StatusCode::NOT_FOUND;
    case ProblemCode::already_exists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case ProblemCode::revision_mismatch:
    case ProblemCode::in_use:
    case ProblemCode::wrong_state:
    case ProblemCode::incompatible:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case ProblemCode::unauthenticated:
      return grpc::StatusCode::UNAUTHENTICATED;
    case ProblemCode::forbidden:
      return grpc::StatusCode::PERMISSION_DENIED;
    case ProblemCode::too_large:
    case ProblemCode::queue_full:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ProblemCode::unavailable:
    case ProblemCode::outcome_unknown:
      return grpc::StatusCode::UNAVAILABLE;
    case ProblemCode::store_refused:
    case ProblemCode::internal:
      return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::INTERNAL;
}

}  // namespace

grpc::Status to_status(const Problem& problem) {
  std::string text = problem.detail;
  if (!problem.incident.empty()) {
    text.append(" (incident ").append(problem.incident).append(")");
  }
  if (text.size() > kTextBytes) {
    text.resize(kTextBytes - 3);
    text.append("...");
  }
  return {to_code(problem.code), text};
}

}  // namespace jobflow::link
