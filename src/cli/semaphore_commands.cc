// `jobflow semaphore ls|permits`: what else jobs and workflows have as well is there
// (definition_commands.cc).
#include "cli/commands.h"
#include "cli/text_width.h"
#include "cli/time_text.h"
#include "client/views.h"

#include <fmt/format.h>

namespace jobflow::cli {

ExitCode list_semaphores(Session& session, const DefinitionOptions& options) {
  std::string target = fmt::format("/api/v1/semaphores?limit={}", options.limit);
  if (!options.all_namespaces) {
    target += "&namespace=" + percent_encoded(session.name_space());
  }
  const auto answer = session.get(target);
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  const auto page = client::read_definitions(answer->body);
  if (!page.ok()) {
    return session.fail(page.problem());
  }
  Table table({{.title = "NAMESPACE", .narrowest = 6},
               {.title = "NAME", .narrowest = 12},
               {.title = "TITLE", .narrowest = 8, .dispensable = true},
               {.title = "PERMITS", .right = true},
               {.title = "REV", .right = true, .dispensable = true},
               {.title = "UPDATED"}});
  for (const client::DefinitionView& item : page->items) {
    table.add({options.all_namespaces ? item.name_space : "", Cell(item.name, Colour::bold),
               item.title, std::to_string(item.permits), std::to_string(item.revision),
               relative_text(item.updated, session.world().now())});
  }
  session.print_table(table, "no semaphores in namespace " + session.name_space() +
                                 " yet: `jobflow apply -f FILE` makes some");
  if (!page->next_cursor.empty()) {
    session.say(fmt::format("there are more: raise --limit (now {})", options.limit));
  }
  return kOk;
}

ExitCode list_permits(Session& session, const DefinitionOptions& options) {
  std::string target = path_of(session, options.kind, options.names.front());
  target.insert(target.find('?'), "/permits");
  const auto answer = session.get(target + fmt::format("&limit={}", options.limit));
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  const auto use = client::read_permits(answer->body);
  if (!use.ok()) {
    return session.fail(use.problem());
  }
  Table table({{.title = "RUN", .narrowest = 18},
               {.title = "STATE"},
               {.title = "PRIORITY", .right = true, .dispensable = true},
               {.title = "QUEUED"},
               {.title = "GRANTED"}});
  const Instant now = session.world().now();
  for (const client::PermitView& item : use->items) {
    const bool is_held = item.state == "held";
    table.add({item.run, Cell(item.state, is_held ? Colour::green : Colour::yellow),
               std::to_string(item.priority), relative_text(item.queued, now),
               is_held ? relative_text(item.granted, now) : ""});
  }
  session.print_table(table, "no run holds a permit, and none waits for one");
  session.say(fmt::format("{} of {} permits are held, {} wait", use->held, use->permits,
                          counted(static_cast<std::size_t>(use->waiting), "run")));
  return kOk;
}

}  // namespace jobflow::cli
