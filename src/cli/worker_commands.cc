#include "cli/commands.h"
#include "cli/time_text.h"
#include "client/views.h"

#include <fmt/format.h>

namespace jobflow::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

ExitCode list_workers(Session& session) {
  const auto answer = session.get("/api/v1/workers");
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  const auto page = client::read_workers(answer->body);
  if (!page.ok()) {
    return session.fail(page.problem());
  }
  Table table({{.title = "NAME", .narrowest = 12},
               {.title = "STATE"},
               {.title = "BUSY", .right = true},
               {.title = "TAGS", .narrowest = 6, .dispensable = true},
               {.title = "HANDLERS", .narrowest = 10},
               {.title = "VERSION", .narrowest = 6, .dispensable = true},
               {.title = "CONNECTED", .dispensable = true}});
  for (const client::WorkerView& worker : page->items) {
    table.add({Cell(worker.name, Colour::bold), Cell(worker.state, colour_of_state(worker.state)),
               fmt::format("{}/{}", worker.busy, worker.slots), joined(worker.tags),
               joined(worker.handlers), worker.version,
               relative_text(worker.connected, session.world().now())});
  }
  session.print_table(
      table, "no worker is connected: start one with `jobflow worker --allow shell,python`");
  return kOk;
}

ExitCode list_handlers(Session& session) {
  const auto answer = session.get("/api/v1/handlers");
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  const auto page = client::read_handlers(answer->body);
  if (!page.ok()) {
    return session.fail(page.problem());
  }
  Table table({{.title = "HANDLER", .narrowest = 12},
               {.title = "VERSION", .narrowest = 6, .dispensable = true},
               {.title = "DESCRIPTION", .narrowest = 10},
               {.title = "WORKERS", .narrowest = 10}});
  for (const client::HandlerView& handler : page->items) {
    table.add({Cell(handler.name, Colour::bold), handler.version, handler.description,
               joined(handler.workers)});
  }
  session.print_table(
      table, "no handler is offered: start a worker with `jobflow worker --allow shell,python`");
  return kOk;
}

}  // namespace jobflow::cli
