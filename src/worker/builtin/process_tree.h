// All processes that an attempt has started, wherever they hide, so that none outlives it.
//
// Where this worker may make control groups, the attempt's group holds them. Everywhere, this
// process is the reaper of its descendants (PR_SET_CHILD_SUBREAPER): what detaches itself (a double
// fork, a session of its own) becomes our child when its parent has gone, and is known by its
// session or by the JOBFLOW_TOKEN it was started with. What has shed these, too, is ended when no
// body's processes run any more. When the worker itself is killed, its guard ends them.
#pragma once

#include "model/id.h"
#include "model/work.h"
#include "worker/builtin/cgroup.h"
#include "worker/builtin/process.h"
#include "worker/builtin/process_list.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace jobflow::worker {

// Of a worker; thread-safe. (What is whose is known per process, however many workers it has.)
class ProcessTrees {
 public:
  explicit ProcessTrees(const std::string& cgroup);

  // How trees are held together here, for an operator's eyes.
  std::string about() const;

 private:
  friend class ProcessTree;
  const Cgroups cgroups_;
};

// Of one attempt; its own thread only.
class ProcessTree {
 public:
  ProcessTree(const ProcessTrees& trees, Id token, const ProcessLimits& limits);
  ~ProcessTree();
  ProcessTree(const ProcessTree&) = delete;
  ProcessTree& operator=(const ProcessTree&) = delete;

  // Starts the leader in it.
  Child start(ProcessSpec spec);
  // Reaps the leader, which has ended, then ends all others; false when some would not die.
  bool end(int& status);
  // Reaps what has lost its parent and ended; for now and then.
  void tidy();

  const ProcessUsage& usage() const { return usage_; }
  bool ran_out_of_memory() const { return ran_out_of_memory_; }

 private:
  using Entries = std::map<pid_t, ProcessEntry>;
  enum class Belongs : unsigned char { here, elsewhere, unknown };
  std::vector<Descriptor> cull(bool kill);
  Belongs belongs(const ProcessEntry& process, const Entries& all) const;
  bool is_marked(const ProcessEntry& process) const;
  void reap(const ProcessEntry& process, bool counts);

  const std::string mark_;
  const ProcessLimits limits_;
  std::unique_ptr<Cgroup> cgroup_;
  pid_t leader_ = 0;
  std::set<pid_t> known_;  // as its own: a dead process shows no environment
  ProcessUsage usage_;
  bool ran_out_of_memory_ = false;
};

}  // namespace jobflow::worker
