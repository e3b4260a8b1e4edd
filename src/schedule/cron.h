// Cron expressions: parsed once, then asked for readings of a clock (S4.2). A value; pure; knows no
// zone: schedule/timetable.h makes instants of its readings.
//
// 5 fields are Unix, 6 have the second in front, 7 the year behind. Readings are found by jumping
// fields and counted by days, never by walking seconds.
#pragma once

#include "model/outcome.h"
#include "schedule/cron_field.h"
#include "schedule/zone.h"

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::schedule {

class Cron {
 public:
  // `hash`: of the job, for H. A problem names the field, the column and the fix. What can never
  // match (`30 2 30 2 *`) is refused. Macros and a CRON_TZ prefix are split_cron's.
  static Outcome<Cron> parse(std::string_view fields, CronDialect dialect, std::uint64_t hash);

  static constexpr Reading kNone = INT64_MAX;
  // The first matching reading at or after `from` and before `end`; kNone when there is none.
  Reading next(Reading from, Reading end) const;
  // How many there are in that span.
  std::int64_t count(Reading from, Reading end) const;

  // Whether its hours are plain numbers: it means moments of a day, not every so often (S4.4).
  bool is_fixed_time() const { return hour_.is_plain; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  // For its sentence.
  const CronField& field(CronUnit unit) const;

 private:
  int next_second(int second_of_day) const;
  std::int64_t seconds_before(std::int64_t second_of_day) const;
  std::uint64_t days_of(std::int64_t year, int month) const;
  std::int64_t next_day(std::int64_t day, std::int64_t end) const;

  CronField second_, minute_, hour_, day_, month_, weekday_, year_;
  std::uint64_t seconds_ = 0, minutes_ = 0, hours_ = 0, months_ = 0;  // a bit a value
  std::vector<std::string> warnings_;
};

// An expression in its parts.
struct CronParts {
  std::string zone;       // of a CRON_TZ= or TZ= prefix; "" = none
  std::string every;      // of `@every 90s`; else:
  std::string fields;     // each at its column of the whole
  bool is_macro = false;  // so the fields are Unix
};
// Macros become the fields they stand for.
Outcome<CronParts> split_cron(std::string_view expression);
inline CronDialect dialect_of(const CronParts& parts, CronDialect stated) {
  return parts.is_macro ? CronDialect::unix_cron : stated;
}

}  // namespace jobflow::schedule
