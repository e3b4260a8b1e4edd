// `jobflow trigger preview|pause|resume|backfill|firings`: triggers of jobs and workflows, by their
// names.
#include "cli/commands.h"
#include "client/views.h"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace jobflow::cli {
namespace {

Outcome<std::vector<client::TriggerView>> triggers_of(Session& session,
                                                      const std::string& kind,
                                                      const std::string& name) {
  const auto answer = session.get("/api/v1/" + kind + "s/" + percent_encoded(name) +
                                  "/triggers?namespace=" + percent_encoded(session.name_space()));
  if (!answer.ok()) {
    return answer.problem();
  }
  auto page = client::read_triggers(answer->body);
  if (!page.ok()) {
    return page.problem();
  }
  return std::move(page->items);
}

// A job's, or a workflow's where no job has the name.
Outcome<std::vector<client::TriggerView>> triggers_of(Session& session,
                                                      const ScheduleOptions& options) {
  if (options.workflow) {
    return triggers_of(session, "workflow", options.name);
  }
  auto found = triggers_of(session, "job", options.name);
  const bool is_none = !found.ok() && found.problem().code == ProblemCode::not_found;
  if (!is_none || options.job) {
    return found;
  }
  auto workflows = triggers_of(session, "workflow", options.name);
  return workflows.ok() ? std::move(workflows) : std::move(found);
}

// The one that is named, or the only one.
Outcome<client::TriggerView> find_trigger(Session& session, const ScheduleOptions& options) {
  auto all = triggers_of(session, options);
  if (!all.ok()) {
    return all.problem();
  }
  std::string names;
  for (const client::TriggerView& one : *all) {
    if (one.name == options.trigger || (options.trigger.empty() && all->size() == 1)) {
      return one;
    }
    names += (names.empty() ? "" : ", ") + one.name;
  }
  return Problem{
      .code =
          all->empty() || !options.trigger.empty() ? ProblemCode::not_found : ProblemCode::invalid,
      .detail = all->empty() ? options.name + " has no trigger"
                : options.trigger.empty()
                    ? options.name + " has several triggers: name one of " + names
                    : options.name + " has no trigger '" + options.trigger + "': it has " + names};
}

std::string path_of(const client::TriggerView& trigger, const std::string& verb) {
  return "/api/v1/triggers/" + trigger.id + "/" + verb;
}

// The trigger that the options write down, as a definition file has it.
boost::json::object written_trigger(const ScheduleOptions& options) {
  boost::json::object trigger;
  const auto put = [&](const char* name, const std::string& value) {
    if (!value.empty()) {
      trigger[name] = value;
    }
  };
  put("cron", options.cron);
  put("every", options.every);
  put("at", options.at);
  put("timezone", options.timezone);
  put("dialect", options.dialect);
  return trigger;
}

Outcome<client::Response> ask_preview(Session& session, const ScheduleOptions& options) {
  const boost::json::object trigger = written_trigger(options);
  if (!trigger.empty()) {
    boost::json::object body{{"trigger", trigger}, {"count", options.count}};
    body["namespace"] = session.name_space();
    if (!options.name.empty()) {
      body["name"] = options.name;
    }
    if (!options.from.empty()) {
      body["from"] = options.from;
    }
    return session.post("/api/v1/triggers/preview", boost::json::serialize(body));
  }
  if (options.name.empty()) {
    return Problem{.code = ProblemCode::invalid,
                   .detail =
                       "name a job or workflow, or write a trigger with --cron, --every or "
                       "--at"};
  }
  const auto found = find_trigger(session, options);
  if (!found.ok()) {
    return found.problem();
  }
  return session.get(path_of(*found, "preview") + fmt::format("?count={}", options.count) +
                     (options.from.empty() ? "" : "&from=" + percent_encoded(options.from)));
}

ExitCode change(Session& session,
                const ScheduleOptions& options,
                const std::string& verb,
                const std::string& body) {
  const auto found = find_trigger(session, options);
  if (!found.ok()) {
    return session.fail(found.problem());
  }
  const auto answer = session.post(path_of(*found, verb), body);
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  const bool changed = answer->body.find("\"changed\":true") != std::string::npos;
  session.say(fmt::format("trigger {}/{}  {}", options.name, found->name,
                          verb == "pause" ? changed ? "paused" : "was paused already"
                          : changed       ? "goes on"
                                          : "was not paused"));
  return kOk;
}

}  // namespace

