// A child process as a body: started in a session of its own, its output read live, all that it
// started ended with it. Runs on the body's own thread.
//
// Stop: TERM to the group, KILL after the grace. The leader's exit ends the body; what is left of
// its tree (process_tree.h) is killed once it has had a moment to close the output. A leader dies
// with the thread that started it (PR_SET_PDEATHSIG), so also when the worker is killed.
#pragma once

#include "model/work.h"
#include "worker/builtin/process_limits.h"
#include "worker/builtin/process_user.h"

#include <string>
#include <string_view>
#include <vector>

namespace jobflow::worker {

struct Body;
class ProcessTree;

struct ProcessSpec {
  std::string program;                   // a path
  std::vector<std::string> arguments;    // argv[0] included
  std::vector<std::string> environment;  // "NAME=value", all there is
  std::string folder;                    // to start in; the worker's when empty
  std::string input;                     // for its stdin
  ProcessUser user;                      // to become
  std::vector<ResourceLimit> limits;     // of each process
  int cgroup = -1;                       // the cgroup.procs of the group to enter
};

struct ProcessEnd {
  enum class Kind : unsigned char { exited, signalled, stopped, not_started };
  Kind kind = Kind::not_started;
  int number = 0;              // exit code or signal
  std::string trouble;         // why it did not start
  bool out_of_memory = false;  // of its control group, and killed for it
  bool left_some = false;      // some of its processes would not die
  ProcessUsage usage;
};

// Where the output goes, as it comes.
class ProcessSink {
 public:
  virtual ~ProcessSink() = default;
  virtual void out(std::string_view bytes) = 0;
  virtual void err(std::string_view bytes) = 0;
  // Nothing has come for a moment.
  virtual void pause() = 0;
};

ProcessEnd run_process(Body& body, const ProcessSpec& spec, ProcessTree& tree, ProcessSink& sink);

}  // namespace jobflow::worker
