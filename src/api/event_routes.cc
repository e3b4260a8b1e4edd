// The live events, as SSE and as a WebSocket: one subscription a connection.
#include "api/event_stream.h"
#include "api/lookup.h"
#include "api/routes.h"

namespace jobflow::api {
namespace {

void open(const ExchangePtr& exchange, EventFilter filter) {
  const Request& request = exchange->request;
  const std::string* asked = request.asked("cursor");
  const std::string& text =
      request.last_event_id.empty() && asked != nullptr ? *asked : request.last_event_id;
  std::optional<runtime::Cursor> cursor;
  if (!text.empty()) {
    auto parsed = runtime::parse_cursor(text);
    if (!parsed) {
      return exchange->refuse(parsed.problem());
    }
    cursor = std::move(parsed).value();
  }
  exchange->stream([exchange, filter, cursor](std::shared_ptr<Sink> sink) {
    stream_events(exchange, std::move(sink), filter, cursor);
  });
}

void events(const ExchangePtr& exchange) {
  const Request& request = exchange->request;
  const std::string* run = request.asked("run");
  const std::string* job = request.asked("job");
  const std::string* workflow = request.asked("workflow");
  if ((run != nullptr) + (job != nullptr) + (workflow != nullptr) > 1) {
    return exchange->refuse(
        {ProblemCode::invalid, "'run', 'job' and 'workflow' exclude each other"});
  }
  if (job == nullptr && workflow == nullptr && request.asked("namespace") != nullptr) {
    return exchange->refuse(idle_namespace());
  }
  if (run != nullptr) {
    const auto id = parse_id(*run);
    if (!id) {
      return exchange->refuse(id.problem());
    }
    return exchange->doors->store.read_run(
        *id, hop_ok<std::optional<store::RunAt>>(
                 exchange, [exchange](std::optional<store::RunAt> found) {
                   if (!found) {
                     return exchange->refuse({ProblemCode::not_found, "there is no such run"});
                   }
                   open(exchange, {.run = found->row.id});
                 }));
  }
  if (job == nullptr && workflow == nullptr) {
    return open(exchange, {});
  }
  find_definition(exchange, job != nullptr ? DefinitionKind::job : DefinitionKind::workflow,
                  job != nullptr ? *job : *workflow,
                  [exchange](const DefinitionRow& row) { open(exchange, {.definition = row.id}); });
}

}  // namespace

std::vector<Route> event_routes() {
  const std::vector<std::string_view> query{"run", "job", "workflow", "namespace", "cursor"};
  return {{.pattern = "/api/v1/events",
           .permission = Permission::view,
           .handler = events,
           .query = query},
          {.pattern = "/api/v1/ws",
           .permission = Permission::view,
           .handler = events,
           .query = query,
           .websocket = true}};
}

}  // namespace jobflow::api