ExitCode preview_trigger(Session& session, const ScheduleOptions& options) {
  const auto answer = ask_preview(session, options);
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  const auto preview = client::read_preview(answer->body);
  if (!preview.ok()) {
    return session.fail(preview.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  const Style style = session.style();
  session.print(style.paint(Colour::bold, preview->english) + "\n");
  session.print(preview->chinese + "\n");
  for (const std::string& warning : preview->warnings) {
    session.print(style.paint(Colour::yellow, "warning: ") + warning + "\n");
  }
  for (const std::string& note : preview->notes) {
    session.print(style.paint(Colour::cyan, "clock: ") + note + "\n");
  }
  if (preview->items.empty()) {
    session.print(preview->kind == "delay" || preview->kind == "after"
                      ? "when it is due hangs on when runs end\n"
                      : "it is not due any more\n");
    return kOk;
  }
  session.print("\n");
  Table table({{.title = "DUE (UTC)"}, {.title = "THERE"}});
  for (const client::DueView& due : preview->items) {
    table.add({to_rfc3339(due.at), preview->timezone == "UTC" ? "" : due.local});
  }
  session.print_table(table, "");
  return kOk;
}

ExitCode pause_trigger(Session& session, const ScheduleOptions& options) {
  boost::json::object body;
  if (!options.note.empty()) {
    body["note"] = options.note;
  }
  return change(session, options, "pause", boost::json::serialize(body));
}

ExitCode resume_trigger(Session& session, const ScheduleOptions& options) {
  return change(session, options, "resume", "");
}

ExitCode start_backfill(Session& session, const ScheduleOptions& options) {
  boost::json::object body{{"from", options.from}, {"to", options.to}};
  body["max_parallel"] = options.parallel;
  if (options.newest_first) {
    body["order"] = "newest_first";
  }
  if (options.waits) {
    body["overlap"] = "wait";
  }
  if (options.pauses_on_failure) {
    body["on_failure"] = "pause";
  }
  if (!options.params_json.empty()) {
    boost::system::error_code failed;
    const boost::json::value params = boost::json::parse(options.params_json, failed);
    if (failed || !params.is_object()) {
      return session.fail(Problem{.code = ProblemCode::invalid,
                                  .detail = "--params takes a JSON object like '{\"day\": 7}'"});
    }
    body["params"] = params;
  }
  const auto found = find_trigger(session, options);
  if (!found.ok()) {
    return session.fail(found.problem());
  }
  const auto answer = session.post(path_of(*found, "backfill"), boost::json::serialize(body));
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
  session.say("`jobflow backfill get " + one->id + "` says how far it is");
  return kOk;
}

ExitCode list_firings(Session& session, const ScheduleOptions& options) {
  const auto found = find_trigger(session, options);
  if (!found.ok()) {
    return session.fail(found.problem());
  }
  const auto answer =
      session.get(path_of(*found, "firings") + fmt::format("?limit={}", options.limit));
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  const auto page = client::read_firings(answer->body);
  if (!page.ok()) {
    return session.fail(page.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  Table table({{.title = "PLANNED", .narrowest = 24},
               {.title = "OUTCOME"},
               {.title = "COUNT", .right = true},
               {.title = "RUN"},
               {.title = "STATE"}});
  for (const client::FiringView& one : page->items) {
    const bool ran = one.outcome == "ran";
    table.add({one.from == one.to ? to_rfc3339(one.from)
                                  : to_rfc3339(one.from) + " .. " + to_rfc3339(one.to),
               ran ? Cell("ran") : Cell("skipped: " + one.reason, Colour::yellow),
               one.count == 1 ? "" : std::to_string(one.count), one.run,
               Cell(one.state, colour_of_state(one.state))});
  }
  session.print_table(table, "nothing was due yet");
  return kOk;
}

}  // namespace jobflow::cli
