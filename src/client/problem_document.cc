#include "client/problem_document.h"

#include <boost/json.hpp>

#include <array>

namespace jobflow::client {
namespace {

namespace json = boost::json;

constexpr std::array kCodes = {
    ProblemCode::invalid,           ProblemCode::not_found,    ProblemCode::already_exists,
    ProblemCode::revision_mismatch, ProblemCode::in_use,       ProblemCode::wrong_state,
    ProblemCode::unauthenticated,   ProblemCode::forbidden,    ProblemCode::too_large,
    ProblemCode::queue_full,        ProblemCode::unavailable,  ProblemCode::outcome_unknown,
    ProblemCode::store_refused,     ProblemCode::incompatible, ProblemCode::internal};

ProblemCode code_of_status(int status) {
  switch (status) {
    case 401:
      return ProblemCode::unauthenticated;
    case 403:
      return ProblemCode::forbidden;
    case 404:
      return ProblemCode::not_found;
    case 409:
      return ProblemCode::wrong_state;
    case 412:
      return ProblemCode::revision_mismatch;
    case 413:
      return ProblemCode::too_large;
    case 429:
      return ProblemCode::queue_full;
    case 503:
      return ProblemCode::unavailable;
    default:
      return status >= 500 ? ProblemCode::internal : ProblemCode::invalid;
  }
}

std::string text_of(const json::object& from, std::string_view name) {
  const json::value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

FieldProblem field_of(const json::object& from) {
  FieldProblem field{.pointer = text_of(from, "pointer"), .message = text_of(from, "message")};
  if (field.message.empty()) {
    field.message = text_of(from, "detail");
  }
  if (const json::value* line = from.if_contains("line"); line != nullptr && line->is_int64()) {
    field.line = static_cast<int>(line->get_int64());
  }
  return field;
}

void take_fields(const json::object& document, std::string_view name, Problem& problem) {
  const json::value* fields = document.if_contains(name);
  if (fields == nullptr || !fields->is_array()) {
    return;
  }
  for (const json::value& field : fields->get_array()) {
    if (field.is_object()) {
      problem.fields.push_back(field_of(field.get_object()));
    }
  }
}

}  // namespace

Problem decode_problem(int status, std::string_view content_type, std::string_view body) {
  Problem problem{.code = code_of_status(status)};
  boost::system::error_code failed;
  const json::value document = json::parse(body, failed);
  if (failed || !document.is_object()) {
    const bool readable = content_type.starts_with("text/plain") && body.size() < 1000;
    problem.detail = "the server answered with HTTP status " + std::to_string(status) +
                     (readable && !body.empty() ? ": " + std::string(body) : std::string());
    return problem;
  }
  const json::object& object = document.get_object();
  const std::string code = text_of(object, "code");
  for (const ProblemCode known : kCodes) {
    if (to_string(known) == code) {
      problem.code = known;
    }
  }
  problem.detail = text_of(object, "detail");
  if (problem.detail.empty()) {
    problem.detail = text_of(object, "title");
  }
  if (problem.detail.empty()) {
    problem.detail = "the server answered with HTTP status " + std::to_string(status);
  }
  problem.incident = text_of(object, "incident");
  take_fields(object, "fields", problem);
  take_fields(object, "errors", problem);
  return problem;
}

}  // namespace jobflow::client
