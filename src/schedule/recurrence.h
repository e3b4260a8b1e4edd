// The recurrence rule of iCalendar (RFC 5545, 3.3.10): on which days a series of events falls.
// Whole days only: what recurs more than once a day is refused, as are BYYEARDAY and BYWEEKNO.
// A value; pure.
#pragma once

#include "model/outcome.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::schedule {

struct Recurrence {
  enum class Frequency : std::uint8_t { daily, weekly, monthly, yearly };
  struct Weekday {
    int day = 0;  // 0 = Sunday
    int nth = 0;  // of the month or year; from its end when negative; 0 = each
  };

  Frequency frequency = Frequency::daily;
  int interval = 1;
  int count = 0;      // 0 = no bound
  std::string until;  // as written; "" = no bound
  std::vector<Weekday> weekdays;
  std::vector<int> month_days;  // from the month's end when negative
  std::uint32_t months = 0;     // a bit each, 1-12; 0 = all
  std::vector<int> positions;   // among the days of one period; from the last when negative
  int week_start = 1;
};

Outcome<Recurrence> parse_recurrence(std::string_view text);

// Visits the days (since 1970) before `end` in order, `start` first, which always counts; until
// the rule or the visitor (by false) ends it. Each day looked at is taken from `budget`; false: it
// was used up.
bool walk(const Recurrence& rule,
          std::int64_t start,
          std::int64_t end,
          std::int64_t& budget,
          const std::function<bool(std::int64_t day)>& visit);

}  // namespace jobflow::schedule
