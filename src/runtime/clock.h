// What time it is. Wall time is only for planned instants and for people to read; leases are judged
// on monotonic time (house 4). No other file of the server asks the world for the time.
#pragma once

#include "model/time.h"

namespace jobflow::runtime {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;        // UTC
  virtual Instant monotonic() const = 0;  // since an arbitrary start
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  Instant now() const override;
  Instant monotonic() const override;
};

}  // namespace jobflow::runtime
