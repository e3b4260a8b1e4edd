#include "tools/conformance/candidate.h"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdexcept>
#include <string_view>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace jobflow::conformance {
namespace {

std::vector<std::string> environment(const std::string& server) {
  std::vector<std::string> words;
  for (char** word = environ; *word != nullptr; ++word) {
    if (!std::string_view(*word).starts_with("JOBFLOW_")) {
      words.emplace_back(*word);
    }
  }
  words.push_back("JOBFLOW_SERVER=" + server);
  words.push_back(std::string("JOBFLOW_TOKEN=") + Candidate::kToken);
  return words;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> found;
  for (std::string& word : words) {
    found.push_back(word.data());
  }
  found.push_back(nullptr);
  return found;
}

// In the child: other threads of the parent may have held locks, so system calls only.
[[noreturn]] void become(char** command, char** words, int input, int output, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) {
    ::_exit(127);  // it died before the line above
  }
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::close_range(STDERR_FILENO + 1, ~0U, 0);  // our port is not theirs to keep open
  ::execvpe(command[0], command, words);
  constexpr std::string_view kTrouble = "the command cannot be started\n";
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, kTrouble.data(), kTrouble.size());
  ::_exit(127);
}

// The group that an interrupt takes along; 0 = none.
std::atomic<pid_t> live_group{0};

void on_interrupt(int number) {
  if (const pid_t group = live_group.load(); group > 0) {
    ::kill(-group, SIGKILL);
  }
  ::_exit(128 + number);
}

}  // namespace

void Candidate::end_with_us() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Candidate::Candidate(std::vector<std::string> command,
                     const std::string& server,
                     const std::string& words) {
  std::vector<std::string> settings = environment(server);
  const std::vector<char*> arguments = pointers(command);
  const std::vector<char*> variables = pointers(settings);
  const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int output = ::open(words.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (input < 0 || output < 0) {
    throw std::system_error(errno, std::generic_category(), words);
  }
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    become(const_cast<char**>(arguments.data()), const_cast<char**>(variables.data()), input,
           output, parent);
  }
  ::close(input);
  ::close(output);
  if (pid_ < 0) {
    throw std::system_error(errno, std::generic_category(), "fork");
  }
  ::setpgid(pid_, pid_);  // whoever comes first
  live_group.store(pid_);
}

Candidate::~Candidate() {
  live_group.store(0);
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Candidate::send_signal(int number) const {
  ::kill(pid_, number);
}

int Candidate::exit_code(std::chrono::milliseconds at_most) {
  pollfd end{.fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), .events = POLLIN};
  if (end.fd < 0) {
    throw std::system_error(errno, std::generic_category(), "pidfd_open");
  }
  const int ready = ::poll(&end, 1, static_cast<int>(at_most.count()));
  ::close(end.fd);
  if (ready <= 0) {
    throw std::runtime_error("its process goes on");
  }
  siginfo_t status{};
  // It stays a zombie, so that its group's number is nobody else's before ~Candidate.
  ::waitid(P_PID, static_cast<id_t>(pid_), &status, WEXITED | WNOWAIT);
  return status.si_code == CLD_EXITED ? status.si_status : 128 + status.si_status;
}

}  // namespace jobflow::conformance
