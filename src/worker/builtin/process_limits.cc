#include "worker/builtin/process_limits.h"

#include "model/size.h"

#include <jobflow/json.h>

#include <algorithm>

namespace jobflow::worker {
namespace {

constexpr rlim_t kFilesUsual = 1024;       // more break programs that use select()
constexpr std::int64_t kCpuLastWords = 2;  // seconds between SIGXCPU and SIGKILL

std::int64_t tighter_of(std::int64_t one, std::int64_t other) {
  return one == 0 || other == 0 ? std::max(one, other) : std::min(one, other);
}

const Json* given(const Json& object, std::string_view name) {
  const Json* value = object.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

// Never above what this process may hand on.
rlimit within_own(decltype(RLIMIT_CPU) resource, rlim_t soft, rlim_t hard) {
  rlimit own{};
  ::getrlimit(resource, &own);
  const rlim_t highest = std::min(hard, own.rlim_max);
  return {std::min(soft, highest), highest};
}

}  // namespace

ProcessLimits tighter(const ProcessLimits& one, const ProcessLimits& other) {
  return {.cpu = {tighter_of(one.cpu.ms, other.cpu.ms)},
          .memory_bytes = tighter_of(one.memory_bytes, other.memory_bytes),
          .files = tighter_of(one.files, other.files),
          .processes = tighter_of(one.processes, other.processes)};
}

ProcessLimits limits_of(const Json& params) {
  ProcessLimits limits;
  const Json* given_limits = given(params, "limits");
  if (given_limits == nullptr) {
    return limits;
  }
  if (const Json* cpu = given(*given_limits, "cpu")) {
    limits.cpu = cpu->is_string() ? parse_span(cpu->as_string()).value() : Span{cpu->as_int()};
  }
  if (const Json* memory = given(*given_limits, "memory")) {
    limits.memory_bytes =
        memory->is_string() ? parse_size(memory->as_string()).value() : memory->as_int();
  }
  if (const Json* files = given(*given_limits, "files")) {
    limits.files = files->as_int();
  }
  if (const Json* processes = given(*given_limits, "processes")) {
    limits.processes = processes->as_int();
  }
  return limits;
}

std::vector<ResourceLimit> resource_limits(const ProcessLimits& limits, HeldByGroup held) {
  std::vector<ResourceLimit> all;
  const auto limit = [&all](decltype(RLIMIT_CPU) resource, rlim_t soft, rlim_t hard) {
    all.push_back({resource, within_own(resource, soft, hard)});
  };
  limit(RLIMIT_CORE, 0, RLIM_INFINITY);  // a body that wants a dump can raise it
  if (limits.files > 0) {
    const auto files = static_cast<rlim_t>(limits.files);
    limit(RLIMIT_NOFILE, files, files);
  } else {
    limit(RLIMIT_NOFILE, kFilesUsual, RLIM_INFINITY);
  }
  if (limits.cpu.ms > 0) {
    const std::int64_t seconds = (limits.cpu.ms + 999) / 1000;
    limit(RLIMIT_CPU, static_cast<rlim_t>(seconds), static_cast<rlim_t>(seconds + kCpuLastWords));
  }
  if (limits.memory_bytes > 0 && !held.memory) {
    // Not RLIMIT_AS: address space that is only reserved (as Go and Java do) is no memory used.
    const auto bytes = static_cast<rlim_t>(limits.memory_bytes);
    limit(RLIMIT_DATA, bytes, bytes);
  }
  if (limits.processes > 0 && !held.processes) {
    const auto processes = static_cast<rlim_t>(limits.processes);
    limit(RLIMIT_NPROC, processes, processes);  // counts all of its user; root it does not bind
  }
  return all;
}

}  // namespace jobflow::worker
