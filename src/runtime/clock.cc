#include "runtime/clock.h"

#include <chrono>

namespace jobflow::runtime {
namespace {

template <class ClockType>
Instant read() {
  const auto since = ClockType::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

}  // namespace

Instant SystemClock::now() const {
  return read<std::chrono::system_clock>();
}

Instant SystemClock::monotonic() const {
  return read<std::chrono::steady_clock>();
}

}  // namespace jobflow::runtime
