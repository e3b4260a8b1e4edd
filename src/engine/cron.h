// Cron expressions: parsed once, then asked for the next instant (S4.2). A value; pure.
//
// Today: 5 fields (Unix) and 6 (leading seconds), UTC, operators * , - /, names, ?, and macros.
// The next instant is found by jumping fields, never by walking seconds.
#pragma once

#include <array>
#include <bitset>
#include <string_view>

#include "model/outcome.h"
#include "model/time.h"

namespace jobflow::engine {

class Cron {
 public:
  // A problem names the field, the position and the fix. Expressions that can never match
  // (`30 2 30 2 *`) are refused.
  static Outcome<Cron> parse(std::string_view expression);

  // The first matching instant strictly after `instant`; kNever when none is left before 2100.
  Instant next_after(Instant instant) const;

 private:
  std::bitset<60> seconds_, minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;    // 1-31
  std::bitset<13> months_;  // 1-12
  std::bitset<7> weekdays_; // 0 = Sunday
  bool day_restricted_ = false;
  bool weekday_restricted_ = false;
};

}  // namespace jobflow::engine
