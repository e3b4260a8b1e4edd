#include "api/admission.h"

#include "api/problem_json.h"

#include <algorithm>
#include <array>

namespace jobflow::api {
namespace {

std::optional<Method> parse_method(std::string_view text) {
  for (const Method method : {Method::get, Method::post, Method::put, Method::del}) {
    if (to_string(method) == text) {
      return method;
    }
  }
  return text == "HEAD" ? std::optional(Method::get) : std::nullopt;
}

bool same_letters(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

Outcome<runtime::Principal> authenticate(const runtime::Access& access,
                                         std::string_view authorization) {
  static constexpr std::string_view kScheme = "bearer ";
  if (authorization.empty()) {
    return Problem{ProblemCode::unauthenticated,
                   "send an access token: 'Authorization: Bearer jf_...'; the first start wrote "
                   "one to admin.token in the server's data folder"};
  }
  if (authorization.size() <= kScheme.size() ||
      !same_letters(authorization.substr(0, kScheme.size()), kScheme)) {
    return Problem{ProblemCode::unauthenticated,
                   "the Authorization header must read 'Bearer <access token>'"};
  }
  return access.authenticate(authorization.substr(kScheme.size()));
}

std::string may_not(const std::string& role, const Route& route) {
  static constexpr std::array<std::string_view, 6> kRoles{"admin",    "",       "viewer",
                                                          "operator", "editor", "admin"};
  std::string text = "the role '" + role + "' may not do this: it takes a token of the role '";
  text.append(kRoles[static_cast<std::size_t>(route.permission)]).append("' or above");
  return role == "worker" ? text + "; a worker's token lets workers in, nothing else" : text;
}

std::optional<Problem> unknown_parameter(const Route& route, const Request& request) {
  for (const auto& [name, value] : request.query) {
    if (std::find(route.query.begin(), route.query.end(), name) != route.query.end()) {
      continue;
    }
    std::string message = "the query parameter '" + name + "' is not known here";
    if (name == "access_token" || name == "token") {
      message += "; tokens are taken from the Authorization header only";
    } else if (!route.query.empty()) {
      message += "; known are";
      for (const std::string_view known : route.query) {
        message.append(known == route.query.front() ? " " : ", ").append(known);
      }
    }
    return Problem{ProblemCode::invalid, std::move(message)};
  }
  return std::nullopt;
}

bool fits_body(Body body, std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) {
    type.remove_suffix(1);
  }
  if (type.empty() || same_letters(type, "application/json")) {
    return true;
  }
  if (body == Body::calendar && same_letters(type, "text/calendar")) {
    return true;
  }
  return body != Body::json &&
         (same_letters(type, "application/yaml") || same_letters(type, "application/x-yaml") ||
          same_letters(type, "text/yaml") || same_letters(type, "text/x-yaml"));
}

Response no_route(const Router::Match& match, const Request& request, std::string_view method) {
  if (match.allow.empty()) {
    return problem_response(
        {ProblemCode::not_found,
         "there is no '" + request.path + "'; the paths are listed in /openapi.json"},
        request.id);
  }
  Response response =
      http_problem(405, ProblemCode::invalid, "The method is not allowed here",
                   "'" + std::string(method) + "' is not among " + match.allow, request.id);
  response.headers.emplace_back("Allow", match.allow);
  return response;
}

std::optional<Response> refuse_body(const Route& route, const Head& head, const Request& request) {
  if (!head.has_body || (route.body != Body::none && fits_body(route.body, request.content_type))) {
    return std::nullopt;
  }
  if (route.body == Body::none) {
    return problem_response({ProblemCode::invalid, "this takes no body"}, request.id);
  }
  return http_problem(415, ProblemCode::invalid, "The content type is not taken here",
                      route.body == Body::json ? "send the body as Content-Type: application/json"
                      : route.body == Body::calendar
                          ? "send a document as application/yaml or application/json, an iCalendar "
                            "file as text/calendar"
                          : "send the body as application/yaml or application/json",
                      request.id);
}

}  // namespace

Permission permission_of(std::string_view role) {
  if (role == "admin") {
    return Permission::administer;
  }
  if (role == "editor") {
    return Permission::edit;
  }
  if (role == "operator") {
    return Permission::operate;
  }
  if (role == "viewer") {
    return Permission::view;
  }
  return Permission::open;  // workers speak another protocol
}

std::variant<Admitted, Refused> admit(const Router& router,
                                      const runtime::Access& access,
                                      const Head& head,
                                      std::string_view target,
                                      Request& request) {
  if (!read_target(target, request)) {
    return Refused{
        problem_response({ProblemCode::invalid, "the path or query cannot be read"}, request.id)};
  }
  if (head.method == "OPTIONS") {
    const std::string allow = router.allowed(request.path);
    if (allow.empty()) {
      return Refused{no_route({}, request, head.method)};
    }
    return Refused{Response{.status = 204, .content_type = "", .headers = {{"Allow", allow}}}};
  }
  const auto method = parse_method(head.method);
  const Router::Match match = method ? router.match(*method, request)
                                     : Router::Match{.allow = router.allowed(request.path)};
  if (match.broken) {
    return Refused{
        problem_response({ProblemCode::invalid, "the path has a broken % escape"}, request.id)};
  }
  if (match.route == nullptr) {
    return Refused{no_route(match, request, head.method)};
  }
  const Route& route = *match.route;
  if (route.permission != Permission::open) {
    auto principal = authenticate(access, head.authorization);
    if (!principal) {
      return Refused{problem_response(principal.problem(), request.id), &route};
    }
    request.principal = std::move(principal).value();
    if (permission_of(request.principal.role) < route.permission) {
      return Refused{
          problem_response({ProblemCode::forbidden, may_not(request.principal.role, route)},
                           request.id),
          &route};
    }
  }
  if (const auto problem = unknown_parameter(route, request)) {
    return Refused{problem_response(*problem, request.id), &route};
  }
  if (auto response = refuse_body(route, head, request)) {
    return Refused{std::move(*response), &route};
  }
  return Admitted{.route = &route, .head_only = head.method == "HEAD"};
}

}  // namespace jobflow::api
