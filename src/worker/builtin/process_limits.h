// What a body's processes may use, and what of it each process' own limits (setrlimit) can hold.
// Values.
#pragma once

#include "model/time.h"

#include <cstdint>
#include <sys/resource.h>
#include <vector>

namespace jobflow {
class Json;
}

namespace jobflow::worker {

struct ProcessLimits {  // 0 = none
  Span cpu;             // of each process
  std::int64_t memory_bytes = 0;
  std::int64_t files = 0;  // open at a time, of each process
  std::int64_t processes = 0;
};

// The tighter of both, field by field.
ProcessLimits tighter(const ProcessLimits& one, const ProcessLimits& other);
// The param `limits`, checked before (model/builtin_handlers.h).
ProcessLimits limits_of(const Json& params);

struct ResourceLimit {
  decltype(RLIMIT_CPU) resource{};
  rlimit values{};
};

// Whether a control group holds it for all processes together; else each process' own limit must.
struct HeldByGroup {
  bool memory = false;
  bool processes = false;
};
std::vector<ResourceLimit> resource_limits(const ProcessLimits& limits, HeldByGroup held);

}  // namespace jobflow::worker
