// The machine's processes as /proc shows them at a moment. Values; thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace jobflow::worker {

struct ProcessEntry {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t session = 0;
  char state = '?';           // Z: ended, not yet reaped
  std::uint64_t started = 0;  // with the pid it names a process for good
};

std::vector<ProcessEntry> list_processes();
std::optional<ProcessEntry> look_at_process(pid_t pid);
// Whether the environment it was started with has this "NAME=value".
bool has_variable(pid_t pid, std::string_view variable);

}  // namespace jobflow::worker
