// Control groups (cgroup v2), where this worker may make some: whatever a body's processes do,
// they stay in its group, and the group is ended, counted and limited as one.
//
//   <where>/jobflow-<pid>-<n>/       the worker's, locked as long as it lives
//   <where>/jobflow-<pid>-<n>/<token>  an attempt's
//
// What a killed worker left behind is ended by the next one at its start.
#pragma once

#include "worker/builtin/process_limits.h"
#include "worker/builtin/spawn.h"

#include <memory>
#include <set>
#include <string>

namespace jobflow::worker {

// What the processes of a group have used together.
struct GroupUsage {
  Span cpu_user, cpu_system;
  std::int64_t peak_memory_bytes = 0;  // 0 = not counted
  bool ran_out_of_memory = false;      // and was killed for it
};

// Not thread-safe.
class Cgroup {
 public:
  explicit Cgroup(std::string folder);
  ~Cgroup();  // end() came before
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  bool usable() const { return entrance_.is_open(); }
  // Where a process writes 0 to enter.
  int entrance() const { return entrance_.get(); }
  HeldByGroup hold(const ProcessLimits& limits);
  std::set<pid_t> members() const;
  // Kills all that is in it and waits for that, within reason.
  void end();
  GroupUsage usage() const;  // what it was until then

 private:
  const std::string folder_;
  Descriptor entrance_;
};

// Thread-safe once made.
class Cgroups {
 public:
  // `where`: a folder of the cgroup v2 file system; "" = the group this process is in; "off".
  explicit Cgroups(const std::string& where);
  ~Cgroups();
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;

  bool usable() const { return !folder_.empty(); }
  const std::string& folder() const { return folder_; }
  const std::string& why_not() const { return why_not_; }
  // Nothing when there is none to be had.
  std::unique_ptr<Cgroup> make(const std::string& name) const;

 private:
  void settle_in(const std::string& base);

  std::string folder_;  // the worker's
  std::string why_not_;
  Descriptor lock_;
};

}  // namespace jobflow::worker
