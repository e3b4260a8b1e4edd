// Named places where a test kills this process, to see what the disk remembers (S1.5).
// JOBFLOW_CRASH_AT=name dies at the first passing, name:3 at the third. Thread-safe; without the
// variable a passing costs one load.
#pragma once

#include <atomic>

namespace jobflow {

namespace crash_points {
// Null when nothing is armed. Read from the environment once, before main().
extern std::atomic<const char*> armed;
void passing(const char* name);
}  // namespace crash_points

// Raises SIGKILL when `name` is the armed point and its count has come.
inline void crash_point(const char* name) {
  if (crash_points::armed.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
    crash_points::passing(name);
  }
}

}  // namespace jobflow
