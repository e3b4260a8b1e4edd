#include "tools/sim/quiet.h"

#include "tools/sim/command.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

namespace jobflow::sim {
namespace {

// Written before a crash, read in its signal handler.
std::array<char, 256> note;
int loud = -1;  // the real stderr
int kept = -1;  // what was said instead
constexpr off_t kKeptBytes = 1 << 16;

void put(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(to, text.data(), text.size());
    if (wrote <= 0) {
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

void crashed(int) {
  std::array<char, 2000> end{};
  const off_t size = ::lseek(kept, 0, SEEK_END);
  const off_t from = size > 2000 ? size - 2000 : 0;
  const ssize_t got = ::pread(kept, end.data(), end.size(), from);
  put(loud, "the program crashes; the last it said:\n");
  put(loud, {end.data(), got > 0 ? static_cast<std::size_t>(got) : 0});
  put(loud, "\n  replay it: ");
  put(loud, note.data());
  put(loud, "\n");
  ::_exit(kCrash);
}

}  // namespace

Quiet::Quiet() {
  std::fflush(stderr);
  loud = ::dup(STDERR_FILENO);
  kept = ::memfd_create("said", MFD_CLOEXEC);
  ::dup2(kept, STDERR_FILENO);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    std::signal(signal, crashed);
  }
}

Quiet::~Quiet() {
  std::fflush(stderr);
  ::dup2(loud, STDERR_FILENO);
  ::close(loud);
  ::close(kept);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    std::signal(signal, SIG_DFL);
  }
}

void crash_note(const std::string& replay) {
  std::snprintf(note.data(), note.size(), "%s", replay.c_str());
  if (kept >= 0 && ::lseek(kept, 0, SEEK_CUR) > kKeptBytes) {
    std::fflush(stderr);
    if (::ftruncate(kept, 0) == 0) {
      ::lseek(kept, 0, SEEK_SET);
    }
  }
}

}  // namespace jobflow::sim
