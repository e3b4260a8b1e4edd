#include "worker/builtin/cgroup.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace jobflow::worker {
namespace {

constexpr std::string_view kMark = "jobflow-";
constexpr std::chrono::milliseconds kEndWait{2000};  // for killed processes to be gone
constexpr std::chrono::milliseconds kLook{20};
constexpr int kTries = 100;

std::string read_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool write_text(const std::string& path, std::string_view text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.is_open() &&
         ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// "name 12" among the lines of a flat keyed file.
std::int64_t value_of(const std::string& path, std::string_view name) {
  std::istringstream lines(read_text(path));
  std::string key;
  std::int64_t value = 0;
  while (lines >> key >> value) {
    if (key == name) {
      return value;
    }
  }
  return 0;
}

// Where cgroup v2 is mounted and which of it this process is in; "" when it is not.
std::string own_folder() {
  std::string root;
  std::istringstream mounts(read_text("/proc/self/mounts"));
  for (std::string device, folder, type, rest; mounts >> device >> folder >> type;) {
    std::getline(mounts, rest);
    if (type == "cgroup2") {
      root = folder;
      break;
    }
  }
  std::istringstream groups(read_text("/proc/self/cgroup"));
  for (std::string line; !root.empty() && std::getline(groups, line);) {
    if (line.starts_with("0::/")) {
      std::string folder = root + line.substr(3);
      folder.erase(folder.find_last_not_of('/') + 1);
      return folder;
    }
  }
  return "";
}

// Its children can be given limits where the system lets us; where it does not, they have none.
void pass_controllers_on(const std::string& folder) {
  for (const char* controller : {"+memory", "+pids"}) {
    write_text(folder + "/cgroup.subtree_control", controller);
  }
}

std::vector<std::string> groups_in(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
  while (const dirent* entry = open ? ::readdir(open.get()) : nullptr) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (entry->d_type == DT_DIR && name != "." && name != "..") {
      names.push_back(folder + "/" + name);
    }
  }
  return names;
}

Descriptor lock_folder(const std::string& folder) {
  Descriptor open(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (open.is_open() && ::flock(open.get(), LOCK_EX | LOCK_NB) != 0) {
    open.close();
  }
  return open;
}

// Nobody else took it for a dead worker's between its making and its locking.
bool is_still(const std::string& folder, const Descriptor& open) {
  struct stat now{}, then{};
  return ::stat(folder.c_str(), &now) == 0 && ::fstat(open.get(), &then) == 0 &&
         now.st_ino == then.st_ino;
}

void end_group(const std::string& folder) {
  const Descriptor events(::open((folder + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  write_text(folder + "/cgroup.kill", "1");
  const auto until = std::chrono::steady_clock::now() + kEndWait;
  while (value_of(folder + "/cgroup.events", "populated") != 0 &&
         std::chrono::steady_clock::now() < until) {
    pollfd changed{events.get(), POLLPRI, 0};
    ::poll(&changed, 1, static_cast<int>(kLook.count()));
  }
}

void end_groups_of_dead_workers(const std::string& where) {
  for (const std::string& folder : groups_in(where)) {
    if (folder.compare(where.size() + 1, kMark.size(), kMark) != 0) {
      continue;
    }
    if (const Descriptor lock = lock_folder(folder); lock.is_open()) {
      for (const std::string& attempt : groups_in(folder)) {
        end_group(attempt);
        ::rmdir(attempt.c_str());
      }
      ::rmdir(folder.c_str());
    }
  }
}

}  // namespace

Cgroup::Cgroup(std::string folder) : folder_(std::move(folder)) {
  if (::mkdir(folder_.c_str(), 0755) == 0) {
    entrance_ = Descriptor(::open((folder_ + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  }
}

Cgroup::~Cgroup() {
  ::rmdir(folder_.c_str());
}

HeldByGroup Cgroup::hold(const ProcessLimits& limits) {
  HeldByGroup held;
  if (limits.memory_bytes > 0) {
    held.memory = write_text(folder_ + "/memory.max", std::to_string(limits.memory_bytes));
    write_text(folder_ + "/memory.swap.max", "0");
    write_text(folder_ + "/memory.oom.group", "1");
  }
  if (limits.processes > 0) {
    held.processes = write_text(folder_ + "/pids.max", std::to_string(limits.processes));
  }
  return held;
}

std::set<pid_t> Cgroup::members() const {
  std::set<pid_t> all;
  std::istringstream pids(read_text(folder_ + "/cgroup.procs"));
  for (pid_t pid = 0; pids >> pid;) {
    all.insert(pid);
  }
  return all;
}

void Cgroup::end() {
  end_group(folder_);
}

GroupUsage Cgroup::usage() const {
  GroupUsage usage;
  const std::string cpu = folder_ + "/cpu.stat";
  usage.cpu_user = Span{value_of(cpu, "user_usec") / 1000};
  usage.cpu_system = Span{value_of(cpu, "system_usec") / 1000};
  const std::string peak = read_text(folder_ + "/memory.peak");
  std::from_chars(peak.data(), peak.data() + peak.size(), usage.peak_memory_bytes);
  usage.ran_out_of_memory = value_of(folder_ + "/memory.events", "oom_kill") > 0;
  return usage;
}

Cgroups::Cgroups(const std::string& where) {
  const std::string base = where.empty() ? own_folder() : where;
  if (where == "off") {
    why_not_ = "it is off";
  } else if (base.empty() || !exists(base + "/cgroup.controllers")) {
    why_not_ = base.empty() ? "there is no cgroup v2 here" : base + " is no cgroup v2";
  } else if (::access((base + "/cgroup.procs").c_str(), W_OK) != 0) {
    why_not_ = base + " is not this worker's to divide";
  } else {
    settle_in(base);
  }
}

void Cgroups::settle_in(const std::string& base) {
  end_groups_of_dead_workers(base);
  pass_controllers_on(base);
  std::string folder;
  for (int n = 1; n <= kTries && !lock_.is_open(); ++n) {
    folder = base + "/" + std::string(kMark) + std::to_string(::getpid()) + "-" + std::to_string(n);
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
      why_not_ = "cannot make a group in " + base + ": " + std::strerror(errno);
      return;
    }
    lock_ = lock_folder(folder);
    if (lock_.is_open() && !is_still(folder, lock_)) {
      lock_.close();
    }
  }
  if (read_text(folder + "/cgroup.type") != "domain\n" || !exists(folder + "/cgroup.kill")) {
    why_not_ = "a group in " + base + " cannot hold and kill processes";
    ::rmdir(folder.c_str());
    return;
  }
  pass_controllers_on(folder);
  folder_ = folder;
}

Cgroups::~Cgroups() {
  if (usable()) {
    ::rmdir(folder_.c_str());
  }
}

std::unique_ptr<Cgroup> Cgroups::make(const std::string& name) const {
  if (!usable()) {
    return nullptr;
  }
  auto group = std::make_unique<Cgroup>(folder_ + "/" + name);
  return group->usable() ? std::move(group) : nullptr;
}

}  // namespace jobflow::worker
