// Whether ends come so fast that gathering them into larger messages pays: more than 20 in the
// last whole millisecond. Below that each end leaves at once. Pure; not thread-safe.
#pragma once

#include "worker/body.h"

namespace jobflow::worker {

class Pace {
 public:
  void count(MonotonicTime now) {
    if (now - window_ >= kWindow) {
      last_count_ = now - window_ < 2 * kWindow ? count_ : 0;
      window_ = now;
      count_ = 0;
    }
    ++count_;
  }
  bool is_flood(MonotonicTime now) const {
    return last_count_ > kFlood && now - window_ < 2 * kWindow;
  }

 private:
  static constexpr std::chrono::milliseconds kWindow{1};
  static constexpr int kFlood = 20;
  MonotonicTime window_{};
  int count_ = 0;
  int last_count_ = 0;
};

}  // namespace jobflow::worker
