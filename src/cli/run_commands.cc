#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/log_tail.h"
#include "cli/text_width.h"
#include "cli/time_text.h"
#include "client/views.h"
#include "model/states.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <optional>
#include <ostream>

namespace jobflow::cli {
namespace {

constexpr Span kReconnectEvery = milliseconds(500);
constexpr int kReconnectsMax = 120;

std::string path_of(const std::string& run, const std::string& below = "") {
  return "/api/v1/runs/" + percent_encoded(run) + below;
}

// How long it ran, or has been running.
std::string took(Instant started, Instant ended, std::string_view state, Instant now) {
  if (!started.is_set() || state == "queued" || state == "scheduled" || state == "pending") {
    return {};
  }
  return span_text((ended.is_set() ? ended : now) - started);
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

Cell state_cell(const std::string& state) {
  return Cell(state, colour_of_state(state));
}

// The answer, printed as it is with -o json: then there is nothing more to do.
std::optional<ExitCode> print_if_json(Session& session, const Outcome<client::Response>& answer) {
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  return std::nullopt;
}

}  // namespace

ExitCode list_runs(Session& session, const RunOptions& options) {
  std::string target = fmt::format("/api/v1/runs?limit={}", options.limit);
  const bool names_one = !options.job.empty() || !options.workflow.empty();
  if (names_one || !session.options().name_space.empty()) {
    target += "&namespace=" + percent_encoded(session.name_space());
  }
  if (!options.job.empty()) {
    target += "&job=" + percent_encoded(options.job);
  }
  if (!options.workflow.empty()) {
    target += "&workflow=" + percent_encoded(options.workflow);
  }
  for (const std::string& state : options.states) {
    target += "&state=" + percent_encoded(state);
  }
  const auto answer = session.get(target);
  if (const auto code = print_if_json(session, answer)) {
    return *code;
  }
  const auto page = client::read_runs(answer->body);
  if (!page.ok()) {
    return session.fail(page.problem());
  }
  const Instant now = session.world().now();
  Table table({{.title = "RUN"},
               {.title = "KIND", .dispensable = true},
               {.title = "NAME", .narrowest = 10},
               {.title = "STATE"},
               {.title = "ATTEMPT", .right = true, .dispensable = true},
               {.title = "CREATED"},
               {.title = "TOOK", .right = true},
               {.title = "WORKER", .narrowest = 6, .dispensable = true},
               {.title = "ERROR", .narrowest = 8, .dispensable = true}});
  for (const client::RunView& run : page->items) {
    const bool elsewhere = !run.name_space.empty() && run.name_space != session.name_space();
    table.add({run.id, run.kind,
               Cell(elsewhere ? run.name_space + "/" + run.name : run.name, Colour::bold),
               state_cell(run.state), run.attempt > 1 ? std::to_string(run.attempt) : "",
               relative_text(run.created, now), took(run.started, run.ended, run.state, now),
               run.worker, first_line(run.error)});
  }
  session.print_table(table, "no runs: `jobflow trigger NAME` makes one");
  if (!page->next_cursor.empty()) {
    session.say(fmt::format("there are older ones: raise --limit (now {})", options.limit));
  }
  return kOk;
}

ExitCode show_run(Session& session, const RunOptions& options) {
  const auto answer = session.get(path_of(options.runs.front()));
  if (const auto code = print_if_json(session, answer)) {
    return *code;
  }
  const auto read = client::read_run(answer->body);
  if (!read.ok()) {
    return session.fail(read.problem());
  }
  const client::RunView& run = *read;
  const Instant now = session.world().now();
  std::string out;
  const auto line = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) {
      out += session.style().paint(Colour::dim, fmt::format("{:<10}", label)) + text + "\n";
    }
  };
  const auto when = [&](Instant at) {
    return at.is_set() ? local_text(at) + "  (" + relative_text(at, now) + ")" : std::string();
  };
  line("run", run.id);
  line(run.kind == "step" ? "step" : run.kind,
       printable(run.kind == "step" ? run.step + " of " + run.name + " run " + run.parent_id
                                    : run.name_space + "/" + run.name));
  line("state", session.style().paint(colour_of_state(run.state), run.state));
  line("handler", printable(run.handler));
  line("attempt", run.attempt > 0 ? std::to_string(run.attempt) : "");
  line("version", run.version > 1 ? std::to_string(run.version) : "");
  line("worker", printable(run.worker));
  line("by", printable(run.principal));
  line("created", when(run.created));
  line("due", run.state == "scheduled" ? when(run.due) : "");
  line("started", when(run.started));
  line("ended", when(run.ended));
  line("took", took(run.started, run.ended, run.state, now));
  line("error", printable(run.error, true));
  line("params", run.params == "{}" ? "" : pretty_json(run.params));
  line("result", run.result.empty() ? "" : pretty_json(run.result));
  session.print(out);
  return kOk;
}

