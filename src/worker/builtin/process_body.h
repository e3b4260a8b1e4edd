// The bodies of shell and python: params to a process, its end to a result. One for all bodies of
// a worker, thread-safe.
#pragma once

#include "model/outcome.h"
#include "worker/builtin/process.h"
#include "worker/builtin/process_tree.h"
#include "worker/builtin/scratch.h"

#include <jobflow/worker.h>

#include <map>
#include <string>
#include <vector>

namespace jobflow::worker {

// What an operator says about all processes of a worker.
struct ProcessRules {
  ProcessLimits limits = {};
  std::vector<std::string> users = {};  // allowed ones, the first of them by default; empty = any
  std::string cgroup = {};              // a folder, "off", or "" for the worker's own
};

class ProcessBodies {
 public:
  explicit ProcessBodies(ProcessRules rules);

  // Of params that were checked (model/builtin_handlers.h).
  Result shell(Context& run);
  Result python(Context& run);
  // How processes are kept here, for an operator's eyes.
  std::string about() const { return trees_.about(); }

 private:
  // What all processes have in common; a problem when it may not start like that.
  Outcome<ProcessSpec> spec_of(Context& run) const;
  Result run_program(Context& run, const std::string& program, ProcessSpec spec);

  const ProcessRules rules_;
  const ProcessTrees trees_;
  const std::map<std::string, std::string> environment_;  // the worker's, without its secrets
  Scratch scratch_;
};

}  // namespace jobflow::worker
