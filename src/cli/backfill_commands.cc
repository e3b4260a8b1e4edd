// `jobflow backfill ls|get|pause|resume|cancel`: backfills, by their ids.
#include "cli/commands.h"
#include "cli/time_text.h"
#include "client/views.h"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace jobflow::cli {
namespace {

std::string path_of(const BackfillOptions& options, const std::string& verb = "") {
  return "/api/v1/backfills/" + percent_encoded(options.id) + (verb.empty() ? "" : "/" + verb);
}

Colour colour_of(const client::BackfillView& one) {
  return one.state == "finished"  ? Colour::green
         : one.state == "running" ? Colour::cyan
                                  : Colour::yellow;
}

std::string percent_of(const client::BackfillView& one) {
  const std::int64_t settled = one.runs + one.kept_off;
  return fmt::format("{} %", one.total == 0 ? 100 : settled * 100 / one.total);
}

ExitCode change(Session& session,
                const BackfillOptions& options,
                const std::string& verb,
                const std::string& body,
                const char* done,
                const char* not_done) {
  const auto answer = session.post(path_of(options, verb), body);
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  const bool changed = answer->body.find("\"changed\":true") != std::string::npos;
  session.say(fmt::format("backfill {}  {}", options.id, changed ? done : not_done));
  return kOk;
}

}  // namespace

ExitCode list_backfills(Session& session, const BackfillOptions& options) {
  const auto answer = session.get(fmt::format("/api/v1/backfills?limit={}{}", options.limit,
                                              options.all ? "" : "&going_on=true"));
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  const auto page = client::read_backfills(answer->body);
  if (!page.ok()) {
    return session.fail(page.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  Table table({{.title = "ID"},
               {.title = "OF", .narrowest = 12},
               {.title = "STATE"},
               {.title = "SETTLED", .right = true},
               {.title = "RUNS", .right = true},
               {.title = "FAILED", .right = true},
               {.title = "FROM", .dispensable = true},
               {.title = "TO", .dispensable = true},
               {.title = "NOTE", .narrowest = 8}});
  for (const client::BackfillView& one : page->items) {
    table.add({one.id, one.name, Cell(one.state, colour_of(one)), percent_of(one),
               std::to_string(one.runs),
               one.failed == 0 ? Cell("0") : Cell(std::to_string(one.failed), Colour::red),
               to_rfc3339(one.from), to_rfc3339(one.to), one.note});
  }
  session.print_table(table, options.all ? "there was no backfill yet" : "no backfill goes on");
  return kOk;
}

ExitCode show_backfill(Session& session, const BackfillOptions& options) {
  const auto answer = session.get(path_of(options));
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  const auto one = client::read_backfill(answer->body);
  if (!one.ok()) {
    return session.fail(one.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  print_backfill(session, *one);
  return kOk;
}

void print_backfill(Session& session, const client::BackfillView& one) {
  const Style style = session.style();
  session.print(fmt::format("backfill {} of {}  {}{}\n", one.id, one.name,
                            style.paint(colour_of(one), one.state),
                            one.note.empty() ? "" : "  (" + one.note + ")"));
  session.print(
      fmt::format("{} .. {}, {}, {} at a time\n", to_rfc3339(one.from), to_rfc3339(one.to),
                  one.order == "newest_first" ? "newest first" : "oldest first", one.max_parallel));
  session.print(fmt::format(
      "{} of {} instants settled: {} runs ({} succeeded, {} failed), {} kept "
      "off by calendars\n",
      one.runs + one.kept_off, one.total, one.runs, one.succeeded, one.failed, one.kept_off));
}

ExitCode pause_backfill(Session& session, const BackfillOptions& options) {
  boost::json::object body;
  if (!options.note.empty()) {
    body["note"] = options.note;
  }
  return change(session, options, "pause", boost::json::serialize(body), "paused",
                "was paused already");
}

ExitCode resume_backfill(Session& session, const BackfillOptions& options) {
  return change(session, options, "resume", "", "goes on", "was not paused");
}

ExitCode cancel_backfill(Session& session, const BackfillOptions& options) {
  return change(session, options, "cancel", "", "is cancelled, and what is live of it",
                "was cancelled already");
}

}  // namespace jobflow::cli