ExitCode list_steps(Session& session, const RunOptions& options) {
  const auto answer = session.get(path_of(options.runs.front(), "/steps"));
  if (const auto code = print_if_json(session, answer)) {
    return *code;
  }
  const auto page = client::read_steps(answer->body);
  if (!page.ok()) {
    return session.fail(page.problem());
  }
  const Instant now = session.world().now();
  Table table({{.title = "STEP", .narrowest = 10},
               {.title = "STATE"},
               {.title = "TOOK", .right = true},
               {.title = "ATTEMPT", .right = true, .dispensable = true},
               {.title = "HANDLER", .narrowest = 6, .dispensable = true},
               {.title = "NEEDS", .narrowest = 6, .dispensable = true},
               {.title = "WORKER", .narrowest = 6, .dispensable = true},
               {.title = "RUN"},
               {.title = "ERROR", .narrowest = 8, .dispensable = true}});
  for (const client::StepView& step : page->items) {
    table.add({Cell(step.step, Colour::bold), state_cell(step.state),
               took(step.started, step.ended, step.state, now),
               step.attempt > 0 ? std::to_string(step.attempt) : "", step.handler,
               fmt::format("{}", fmt::join(step.needs, ", ")), step.worker, step.run_id,
               first_line(step.error)});
  }
  session.print_table(table, "no steps: it is no workflow run");
  return kOk;
}

namespace {

// Why a run has no attempts or no log.
std::string why_nothing(Session& session, const RunOptions& options, std::string_view what) {
  const std::string& id = options.runs.front();
  const auto answer = session.get(path_of(id));
  const auto run =
      answer.ok() ? client::read_run(answer->body) : Outcome<client::RunView>(answer.problem());
  if (!run.ok()) {
    return fmt::format("no {}", what);
  }
  if (run->kind == "workflow") {
    return fmt::format("a workflow's run has no {} of its own; its steps have: {}", what,
                       session.command("run steps " + id));
  }
  if (run->attempt == 0) {
    return fmt::format("no {}: the run {}", what,
                       run->is_final() ? "ended as " + run->state + " before it began"
                       : run->state == "scheduled"
                           ? "is to start at " + local_text(run->due)
                           : "is " + run->state + ", it waits for a worker that can take it");
  }
  return fmt::format("no {}", what);
}

}  // namespace

ExitCode explain_run(Session& session, const RunOptions& options) {
  const auto answer = session.get(path_of(options.runs.front(), "/explain"));
  if (const auto code = print_if_json(session, answer)) {
    return *code;
  }
  const auto why = client::read_explanation(answer->body);
  if (!why.ok()) {
    return session.fail(why.problem());
  }
  const Instant now = session.world().now();
  std::string out = "run " + why->run_id + " is " +
                    session.style().paint(colour_of_state(why->state), why->state) + "\n";
  for (const auto& reason : why->reasons) {
    out += "  " + session.style().paint(Colour::bold, fmt::format("{:<13}", reason.code)) +
           printable(reason.text) + "\n";
  }
  const auto when = [&](std::string_view label, Instant at) {
    if (at.is_set()) {
      out += fmt::format("  {:<13}{}  ({})\n", label, local_text(at), relative_text(at, now));
    }
  };
  when("earliest", why->earliest);
  when("ends by", why->bound);
  session.print(out);
  return kOk;
}

ExitCode list_attempts(Session& session, const RunOptions& options) {
  const auto answer = session.get(path_of(options.runs.front(), "/attempts"));
  if (const auto code = print_if_json(session, answer)) {
    return *code;
  }
  const auto page = client::read_attempts(answer->body);
  if (!page.ok()) {
    return session.fail(page.problem());
  }
  const Instant now = session.world().now();
  Table table({{.title = "ATTEMPT", .right = true},
               {.title = "STATE"},
               {.title = "STARTED"},
               {.title = "TOOK", .right = true},
               {.title = "WORKER", .narrowest = 6, .dispensable = true},
               {.title = "RETRY", .dispensable = true},
               {.title = "ERROR", .narrowest = 8, .dispensable = true}});
  for (const client::AttemptView& attempt : page->items) {
    table.add({std::to_string(attempt.number), state_cell(attempt.state),
               local_text(attempt.started),
               took(attempt.started, attempt.ended, attempt.state, now), attempt.worker,
               attempt.retry_at.is_set() ? local_clock_text(attempt.retry_at) : "",
               first_line(attempt.error)});
  }
  session.print_table(table, table.empty() ? why_nothing(session, options, "attempt") : "");
  return kOk;
}

