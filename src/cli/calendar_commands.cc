// Calendars: what jobs and workflows have as well is there (definition_commands.cc).
#include "cli/commands.h"
#include "cli/text_width.h"
#include "cli/time_text.h"
#include "client/views.h"
#include "model/definition.h"

#include <fmt/format.h>

#include <filesystem>

namespace jobflow::cli {

ExitCode list_calendars(Session& session, const DefinitionOptions& options) {
  std::string target = "/api/v1/calendars";
  if (!options.all_namespaces) {
    target += "?namespace=" + percent_encoded(session.name_space());
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
               {.title = "REV", .right = true, .dispensable = true},
               {.title = "UPDATED"}});
  for (const client::DefinitionView& item : page->items) {
    table.add({options.all_namespaces ? item.name_space : "", Cell(item.name, Colour::bold),
               item.title, std::to_string(item.revision),
               relative_text(item.updated, session.world().now())});
  }
  session.print_table(table, "no calendars in namespace " + session.name_space() +
                                 " yet: `jobflow calendar import FILE.ics` makes one of a file");
  return kOk;
}

// By the file's name, unless it is said otherwise.
ExitCode import_calendar(Session& session, const CalendarOptions& options) {
  const std::string name =
      options.name.empty() ? std::filesystem::path(options.file).stem().string() : options.name;
  if (!is_valid_name(name)) {
    return session.fail(kUsage, "'" + name + "' is no name for a calendar: say --name NAME");
  }
  const auto text = read_input(session, options.file);
  if (!text.ok()) {
    return session.fail(text.problem());
  }
  std::string target = path_of(session, "calendar", name);
  for (const auto& [query, value] :
       {std::pair{"&timezone=", &options.timezone}, {"&title=", &options.title}}) {
    if (!value->empty()) {
      target += query + percent_encoded(*value);
    }
  }
  return save_document(
      session, {.method = "PUT", .target = target, .body = *text, .content_type = "text/calendar"},
      options.file);
}

}  // namespace jobflow::cli
