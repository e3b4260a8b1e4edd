// The table of routes: what each path and method does, and who may do it. Immutable once made.
//
// Deny by default (S13.5): a route that does not state its permission makes no table, and without a
// table the server does not start.
#pragma once

#include "api/exchange.h"
#include "model/limits.h"
#include "model/outcome.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::api {

// What a caller needs. Each role holds all up to its own; `open` needs no token.
enum class Permission : std::uint8_t { unstated, open, view, operate, edit, administer };

// What a route reads.
enum class Body : std::uint8_t { none, json, document, calendar };

struct Route {
  Method method = Method::get;
  std::string_view pattern;  // "/api/v1/jobs/{id}"
  Permission permission = Permission::unstated;
  Handler handler = nullptr;
  std::vector<std::string_view> query = {};  // the parameters it knows; any other is refused
  Body body = Body::none;
  std::size_t body_bytes_max = 0;
  bool websocket = false;
  int commands = 1;  // how many one request may bring: so many ids are set aside (S12.4)
};

class Router {
 public:
  // A problem names every route without permission or handler, and every one stated twice.
  static Outcome<Router> make(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;  // valid as long as the router
    std::string allow;             // without a route: the methods the path has, "" = no such path
    bool broken = false;           // a percent escape that cannot be read
  };
  // Fills the request's places.
  Match match(Method method, Request& request) const;
  // "GET, HEAD, PUT, OPTIONS" of a path, "" when there is no such path.
  std::string allowed(std::string_view path) const;

  const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Entry {
    std::vector<std::string_view> segments;  // "{id}" is a place
    const Route* route = nullptr;
  };
  explicit Router(std::vector<Route> routes);
  static bool fits(const Entry& entry, const std::vector<std::string_view>& segments);

  std::vector<Route> routes_;
  std::vector<Entry> entries_;
};

}  // namespace jobflow::api
