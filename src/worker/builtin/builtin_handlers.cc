#include "worker/builtin/builtin_handlers.h"

#include "model/builtin_handlers.h"
#include "model/spelling.h"
#include "model/time.h"
#include "worker/builtin/http_body.h"
#include "worker/builtin/sql_body.h"

#include <jobflow/worker.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobflow::worker {
namespace {

using Function = std::function<Result(Context&)>;

// The body, once the table has nothing against its params.
Function checked(std::string_view handler, Function body) {
  return [handler, body = std::move(body)](Context& run) {
    const auto params = parse_json(run.params_json().empty() ? "{}" : run.params_json());
    const auto problems =
        params ? check_builtin_params(handler, *params, ParamsCheck::at_start)
               : std::vector<FieldProblem>{{.pointer = "", .message = params.problem().detail}};
    if (problems.empty()) {
      return body(run);
    }
    const FieldProblem& first = problems.front();
    return failed(first.pointer + (first.pointer.empty() ? "" : " ") + first.message)
        .error_kind("invalid_params")
        .do_not_retry();
  };
}

Result noop(Context& run) {
  // Parsing is most of what such a body costs: only if there can be something to find.
  if (run.params_json().find("\"output\"") == std::string_view::npos) {
    return succeeded();
  }
  const Json* output = run.params().find("output");
  return output == nullptr ? succeeded() : succeeded(*output);
}

Result sleep(Context& run) {
  const Json& duration = run.params().at("duration");
  const Span span =
      duration.is_int() ? Span{duration.as_int()} : parse_span(duration.as_string()).value();
  return run.wait_cancelled(std::chrono::milliseconds(span.ms)) ? cancelled() : succeeded();
}

// The member, or nullptr when it is absent or null.
const Json* given(const Json& params, std::string_view name) {
  const Json* value = params.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result fail(Context& run) {
  const Json& params = run.params();
  const Json* times = given(params, "times");
  if (times != nullptr && run.attempt() > times->as_int()) {
    return succeeded({{"attempt", run.attempt()}});
  }
  const Json* message = given(params, "message");
  Result result = failed(message == nullptr ? "failed as asked" : message->as_string());
  const Json* final = given(params, "do_not_retry");
  if (final != nullptr && final->as_bool()) {
    result.do_not_retry();
  }
  return result;
}

// Which of the handlers a worker offers.
class Choice {
 public:
  // A problem names the word that is no handler.
  static Outcome<Choice> from(const BuiltinOptions& options) {
    for (const auto* words : {&options.allow, &options.forbid}) {
      for (const std::string& word : *words) {
        if (std::ranges::find(builtin_handlers(), word) == builtin_handlers().end()) {
          return Problem{ProblemCode::invalid, "there is no built-in handler '" + word + "'" +
                                                   did_you_mean(word, builtin_handlers())};
        }
      }
    }
    return Choice(options);
  }

  bool offers(std::string_view name) const {
    const bool needs_leave = std::ranges::find(kNeedLeave, name) != kNeedLeave.end();
    return (!needs_leave || has(allow_, name)) && !has(forbid_, name);
  }

 private:
  static constexpr std::array<std::string_view, 3> kNeedLeave{"shell", "python", "sql"};
  explicit Choice(const BuiltinOptions& options) : allow_(options.allow), forbid_(options.forbid) {}
  static bool has(const std::vector<std::string>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
  }

  std::vector<std::string> allow_, forbid_;
};

class Offering {
 public:
  Offering(Worker& worker, const Choice& choice) : worker_(worker), choice_(choice) {}

  bool wants(std::string_view name) const { return choice_.offers(name); }
  void add(std::string_view name, Function body, std::string description) {
    if (choice_.offers(name)) {
      worker_.handle(std::string(name), std::move(body), {.description = std::move(description)});
    }
  }
  void add_checked(std::string_view name, Function body, std::string description) {
    add(name, checked(name, std::move(body)), std::move(description));
  }

 private:
  Worker& worker_;
  const Choice& choice_;
};

void offer_processes(Offering& offering, ProcessRules rules, std::vector<std::string>& notes) {
  if (!offering.wants("shell") && !offering.wants("python")) {
    return;
  }
  const auto bodies = std::make_shared<ProcessBodies>(std::move(rules));
  notes.push_back(bodies->about());
  offering.add_checked(
      "shell", [bodies](Context& run) { return bodies->shell(run); },
      "Runs params.command with /bin/sh, or params.argv");
  offering.add_checked(
      "python", [bodies](Context& run) { return bodies->python(run); },
      "Runs params.script or params.file with python3");
}

std::optional<Problem> offer_http(Offering& offering, HttpRules rules) {
  auto gate = HttpGate::from(std::move(rules));
  if (!gate) {
    return gate.problem();
  }
  const auto bodies = std::make_shared<HttpBodies>(std::move(*gate));
  offering.add_checked(
      "http", [bodies](Context& run) { return bodies->http(run); },
      "Sends a request to params.url; its answer is the result");
  return std::nullopt;
}

std::optional<Problem> offer_sql(Offering& offering, const std::vector<std::string>& texts) {
  auto connections = SqlConnections::from(texts);
  if (!connections) {
    return connections.problem();
  }
  if (connections->empty() && offering.wants("sql")) {
    return Problem{ProblemCode::invalid,
                   "sql is allowed, but no connection is named: say e.g. "
                   "main=sqlite:/var/lib/app/app.db (worker.sql)"};
  }
  const auto bodies = std::make_shared<SqlBodies>(std::move(*connections));
  offering.add_checked(
      "sql", [bodies](Context& run) { return bodies->sql(run); },
      "Runs params.sql or params.statements in one transaction");
  return std::nullopt;
}

}  // namespace

Outcome<std::vector<std::string>> register_builtin_handlers(Worker& worker,
                                                            BuiltinOptions options) {
  const auto choice = Choice::from(options);
  if (!choice) {
    return choice.problem();
  }
  std::vector<std::string> notes;
  Offering offering(worker, *choice);
  offering.add("noop", noop, "Does nothing; echoes params.output");
  offering.add_checked("sleep", sleep, "Sleeps for params.duration");
  offering.add_checked("fail", fail, "Fails while attempt <= params.times");
  if (auto problem = offer_http(offering, std::move(options.http))) {
    return *problem;
  }
  if (auto problem = offer_sql(offering, options.sql)) {
    return *problem;
  }
  offer_processes(offering, std::move(options.processes), notes);
  return notes;
}

}  // namespace jobflow::worker
