#include "model/crash_point.h"

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace jobflow::crash_points {

std::atomic<const char*> armed{std::getenv("JOBFLOW_CRASH_AT")};

std::atomic<void (*)(const char* name)> listener{nullptr};

void passing(const char* name) {
  if (const auto listens = listener.load(std::memory_order_relaxed)) {
    listens(name);
    return;
  }
  static std::atomic<int> passed{0};
  std::string_view wanted = armed.load(std::memory_order_relaxed);
  int count = 1;
  if (const auto colon = wanted.find(':'); colon != std::string_view::npos) {
    std::from_chars(wanted.data() + colon + 1, wanted.data() + wanted.size(), count);
    wanted = wanted.substr(0, colon);
  }
  if (wanted == name && passed.fetch_add(1, std::memory_order_relaxed) + 1 == count) {
    std::raise(SIGKILL);
  }
}

}  // namespace jobflow::crash_points
