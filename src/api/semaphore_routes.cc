// Who holds permits of a semaphore, and who waits for one (S3.5).
#include "api/json_text.h"
#include "api/lookup.h"
#include "api/routes.h"

namespace jobflow::api {
namespace {

void append_permit(std::string& out, const PermitRow& row) {
  JsonObject object(out);
  object.id("run", row.run).text("state", row.granted.is_set() ? "held" : "waiting");
  object.number("priority", row.priority).time("queued_at", row.since);
  object.time("granted_at", row.granted);
}

void list_permits(const ExchangePtr& exchange) {
  const auto limit = read_number(exchange->request, "limit", 1, 1'000, 50);
  if (!limit) {
    return exchange->refuse(limit.problem());
  }
  find_definition(
      exchange, DefinitionKind::semaphore, exchange->request.place("id"),
      [exchange, limit = static_cast<int>(*limit)](const DefinitionRow& row) {
        exchange->doors->store.list_permits(
            {.shard = row.id.shard(),
             .name_space = row.name_space,
             .semaphore = row.name,
             .limit = limit},
            hop_ok<store::PermitUse>(exchange, [exchange, row](const store::PermitUse& use) {
              const Definition definition = decode_definition(row.kind, row.document).definition;
              Response response;
              {
                JsonObject answer(response.body);
                answer.number("permits", definition.semaphore().permits);
                answer.number("held", use.held).number("waiting", use.waiting);
                JsonArray items(answer.open("items"));
                for (const PermitRow& permit : use.rows) {
                  append_permit(items.next(), permit);
                }
              }
              exchange->answer(std::move(response));
            }));
      });
}

}  // namespace

std::vector<Route> semaphore_routes() {
  return {{.pattern = "/api/v1/semaphores/{id}/permits",
           .permission = Permission::view,
           .handler = list_permits,
           .query = {"namespace", "limit"}}};
}

}  // namespace jobflow::api
