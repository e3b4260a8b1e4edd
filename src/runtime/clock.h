// What time it is. Wall time is only for planned instants and for people to read; leases are judged
// and pauses are kept on monotonic time (house 4). No other file of the server asks the world for
// the time.
#pragma once

#include "model/time.h"

namespace jobflow::runtime {

// One look at both clocks.
struct Moment {
  Instant now;        // UTC
  Instant monotonic;  // since an arbitrary start
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual Instant monotonic() const = 0;
  Moment look() const { return {now(), monotonic()}; }
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  Instant now() const override;
  Instant monotonic() const override;
};

}  // namespace jobflow::runtime
