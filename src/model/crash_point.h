// Named places where a test kills this process, to see what the disk remembers (S1.5).
// JOBFLOW_CRASH_AT=name dies at the first passing, name:3 at the third. Thread-safe; without the
// variable a passing costs one load. The simulator listens instead (listener): there a simulated
// process dies, at fault points too, which a single server's load may never pass.
#pragma once

#include <atomic>

namespace jobflow {

namespace crash_points {
// Null when nothing is armed. Read from the environment once, before main().
extern std::atomic<const char*> armed;
void passing(const char* name);
// Told of each passing while something is armed; then nothing dies here.
extern std::atomic<void (*)(const char* name)> listener;
}  // namespace crash_points

// Raises SIGKILL when `name` is the armed point and its count has come.
inline void crash_point(const char* name) {
  if (crash_points::armed.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
    crash_points::passing(name);
  }
}
inline void fault_point(const char* name) {
  crash_point(name);
}

}  // namespace jobflow
