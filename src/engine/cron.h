// Cron expressions: parsed once, then asked for instants (S4.2). A value; pure.
//
// Today: 5 fields (Unix) and 6 (leading seconds), UTC, operators * , - /, names, ?, and macros.
// Instants are found by jumping fields and counted by days, never by walking seconds.
#pragma once

#include "model/outcome.h"
#include "model/time.h"

#include <cstdint>
#include <string_view>

namespace jobflow::engine {

class Cron {
 public:
  // A problem names the field, the position and the fix. Expressions that can never match
  // (`30 2 30 2 *`) are refused.
  static Outcome<Cron> parse(std::string_view expression);

  // The first matching instant strictly after `instant`; kNever when none is left before 2100.
  Instant next_after(Instant instant) const;
  // The last matching instant after `from` and before `end`; `from` when there is none.
  Instant last_between(Instant from, Instant end) const;
  // How many there are after `from` and before `end`.
  std::int64_t count_between(Instant from, Instant end) const;

 private:
  int next_second(int second_of_day) const;
  std::int64_t seconds_before(std::int64_t second_of_day) const;
  std::uint64_t days_of(std::int64_t year, int month) const;
  std::int64_t next_day(std::int64_t day) const;

  // A bit a value that matches.
  std::uint64_t seconds_ = 1;
  std::uint64_t minutes_ = 0;
  std::uint64_t hours_ = 0;
  std::uint64_t days_ = 0;      // 1-31
  std::uint64_t months_ = 0;    // 1-12
  std::uint64_t weekdays_ = 0;  // 0 = Sunday
  bool day_restricted_ = false;
  bool weekday_restricted_ = false;
};

}  // namespace jobflow::engine
