// The handlers every `jobflow worker` offers: noop, sleep, fail and http, and, where allowed,
// shell, python and sql (S7.5, S7.6).
//
//   noop   {output?}                    succeeds with `output`
//   sleep  {duration: "1s" | ms}
//   fail   {message?, times?, do_not_retry?}   fails while attempt <= times
//   shell  {command: "…" | argv: […], env?, cwd?, stdin?, user?, limits?}
//   python {script: "…" | file: "…", args?, env?, cwd?, stdin?, user?, limits?}
//   http   {url, method?, headers?, query?, body?, expect?, retry_on?, timeout?, connect_timeout?,
//           redirects?, max_body?, ca?}
//   sql    {connection?, sql: "…" | statements: […], values?, max_rows?}
//
// What params they take exactly is model/builtin_handlers.h's to say. Any others of shell and
// python are for the body to read.
//
// A process' exit code decides. Its result is the JSON it wrote to the file $JOBFLOW_OUTPUT, else
// its last line on stdout if that is JSON, else {"exit_code": 0}. Both output streams go to the
// run's log as they come. It finds JOBFLOW_RUN_ID, JOBFLOW_ATTEMPT, JOBFLOW_TOKEN, JOBFLOW_JOB and
// JOBFLOW_PARAMS (or, when too large for an environment, the file named by JOBFLOW_PARAMS_FILE).
//
// http answers {status, headers, json | body | body_base64, truncated}, sql {columns, rows,
// truncated, changes}.
#pragma once

#include "model/outcome.h"
#include "worker/builtin/http_rules.h"
#include "worker/builtin/process_body.h"

#include <string>
#include <vector>

namespace jobflow {
class Worker;
}

namespace jobflow::worker {

// What an operator says.
struct BuiltinOptions {
  std::vector<std::string> allow = {};   // shell, python, sql: off unless named
  std::vector<std::string> forbid = {};  // any of them; wins
  ProcessRules processes = {};
  HttpRules http = {};
  std::vector<std::string> sql = {};  // connections, "name=url"
};

// Before the worker's start. Answers what an operator should know, or which option is wrong.
Outcome<std::vector<std::string>> register_builtin_handlers(Worker& worker, BuiltinOptions options);

}  // namespace jobflow::worker
