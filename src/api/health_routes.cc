// Whether the server lives, is ready, which version it is, its metrics, and its contract.
#include "api/json_text.h"
#include "api/lookup.h"
#include "api/openapi.h"
#include "api/routes.h"
#include "runtime/clock.h"
#include "runtime/metrics.h"
#include "schedule/zone.h"

namespace jobflow::api {
namespace {

// `reason` "" means all is well.
void answer_health(const ExchangePtr& exchange, const std::string& reason) {
  const auto verbose = read_flag(exchange->request, "verbose");
  if (!verbose) {
    return exchange->refuse(verbose.problem());
  }
  Response response{.status = reason.empty() ? 200 : 503};
  if (!reason.empty()) {
    response.headers.emplace_back("Retry-After", "1");
  }
  if (!*verbose) {
    response.content_type = "text/plain; charset=utf-8";
    response.body = reason.empty() ? "ok\n" : "not ready: " + reason + "\n";
    return exchange->answer(std::move(response));
  }
  {
    const store::StoreFacts& facts = exchange->doors->store.facts();
    JsonObject answer(response.body);
    answer.text("status", reason.empty() ? "ok" : "not_ready");
    if (!reason.empty()) {
      answer.text("reason", reason);
    }
    answer.text("store", facts.kind);
    JsonArray promises(answer.open("voided_promises"));
    for (const std::string& promise : facts.voided_promises) {
      append_json_string(promises.next(), promise);
    }
  }
  exchange->answer(std::move(response));
}

std::string not_ready(const ExchangePtr& exchange) {
  const runtime::CommandDoor& hall = exchange->doors->hall;
  if (hall.ready()) {
    return "";
  }
  const std::string reason = hall.not_ready_reason();
  return reason.empty() ? "starting" : reason;
}

void livez(const ExchangePtr& exchange) {
  answer_health(exchange, "");
}

void readyz(const ExchangePtr& exchange) {
  answer_health(exchange, not_ready(exchange));
}

void startupz(const ExchangePtr& exchange) {
  std::atomic<bool>& started = exchange->doors->started;
  if (!started.load(std::memory_order_relaxed) && exchange->doors->hall.ready()) {
    started.store(true, std::memory_order_relaxed);
  }
  answer_health(exchange, started.load(std::memory_order_relaxed) ? "" : not_ready(exchange));
}

void metrics(const ExchangePtr& exchange) {
  exchange->answer({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                    .body = exchange->doors->metrics.text()});
}

void version(const ExchangePtr& exchange) {
  const store::StoreFacts& facts = exchange->doors->store.facts();
  Response response;
  JsonObject(response.body)
      .text("version", exchange->doors->version)
      .text("api", "v1")
      .text("store", facts.kind)
      .number("schema_version", facts.schema_version)
      .text("time_zones", schedule::zone_database_version())
      .time("time", exchange->doors->clock.now());
  exchange->answer(std::move(response));
}

void openapi(const ExchangePtr& exchange) {
  exchange->answer({.body = openapi_json()});
}

}  // namespace

std::vector<Route> health_routes() {
  const auto open = [](std::string_view pattern, Handler handler) {
    return Route{.pattern = pattern, .permission = Permission::open, .handler = handler};
  };
  std::vector<Route> routes{open("/livez", livez), open("/readyz", readyz),
                            open("/startupz", startupz)};
  for (Route& route : routes) {
    route.query = {"verbose"};
  }
  routes.push_back(open("/version", version));
  routes.push_back(open("/openapi.json", openapi));
  routes.push_back({.pattern = "/metrics", .permission = Permission::view, .handler = metrics});
  return routes;
}

}  // namespace jobflow::api
