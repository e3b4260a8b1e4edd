#include "app/signals.h"

#include "model/check.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace jobflow::app {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void ignore_sigpipe() {
  struct sigaction action{};
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

StopSignals::StopSignals() {
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  raised_ = ::eventfd(0, EFD_CLOEXEC);
  check(signals_ >= 0 && raised_ >= 0, "the kernel gives a signalfd and an eventfd");
}

StopSignals::~StopSignals() {
  ::close(signals_);
  ::close(raised_);
}

int StopSignals::wait() {
  for (;;) {
    pollfd either[] = {{signals_, POLLIN, 0}, {raised_, POLLIN, 0}};
    if (::poll(either, 2, -1) < 0 && errno != EINTR) {
      return 0;
    }
    if ((either[0].revents & POLLIN) != 0) {
      signalfd_siginfo info{};
      if (::read(signals_, &info, sizeof info) == sizeof info) {
        return static_cast<int>(info.ssi_signo);
      }
    }
    if ((either[1].revents & POLLIN) != 0) {
      return 0;
    }
  }
}

void StopSignals::raise() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(raised_, &one, sizeof one);
}

void StopSignals::deadly_from_now_on() {
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace jobflow::app
