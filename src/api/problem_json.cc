#include "api/problem_json.h"

#include "api/exchange.h"
#include "api/json_text.h"

namespace jobflow::api {
namespace {

std::string_view title_of(ProblemCode code) {
  switch (code) {
    case ProblemCode::invalid:
      return "The request is wrong";
    case ProblemCode::not_found:
      return "There is no such thing";
    case ProblemCode::already_exists:
      return "The name is taken";
    case ProblemCode::revision_mismatch:
      return "It was changed by somebody else";
    case ProblemCode::in_use:
      return "Something depends on it";
    case ProblemCode::wrong_state:
      return "Its state does not allow this";
    case ProblemCode::unauthenticated:
      return "A valid access token is needed";
    case ProblemCode::forbidden:
      return "The token's role does not allow this";
    case ProblemCode::too_large:
      return "Over a limit";
    case ProblemCode::queue_full:
      return "Too much work is waiting";
    case ProblemCode::unavailable:
      return "Not available now";
    case ProblemCode::outcome_unknown:
      return "It may or may not have happened";
    case ProblemCode::store_refused:
      return "The store cannot write this";
    case ProblemCode::incompatible:
      return "Another version is needed";
    case ProblemCode::internal:
      return "An error of the server";
  }
  return "An error of the server";
}

void append_errors(std::string& out, const std::vector<FieldProblem>& fields) {
  JsonArray errors(out);
  for (const FieldProblem& field : fields) {
    JsonObject error(errors.next());
    error.text("pointer", field.pointer).text("message", field.message);
    if (field.line > 0) {
      error.number("line", field.line);
    }
  }
}

std::string how_to_know(Id command) {
  const std::string id = to_string(command);
  return "; GET /api/v1/commands/" + id +
         " tells whether it was done; sent again with the header " + "'Jobflow-Command: " + id +
         "' it is done once";
}

void append_document(std::string& out,
                     int status,
                     std::string_view title,
                     const Problem& problem,
                     std::string_view request_id,
                     Id command = {}) {
  const bool may_be_done = problem.code == ProblemCode::outcome_unknown && command.is_set();
  JsonObject document(out);
  document.text("type", "about:blank").text("title", title).number("status", status);
  document.text("detail", may_be_done ? problem.detail + how_to_know(command) : problem.detail);
  document.text("code", to_string(problem.code));
  if (may_be_done) {
    document.id("command", command);
  }
  if (!problem.fields.empty()) {
    append_errors(document.open("errors"), problem.fields);
  }
  if (!problem.incident.empty()) {
    document.text("incident", problem.incident);
  }
  if (!request_id.empty()) {
    document.text("request_id", request_id);
  }
}

}  // namespace

int status_of(ProblemCode code) {
  switch (code) {
    case ProblemCode::invalid:
      return 400;
    case ProblemCode::unauthenticated:
      return 401;
    case ProblemCode::forbidden:
      return 403;
    case ProblemCode::not_found:
      return 404;
    case ProblemCode::already_exists:
    case ProblemCode::in_use:
    case ProblemCode::wrong_state:
    case ProblemCode::incompatible:
      return 409;
    case ProblemCode::revision_mismatch:
      return 412;
    case ProblemCode::too_large:
      return 413;
    case ProblemCode::store_refused:
      return 422;
    case ProblemCode::queue_full:
      return 429;
    case ProblemCode::internal:
      return 500;
    case ProblemCode::unavailable:
    case ProblemCode::outcome_unknown:
      return 503;
  }
  return 500;
}

void append_problem(std::string& out,
                    const Problem& problem,
                    std::string_view request_id,
                    Id command) {
  append_document(out, status_of(problem.code), title_of(problem.code), problem, request_id,
                  command);
}

Response problem_response(const Problem& problem, std::string_view request_id, Id command) {
  Response response{.status = status_of(problem.code), .content_type = "application/problem+json"};
  append_problem(response.body, problem, request_id, command);
  if (response.status == 401) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"jobflow\"");
  } else if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

Response http_problem(int status,
                      ProblemCode code,
                      std::string_view title,
                      std::string_view detail,
                      std::string_view request_id) {
  Response response{.status = status, .content_type = "application/problem+json"};
  append_document(response.body, status, title,
                  Problem{.code = code, .detail = std::string(detail)}, request_id);
  return response;
}

Problem invalid(std::string pointer, std::string message) {
  Problem problem{.code = ProblemCode::invalid, .detail = message};
  problem.fields.push_back({.pointer = std::move(pointer), .message = std::move(message)});
  return problem;
}

void Exchange::refuse(const Problem& problem) {
  answer(problem_response(problem, request.id, request.command));
}

}  // namespace jobflow::api