namespace {

void print_log_line(Session& session, const client::LogLineView& line, const RunOptions& options) {
  session.world().out << (session.json() ? line.json
                                         : shown_log_line(line, session.style(), options.bare))
                      << '\n';
}

ExitCode print_log(Session& session, const RunOptions& options) {
  LogTail tail(options.runs.front(), options.level, options.attempt, options.grep);
  bool is_empty = true;
  for (bool any = true; any;) {
    const auto lines = tail.read_on(session);
    if (!lines.ok()) {
      return session.fail(lines.problem());
    }
    for (const client::LogLineView& line : *lines) {
      print_log_line(session, line, options);
    }
    any = !lines->empty();
    is_empty = is_empty && !any;
  }
  if (is_empty && options.level.empty() && options.grep.empty() && options.attempt == 0) {
    session.say(why_nothing(session, options, "log"));
  }
  session.print("");
  return kOk;
}

// One connection's worth of a log that is being written. True: it was read to its end.
Outcome<bool> hear_log(Session& session, const RunOptions& options, std::string& last_id) {
  const auto server = session.server();
  if (!server.ok()) {
    return server.problem();
  }
  client::Request request{.target = path_of(options.runs.front(), "/logs/stream")};
  std::string separator = "?";
  if (!options.level.empty()) {
    request.target += "?level=" + percent_encoded(options.level);
    separator = "&";
  }
  if (options.attempt > 0) {
    request.target += fmt::format("{}attempt={}", separator, options.attempt);
  }
  if (!last_id.empty()) {
    request.headers = {{"Last-Event-ID", last_id}};
  }
  bool ended = false;
  const client::EventListener listener{
      .heard =
          [&](const client::ServerEvent& event) {
            if (event.type == "end") {
              ended = true;
              return false;
            }
            if (const auto line = client::read_log_line(event.data);
                event.type == "line" && line.ok()) {
              if (options.attempt > 0 && line->attempt > options.attempt) {
                ended = true;  // the stream goes on to the attempts after it
                return false;
              }
              last_id = event.id;
              print_log_line(session, *line, options);
              session.print("");
            }
            return !session.world().interrupted();
          },
      .idle = [&] { return !session.world().interrupted(); }};
  const auto end = (*server)->listen(request, listener);
  if (!end.ok()) {
    return end.problem();
  }
  return ended;
}

ExitCode follow_log(Session& session, const RunOptions& options) {
  std::string last_id;
  for (int away = 0; away < kReconnectsMax; ++away) {
    const std::string before = last_id;
    const auto ended = hear_log(session, options, last_id);
    if (ended.ok() && *ended) {
      if (last_id.empty() && options.level.empty() && options.attempt == 0) {
        session.say(why_nothing(session, options, "log"));
      }
      return kOk;
    }
    if (session.world().interrupted()) {
      session.say("interrupted; the run goes on");
      return kError;
    }
    const bool was_there = !last_id.empty();
    if (!ended.ok() && (ended.problem().code != ProblemCode::unavailable || !was_there)) {
      return session.fail(ended.problem());
    }
    if (last_id != before) {
      away = 0;
    }
    session.world().pause(kReconnectEvery);
  }
  return session.fail(kError, "the server is away: the log goes on there");
}

}  // namespace

ExitCode show_logs(Session& session, const RunOptions& options) {
  if (options.follow && !options.grep.empty()) {
    return session.fail(kUsage, "--grep reads what there is, without --follow");
  }
  return options.follow ? follow_log(session, options) : print_log(session, options);
}

ExitCode cancel_runs(Session& session, const RunOptions& options) {
  ExitCode worst = kOk;
  for (const std::string& run : options.runs) {
    const auto answer = session.post(path_of(run, "/cancel"), "");
    if (answer.ok()) {
      session.say("run " + run + "  asked to stop");
    } else {
      const ExitCode code = session.fail(answer.problem());
      worst = worst == kOk ? code : worst;
    }
  }
  return worst;
}

ExitCode retry_run(Session& session, const RunOptions& options) {
  if (!options.follow && (options.logs || !options.wait_limit.empty())) {
    return session.fail(kUsage, "--logs and --timeout go with --follow");
  }
  boost::json::object body;
  if (!options.from_steps.empty()) {
    body["from"] = boost::json::array(options.from_steps.begin(), options.from_steps.end());
  }
  const std::string& run = options.runs.front();
  const auto answer = session.post(path_of(run, "/retry"), boost::json::serialize(body));
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  if (options.follow) {
    return watch_run(session, options);
  }
  if (session.json()) {
    session.print_json(answer->body);
  } else {
    session.say("run " + run + "  runs again");
  }
  return kOk;
}

ExitCode watch_run(Session& session, const RunOptions& options) {
  Span limit;
  if (!options.wait_limit.empty()) {
    const auto read = parse_span(options.wait_limit);
    if (!read.ok()) {
      return session.fail(kUsage, "--timeout: " + read.problem().detail);
    }
    limit = *read;
  }
  return follow_run(
      session, options.runs.front(),
      {.show = true, .logs = options.logs, .log_level = options.level, .limit = limit});
}

}  // namespace jobflow::cli
