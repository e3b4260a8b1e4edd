#include "api/router.h"

#include <algorithm>
#include <map>

namespace jobflow::api {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  for (;;) {
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    if (end == path.size()) {
      return segments;
    }
    path.remove_prefix(end + 1);
  }
}

bool is_place(std::string_view segment) {
  return segment.starts_with('{');
}

}  // namespace

Outcome<Router> Router::make(std::vector<Route> routes) {
  Problem problem{.code = ProblemCode::internal, .detail = "the table of routes is wrong"};
  std::map<std::pair<std::string_view, Method>, int> seen;
  for (const Route& route : routes) {
    const std::string name =
        std::string(to_string(route.method)) + " " + std::string(route.pattern);
    if (!route.pattern.starts_with('/')) {
      problem.fields.push_back({.pointer = name, .message = "its path does not start with '/'"});
    }
    if (route.permission == Permission::unstated) {
      problem.fields.push_back({.pointer = name, .message = "it does not state its permission"});
    }
    if (route.handler == nullptr) {
      problem.fields.push_back({.pointer = name, .message = "it has no handler"});
    }
    if (++seen[{route.pattern, route.method}] == 2) {
      problem.fields.push_back({.pointer = name, .message = "it is stated twice"});
    }
  }
  if (!problem.fields.empty()) {
    for (const FieldProblem& field : problem.fields) {
      problem.detail += "; " + field.pointer + ": " + field.message;
    }
    return problem;
  }
  return Router(std::move(routes));
}

// A fixed segment goes before a place: /runs/batch before /runs/{id}.
Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  for (const Route& route : routes_) {
    entries_.push_back({segments_of(route.pattern), &route});
  }
  const auto places = [](const Entry& entry) {
    return std::count_if(entry.segments.begin(), entry.segments.end(), is_place);
  };
  std::stable_sort(entries_.begin(), entries_.end(),
                   [&](const Entry& a, const Entry& b) { return places(a) < places(b); });
}

bool Router::fits(const Entry& entry, const std::vector<std::string_view>& segments) {
  if (entry.segments.size() != segments.size()) {
    return false;
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool same =
        is_place(entry.segments[i]) ? !segments[i].empty() : entry.segments[i] == segments[i];
    if (!same) {
      return false;
    }
  }
  return true;
}

Router::Match Router::match(Method method, Request& request) const {
  const std::vector<std::string_view> segments = segments_of(request.path);
  for (const Entry& entry : entries_) {
    if (entry.route->method != method || !fits(entry, segments)) {
      continue;
    }
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (!is_place(entry.segments[i])) {
        continue;
      }
      auto value = percent_decoded(segments[i]);
      if (!value) {
        return {.broken = true};
      }
      const std::string_view place = entry.segments[i];
      request.places.emplace_back(place.substr(1, place.size() - 2), std::move(*value));
    }
    return {.route = entry.route};
  }
  return {.allow = allowed(request.path)};
}

std::string Router::allowed(std::string_view path) const {
  const std::vector<std::string_view> segments = segments_of(path);
  std::string methods;
  for (const Entry& entry : entries_) {
    if (fits(entry, segments)) {
      methods.append(to_string(entry.route->method)).append(", ");
      if (entry.route->method == Method::get) {
        methods.append("HEAD, ");
      }
    }
  }
  return methods.empty() ? methods : methods + "OPTIONS";
}

}  // namespace jobflow::api
