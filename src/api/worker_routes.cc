// The workers that are connected and the handlers they offer.
#include "api/json_text.h"
#include "api/json_views.h"
#include "api/routes.h"

#include <algorithm>
#include <map>

namespace jobflow::api {
namespace {

void list_workers(const ExchangePtr& exchange) {
  exchange->doors->hall.list_workers(hop<std::vector<runtime::WorkerView>>(
      exchange, [exchange](std::vector<runtime::WorkerView> workers) {
        std::sort(workers.begin(), workers.end(),
                  [](const auto& a, const auto& b) { return a.hello.name < b.hello.name; });
        Response response;
        {
          JsonObject answer(response.body);
          JsonArray items(answer.open("items"));
          for (const runtime::WorkerView& worker : workers) {
            append_worker(items.next(), worker);
          }
        }
        exchange->answer(std::move(response));
      }));
}

void list_handlers(const ExchangePtr& exchange) {
  exchange->doors->hall.list_workers(hop<std::vector<runtime::WorkerView>>(
      exchange, [exchange](const std::vector<runtime::WorkerView>& workers) {
        struct Offer {
          const WorkerHello::Handler* handler = nullptr;
          std::vector<std::string> workers;
        };
        std::map<std::string, Offer> offers;
        for (const runtime::WorkerView& worker : workers) {
          for (const WorkerHello::Handler& handler : worker.hello.handlers) {
            Offer& offer = offers[handler.name];
            offer.handler = &handler;
            offer.workers.push_back(worker.hello.name);
          }
        }
        Response response;
        {
          JsonObject answer(response.body);
          JsonArray items(answer.open("items"));
          for (auto& [name, offer] : offers) {
            std::sort(offer.workers.begin(), offer.workers.end());
            JsonObject item(items.next());
            item.text("name", name).text("version", offer.handler->version);
            item.text("description", offer.handler->description);
            JsonArray names(item.open("workers"));
            for (const std::string& worker : offer.workers) {
              append_json_string(names.next(), worker);
            }
          }
        }
        exchange->answer(std::move(response));
      }));
}

}  // namespace

std::vector<Route> worker_routes() {
  return {
      {.pattern = "/api/v1/workers", .permission = Permission::view, .handler = list_workers},
      {.pattern = "/api/v1/handlers", .permission = Permission::view, .handler = list_handlers}};
}

}  // namespace jobflow::api
