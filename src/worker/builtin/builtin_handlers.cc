#include "worker/builtin/builtin_handlers.h"

#include "model/time.h"
#include "worker/builtin/process_body.h"

#include <jobflow/worker.h>

#include <memory>
#include <string>

namespace jobflow::worker {
namespace {

Result wrong_params(const std::string& what) {
  return failed(what).error_kind("invalid_params").do_not_retry();
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
  const Json* duration = run.params().find("duration");
  if (duration == nullptr) {
    return wrong_params("/duration is missing: say \"250ms\", \"10s\" or a number of milliseconds");
  }
  Outcome<Span> span = Span{0};
  if (duration->is_int()) {
    span = Span{duration->as_int()};
  } else if (duration->is_string()) {
    span = parse_span(duration->as_string());
  } else {
    return wrong_params("/duration is neither a text nor a whole number");
  }
  if (!span || span->ms < 0) {
    return wrong_params("/duration: " + (span ? "is negative" : span.problem().detail));
  }
  return run.wait_cancelled(std::chrono::milliseconds(span->ms)) ? cancelled() : succeeded();
}

Result fail(Context& run) {
  const Json& params = run.params();
  const Json* times = params.find("times");
  if (times != nullptr && run.attempt() > times->as_int()) {
    return succeeded({{"attempt", run.attempt()}});
  }
  const Json* message = params.find("message");
  Result result = failed(message == nullptr ? "failed as asked" : message->as_string());
  const Json* final = params.find("do_not_retry");
  if (final != nullptr && final->as_bool()) {
    result.do_not_retry();
  }
  return result;
}

}  // namespace

void register_builtin_handlers(Worker& worker, BuiltinOptions options) {
  worker.handle("noop", noop, {.description = "Does nothing; echoes params.output"});
  worker.handle("sleep", sleep, {.description = "Sleeps for params.duration"});
  worker.handle("fail", fail, {.description = "Fails while attempt <= params.times"});
  if (!options.shell && !options.python) {
    return;
  }
  const auto processes = std::make_shared<ProcessBodies>();
  if (options.shell) {
    worker.handle("shell", [processes](Context& run) { return processes->shell(run); },
                  {.description = "Runs params.command with /bin/sh, or params.argv"});
  }
  if (options.python) {
    worker.handle("python", [processes](Context& run) { return processes->python(run); },
                  {.description = "Runs params.script or params.file with python3"});
  }
}

}  // namespace jobflow::worker
