#include "worker/builtin/process_tree.h"

#include "worker/builtin/process_guard.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <poll.h>
#include <shared_mutex>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace jobflow::worker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kEndWait{2000};  // for killed processes to be gone
constexpr std::chrono::milliseconds kLook{20};

// Who is whose child, among all bodies of this process.
struct Family {
  std::shared_mutex mutex;  // exclusive: looking through all processes; shared: starting one
  std::mutex starting;      // guards `leaders` among those who share `mutex`
  int trees = 0;
  std::set<pid_t> leaders;  // started by us and not yet reaped
};

Family& family() {
  static Family one;
  return one;
}

Span span_of(const timeval& time) {
  return {static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_usec / 1000};
}

std::int64_t peak_of(const rusage& used) {
  return static_cast<std::int64_t>(used.ru_maxrss) * 1024;
}

void add(ProcessUsage& usage, const rusage& used) {
  usage.cpu_user = usage.cpu_user + span_of(used.ru_utime);
  usage.cpu_system = usage.cpu_system + span_of(used.ru_stime);
  usage.peak_memory_bytes = std::max(usage.peak_memory_bytes, peak_of(used));
}

// Until it has become the program, a child counts this process' memory as its own.
void forget_own_peak(rusage& used) {
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  if (used.ru_maxrss <= own.ru_maxrss) {
    used.ru_maxrss = 0;
  }
}

// Whether this process has children at all, ended or not.
bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

// Whether one of them has ended.
bool has_ended_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

// A handle of exactly this process, not of another that got its number meanwhile.
Descriptor handle_of(const ProcessEntry& process) {
  Descriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  const auto now = look_at_process(process.pid);
  if (!now || now->started != process.started) {
    handle.close();
  }
  return handle;
}

}  // namespace

ProcessTrees::ProcessTrees(const std::string& cgroup) : cgroups_(cgroup) {
  guarded_mark();  // before the next line: as a child of ours its guard would be taken for a body's
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

std::string ProcessTrees::about() const {
  return cgroups_.usable()
             ? "processes are kept in control groups below " + cgroups_.folder()
             : "processes are kept without control groups (" + cgroups_.why_not() + ")";
}

ProcessTree::ProcessTree(const ProcessTrees& trees, Id token, const ProcessLimits& limits)
    : mark_("JOBFLOW_TOKEN=" + std::to_string(token.value)),
      limits_(limits),
      cgroup_(trees.cgroups_.make(std::to_string(token.value))) {
  const std::unique_lock lock(family().mutex);
  ++family().trees;
}

ProcessTree::~ProcessTree() {
  const std::unique_lock lock(family().mutex);
  --family().trees;
}

Child ProcessTree::start(ProcessSpec spec) {
  spec.limits = resource_limits(limits_, cgroup_ ? cgroup_->hold(limits_) : HeldByGroup{});
  spec.cgroup = cgroup_ ? cgroup_->entrance() : -1;
  const std::shared_lock lock(family().mutex);
  Child child = spawn(spec);
  if (child.pid != 0) {
    leader_ = child.pid;
    const std::lock_guard held(family().starting);
    family().leaders.insert(leader_);
  }
  return child;
}

bool ProcessTree::end(int& status) {
  if (cgroup_) {
    known_.merge(cgroup_->members());
    cgroup_->end();
  }
  {
    const std::unique_lock lock(family().mutex);
    rusage used{};
    while (::wait4(leader_, &status, 0, &used) < 0 && errno == EINTR) {
    }
    family().leaders.erase(leader_);
    forget_own_peak(used);
    add(usage_, used);
  }
  const auto until = Clock::now() + kEndWait;
  std::vector<Descriptor> alive;
  while (alive = cull(true), !alive.empty() && Clock::now() < until) {
    pollfd gone{alive.front().get(), POLLIN, 0};
    ::poll(&gone, 1, static_cast<int>(kLook.count()));
  }
  if (cgroup_) {
    const GroupUsage group = cgroup_->usage();
    usage_.cpu_user = std::max(usage_.cpu_user, group.cpu_user);
    usage_.cpu_system = std::max(usage_.cpu_system, group.cpu_system);
    usage_.peak_memory_bytes = std::max(usage_.peak_memory_bytes, group.peak_memory_bytes);
    ran_out_of_memory_ = group.ran_out_of_memory;
  }
  return alive.empty();
}

void ProcessTree::tidy() {
  if (has_ended_children()) {
    cull(false);
  }
}

// Looks through the descendants of this process: reaps what has ended, kills (if so asked) what
// belongs to this tree, and answers what is alive of it.
std::vector<Descriptor> ProcessTree::cull(bool kill) {
  std::vector<Descriptor> alive;
  const std::unique_lock lock(family().mutex);
  if (!has_children()) {
    return alive;
  }
  Entries all;
  for (const ProcessEntry& process : list_processes()) {
    all.emplace(process.pid, process);
  }
  const bool alone = family().trees == 1;
  for (const auto& [pid, process] : all) {
    const Belongs belongs = this->belongs(process, all);
    const bool counts = belongs == Belongs::here;
    if (belongs == Belongs::elsewhere) {
      continue;
    }
    if (process.state == 'Z') {
      reap(process, counts);
    } else if (kill && (counts || alone)) {
      if (Descriptor handle = handle_of(process); handle.is_open()) {
        ::syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0);
        known_.insert(pid);
        alive.push_back(std::move(handle));
      }
    }
  }
  return alive;
}

// By its ancestors, up to the child of ours it stems from.
ProcessTree::Belongs ProcessTree::belongs(const ProcessEntry& process, const Entries& all) const {
  std::vector<const ProcessEntry*> line{&process};
  while (line.back()->parent != ::getpid()) {
    const auto parent = all.find(line.back()->parent);
    if (parent == all.end() || line.size() > all.size()) {
      return Belongs::elsewhere;
    }
    line.push_back(&parent->second);
  }
  // Other children of this process share its session; what a body started never does.
  const ProcessEntry& oldest = *line.back();
  if (family().leaders.contains(oldest.pid) || oldest.session == ::getsid(0)) {
    return Belongs::elsewhere;
  }
  const bool here = std::ranges::any_of(line, [this](const auto* one) { return is_marked(*one); });
  return here ? Belongs::here : Belongs::unknown;
}

bool ProcessTree::is_marked(const ProcessEntry& process) const {
  return (leader_ != 0 && process.session == leader_) || known_.contains(process.pid) ||
         has_variable(process.pid, mark_);
}

void ProcessTree::reap(const ProcessEntry& process, bool counts) {
  rusage used{};
  int status = 0;
  if (process.parent == ::getpid() && ::wait4(process.pid, &status, WNOHANG, &used) > 0 && counts) {
    add(usage_, used);
  }
}

}  // namespace jobflow::worker
