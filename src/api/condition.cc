#include "api/condition.h"

#include "api/trigger_fields.h"

#include <cstdint>

namespace jobflow::api {

Outcome<Condition> read_condition(const Request& request) {
  Condition condition;
  if (!request.if_none_match.empty()) {
    if (request.if_none_match != "*") {
      return Problem{ProblemCode::invalid, "If-None-Match can only be '*' here"};
    }
    condition.must_be_new = true;
  }
  const std::string& match = request.if_match;
  if (match.empty()) {
    return condition;
  }
  if (match == "*") {
    condition.must_exist = true;
    return condition;
  }
  const bool quoted =
      match.size() > 2 && match.size() < 13 && match.front() == '"' && match.back() == '"';
  const std::string digits = quoted ? match.substr(1, match.size() - 2) : "";
  if (!looks_like_id(digits) || std::stoll(digits) < 1 || std::stoll(digits) > INT32_MAX) {
    return Problem{ProblemCode::invalid,
                   "If-Match must be an ETag as it was given, for example \"3\", or *"};
  }
  condition.revision = static_cast<int>(std::stoll(digits));
  return condition;
}

std::string etag(int revision) {
  return "\"" + std::to_string(revision) + "\"";
}

}  // namespace jobflow::api
