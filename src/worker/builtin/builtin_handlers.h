// The handlers every `jobflow worker` offers: noop, sleep and fail for trials, and, where allowed,
// shell and python (S7.5, S7.6).
//
//   noop   {output?}                    succeeds with `output`
//   sleep  {duration: "1s" | ms}
//   fail   {message?, times?, do_not_retry?}   fails while attempt <= times
//   shell  {command: "…" | argv: […], env?, cwd?, stdin?}
//   python {script: "…" | file: "…", args?, env?, cwd?, stdin?}
//
// What params they take exactly is model/builtin_handlers.h's to say. Any others of shell and
// python are for the body to read.
//
// A process' exit code decides. Its result is the JSON it wrote to the file $JOBFLOW_OUTPUT, else
// its last line on stdout if that is JSON, else {"exit_code": 0}. Both output streams go to the
// run's log as they come. It finds JOBFLOW_RUN_ID, JOBFLOW_ATTEMPT, JOBFLOW_TOKEN, JOBFLOW_JOB and
// JOBFLOW_PARAMS (or, when too large for an environment, the file named by JOBFLOW_PARAMS_FILE).
#pragma once

#include "worker/builtin/process_body.h"

namespace jobflow {
class Worker;
}

namespace jobflow::worker {

struct BuiltinOptions {
  bool shell = false;
  bool python = false;
  ProcessRules processes = {};
};

// Before the worker's start.
void register_builtin_handlers(Worker& worker, BuiltinOptions options);

}  // namespace jobflow::worker
