#include "worker/builtin/process_guard.h"

#include "worker/builtin/spawn.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <random>
#include <signal.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace jobflow::worker {
namespace {

constexpr int kLooksMax = 500;
constexpr timespec kPause{0, 10'000'000};  // between two looks

// The guard is a copy of a process that may have had many threads: until its end it may take no
// memory and no lock.

// Whether the rest of this file has those bytes.
bool has_bytes(int file, std::string_view wanted) {
  std::array<char, 16 * 1024> part;
  std::size_t kept = 0;
  while (true) {
    const ssize_t got = ::read(file, part.data() + kept, part.size() - kept);
    if (got <= 0) {
      return false;
    }
    const std::size_t filled = kept + static_cast<std::size_t>(got);
    if (std::string_view(part.data(), filled).find(wanted) != std::string_view::npos) {
      return true;
    }
    kept = std::min(filled, wanted.size() - 1);  // it may lie across two parts
    std::memmove(part.data(), part.data() + filled - kept, kept);
  }
}

// Whether that was a process with the mark; then it has been killed.
bool kill_if_marked(int proc, const char* name, std::string_view mark) {
  pid_t pid = 0;
  std::array<char, 32> path{};
  std::size_t length = 0;
  for (; name[length] != '\0'; ++length) {
    if (name[length] < '0' || name[length] > '9' || length > 16) {
      return false;
    }
    pid = pid * 10 + (name[length] - '0');
    path[length] = name[length];
  }
  std::memcpy(path.data() + length, "/environ", sizeof "/environ");
  // The handle first: the number may be another's by the time the mark is read.
  const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  const int environment = ::openat(proc, path.data(), O_RDONLY | O_CLOEXEC);
  const bool is_marked = process >= 0 && environment >= 0 && has_bytes(environment, mark) &&
                         ::syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0) == 0;
  if (environment >= 0) {
    ::close(environment);
  }
  if (process >= 0) {
    ::close(process);
  }
  return is_marked;
}

// Looks through all processes once; false when none had the mark.
bool kill_all_marked(std::string_view mark) {
  const int proc = ::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) {
    return false;
  }
  bool any = false;
  alignas(dirent64) std::array<char, 32 * 1024> part;
  for (ssize_t got = 0; (got = ::getdents64(proc, part.data(), part.size())) > 0;) {
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(part.data() + at);
      any = kill_if_marked(proc, static_cast<const char*>(entry->d_name), mark) || any;
      at += entry->d_reclen;
    }
  }
  ::close(proc);
  return any;
}

[[noreturn]] void guard(int worker, std::string_view mark) {
  // Nothing of the worker's is held open: who waits for the end of its output waits for its own.
  if (worker > 0) {
    ::close_range(0, static_cast<unsigned>(worker) - 1, 0);
  }
  ::close_range(static_cast<unsigned>(worker) + 1, ~0U, 0);
  ::prctl(PR_SET_NAME, "jobflow-guard");
  char byte = 0;
  while (::read(worker, &byte, 1) < 0 && errno == EINTR) {
  }
  // It is gone. Who forks meanwhile is found by the next look.
  for (int look = 0; look < kLooksMax && kill_all_marked(mark); ++look) {
    ::nanosleep(&kPause, nullptr);
  }
  ::_exit(0);
}

// Its own child's child, in a session of its own: no child of the worker, out of a terminal's
// reach. With all signals blocked, for it must outlive an orderly stop that tells everybody.
void start_guard(const std::string& mark) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return;  // then nobody guards; the worker does what it can as long as it lives
  }
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t between = ::fork();
  if (between == 0) {
    ::setsid();
    if (::fork() != 0) {
      ::_exit(0);
    }
    ::close(ends[1]);
    guard(ends[0], mark);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(ends[0]);  // the other end stays open as long as this process lives
  while (between > 0 && ::waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
}

GuardedMark begin_guard() {
  std::random_device random;
  const std::uint64_t value = (std::uint64_t{random()} << 32) | random();
  GuardedMark mark{"JOBFLOW_BODY_OF", std::to_string(::getpid()) + "-" + std::to_string(value)};
  start_guard(mark.name + "=" + mark.value);
  return mark;
}

}  // namespace

const GuardedMark& guarded_mark() {
  static const GuardedMark mark = begin_guard();
  return mark;
}

}  // namespace jobflow::worker
