#include "worker/builtin/spawn.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace jobflow::worker {
namespace {

constexpr int kStdDescriptors = 3;

struct Pipe {
  Descriptor read, write;
};

// Both ends above stdin, stdout and stderr, and closed on exec.
bool open_pipe(Pipe& pipe) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return false;
  }
  pipe.read = Descriptor(ends[0]);
  pipe.write = Descriptor(ends[1]);
  for (Descriptor* end : {&pipe.read, &pipe.write}) {
    if (end->get() < kStdDescriptors) {
      *end = Descriptor(::fcntl(end->get(), F_DUPFD_CLOEXEC, kStdDescriptors));
    }
  }
  return pipe.read.is_open() && pipe.write.is_open();
}

void do_not_block(const Descriptor& end) {
  ::fcntl(end.get(), F_SETFL, ::fcntl(end.get(), F_GETFL) | O_NONBLOCK);
}

enum class Step : std::uint8_t { cgroup, limits, user, folder, program, other };

struct Failure {
  Step step;
  int error;
};

// All the child needs, prepared before it exists: it shares our memory and may only call the
// system until it has become the program.
struct Plan {
  const char* program;
  char** arguments;
  char** environment;
  const char* folder;  // nullptr = stay
  int in, out, err, failures;
  int cgroup;  // -1 = stay
  const std::vector<ResourceLimit>& limits;
  const ProcessUser& user;
  pid_t parent;
};

[[noreturn]] void fail_child(const Plan& plan, Step step) {
  const Failure failure{step, errno};
  [[maybe_unused]] const ssize_t written = ::write(plan.failures, &failure, sizeof failure);
  ::_exit(127);
}

void enter_cgroup(const Plan& plan) {
  if (plan.cgroup >= 0 && ::write(plan.cgroup, "0", 1) != 1) {
    fail_child(plan, Step::cgroup);
  }
}

void take_limits(const Plan& plan) {
  for (const ResourceLimit& limit : plan.limits) {
    if (::syscall(SYS_setrlimit, limit.resource, &limit.values) != 0) {
      fail_child(plan, Step::limits);
    }
  }
}

// Not by the library's functions: those would change all threads of the worker, too.
void become_user(const Plan& plan) {
  const ProcessUser& user = plan.user;
  if (!user.is_own && (::syscall(SYS_setgroups, user.groups.size(), user.groups.data()) != 0 ||
                       ::syscall(SYS_setresgid, user.gid, user.gid, user.gid) != 0 ||
                       ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) != 0)) {
    fail_child(plan, Step::user);
  }
}

[[noreturn]] void become(const Plan& plan) {
  if (::setsid() < 0) {
    fail_child(plan, Step::other);
  }
  enter_cgroup(plan);
  take_limits(plan);
  become_user(plan);
  // Only now: a change of user would undo it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    fail_child(plan, Step::other);
  }
  if (::getppid() != plan.parent) {
    ::_exit(127);  // the worker died meanwhile
  }
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    ::sigaction(signal, &action, nullptr);  // fails for KILL and STOP, which is well
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(plan.in, 0) < 0 || ::dup2(plan.out, 1) < 0 || ::dup2(plan.err, 2) < 0) {
    fail_child(plan, Step::other);
  }
  ::close_range(kStdDescriptors, ~0U, CLOSE_RANGE_CLOEXEC);
  if (plan.folder != nullptr && ::chdir(plan.folder) != 0) {
    fail_child(plan, Step::folder);
  }
  ::execve(plan.program, plan.arguments, plan.environment);
  fail_child(plan, Step::program);
}

// The caller's signals are blocked: until it execs, the child would run our handlers.
pid_t start(const Plan& plan) {
  // vfork: no copy of a large worker's page tables; the thread waits until the exec.
  const pid_t pid = ::vfork();
  if (pid == 0) {
    become(plan);
  }
  return pid;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    result.push_back(const_cast<char*>(text.c_str()));
  }
  result.push_back(nullptr);
  return result;
}

std::string explain(const Failure& failure, const ProcessSpec& spec) {
  const std::string why = std::strerror(failure.error);
  switch (failure.step) {
    case Step::folder:
      return "cannot start in folder '" + spec.folder + "': " + why;
    case Step::program:
      return "cannot run '" + spec.program + "': " + why;
    case Step::cgroup:
      return "cannot enter the control group: " + why;
    case Step::limits:
      return "cannot set the limits: " + why;
    case Step::user:
      return "cannot become the user '" + spec.user.name + "': " + why;
    case Step::other:
      break;
  }
  return "cannot start a process: " + why;
}

}  // namespace

void Descriptor::close() {
  if (number_ >= 0) {
    ::close(std::exchange(number_, -1));
  }
}

Child spawn(const ProcessSpec& spec) {
  Child child;
  Pipe in, out, err, failures;
  if (!open_pipe(in) || !open_pipe(out) || !open_pipe(err) || !open_pipe(failures)) {
    child.trouble = std::string("cannot open pipes: ") + std::strerror(errno);
    return child;
  }
  std::vector<char*> arguments = pointers(spec.arguments);
  std::vector<char*> environment = pointers(spec.environment);
  const Plan plan{spec.program.c_str(),
                  arguments.data(),
                  environment.data(),
                  spec.folder.empty() ? nullptr : spec.folder.c_str(),
                  in.read.get(),
                  out.write.get(),
                  err.write.get(),
                  failures.write.get(),
                  spec.cgroup,
                  spec.limits,
                  spec.user,
                  ::getpid()};
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = start(plan);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    child.trouble = explain({Step::other, error}, spec);
    return child;
  }
  failures.write.close();
  Failure failure{};
  if (::read(failures.read.get(), &failure, sizeof failure) == sizeof failure) {
    ::waitpid(pid, nullptr, 0);
    child.trouble = explain(failure, spec);
    return child;
  }
  child.pid = pid;
  child.in = std::move(in.write);
  child.out = std::move(out.read);
  child.err = std::move(err.read);
  for (const Descriptor* end : {&child.in, &child.out, &child.err}) {
    do_not_block(*end);
  }
  return child;
}

}  // namespace jobflow::worker
