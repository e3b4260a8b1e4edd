// The bodies of shell and python: params to a process, its end to a result. One for all bodies of
// a worker, thread-safe; owns the worker's scratch folder and removes it.
#pragma once

#include "worker/builtin/process.h"

#include <jobflow/worker.h>

#include <map>
#include <mutex>
#include <string>

namespace jobflow::worker {

class ProcessBodies {
 public:
  ProcessBodies();
  ~ProcessBodies();
  ProcessBodies(const ProcessBodies&) = delete;
  ProcessBodies& operator=(const ProcessBodies&) = delete;

  // Of params that were checked (model/builtin_handlers.h).
  Result shell(Context& run);
  Result python(Context& run);

 private:
  // Fills in what all processes have in common, then runs it.
  Result run_program(Context& run, const std::string& program, ProcessSpec spec);
  std::string scratch_file(Context& run, const std::string& ending);

  const std::map<std::string, std::string> environment_;  // the worker's, without its secrets
  std::mutex mutex_;
  std::string scratch_;  // made when first needed
};

}  // namespace jobflow::worker
