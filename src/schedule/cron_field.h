// One field of a cron expression, read into the set of values that match (S4.2). Pure.
#pragma once

#include "model/outcome.h"
#include "model/schedule.h"

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::schedule {

inline constexpr int kFirstYear = 1970;
inline constexpr int kLastYear = 2099;

// A piece of the expression, and the column (from 1) where it stands.
struct CronText {
  std::string_view text;
  int column = 1;
};

enum class CronUnit : std::uint8_t { second, minute, hour, day, month, weekday, year };

struct CronField {
  // By value; years from kFirstYear on; weekdays with 0 = Sunday, whatever the dialect.
  std::bitset<kLastYear - kFirstYear + 1> values;
  bool is_open = false;      // exactly `*` or `?`: it restricts nothing
  bool is_question = false;  // `?`
  bool is_plain = true;      // every item a plain number (or a lone H): fixed-time (S4.4)

  // Days: bit n of `before_last` is L-n; bit n of `near` is nW; bit n of `near_last` is L-nW.
  std::uint64_t before_last = 0, near = 0, near_last = 0;
  // Weekdays: bit d of `last` is the month's last d; bit d of `nth[n]` is the n-th d.
  std::uint8_t last = 0;
  std::array<std::uint8_t, 6> nth{};
};

// What the reader of a field must know beyond it.
struct CronReading {
  CronDialect dialect = CronDialect::by_fields;
  bool has_seconds = false;           // 6 or 7 fields
  std::uint64_t hash = 0;             // of the job, for H
  std::string wrong;                  // of the first field that is wrong: why, where, and the fix
  std::vector<std::string> warnings;  // it can be read, but may not mean what it seems to
};

CronField read_cron_field(CronUnit unit, CronText field, CronReading& reading);

}  // namespace jobflow::schedule
