#include "worker/builtin/builtin_handlers.h"

#include "model/builtin_handlers.h"
#include "model/time.h"

#include <jobflow/worker.h>

#include <functional>
#include <memory>
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

}  // namespace

void register_builtin_handlers(Worker& worker, BuiltinOptions options) {
  worker.handle("noop", noop, {.description = "Does nothing; echoes params.output"});
  worker.handle("sleep", checked("sleep", sleep), {.description = "Sleeps for params.duration"});
  worker.handle("fail", checked("fail", fail),
                {.description = "Fails while attempt <= params.times"});
  if (!options.shell && !options.python) {
    return;
  }
  const auto processes = std::make_shared<ProcessBodies>(std::move(options.processes));
  if (options.shell) {
    worker.handle("shell",
                  checked("shell", [processes](Context& run) { return processes->shell(run); }),
                  {.description = "Runs params.command with /bin/sh, or params.argv"});
  }
  if (options.python) {
    worker.handle("python",
                  checked("python", [processes](Context& run) { return processes->python(run); }),
                  {.description = "Runs params.script or params.file with python3"});
  }
}

}  // namespace jobflow::worker
