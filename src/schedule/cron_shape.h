// What a cron expression amounts to, in no language: for its sentences. Pure.
#pragma once

#include "schedule/cron.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace jobflow::schedule {

// Values in order.
struct Series {
  std::vector<int> values;
  int step = 0;          // between neighbours; 0 = uneven, or a single one
  bool is_full = false;  // all that a clock or calendar has
  // Evenly round a whole hour or minute: 0, 15, 30, 45.
  bool is_round(int whole) const;
  // Better told by step, first and last than one by one.
  bool is_long() const { return step > 1 && values.size() >= 4; }
};
// Of a field's plain values; weekdays begin with Monday = 0.
Series series_of(const Cron& cron, CronUnit unit);

struct Times {
  enum class Kind : std::uint8_t {
    moments,  // few: `moments`
    all_day,  // every `step` seconds from `moments`' only one on, round the day
    span,     // every `step` seconds from `moments`' first to its last
    parts,    // these seconds of these minutes of these hours
  };
  Kind kind = Kind::moments;
  std::vector<int> moments;  // seconds of the day
  int step = 0;
  Series seconds, minutes, hours;
};
Times times_of(const Cron& cron);

enum class DayKind : std::uint8_t { every_day, by_day, by_weekday, by_either };
DayKind day_kind_of(const Cron& cron);

// 09:30, or 09:30:15.
std::string time_of_day(int second, bool with_seconds);

// Neighbours, three or more of them told as a range.
std::vector<std::string> items_of(const std::vector<int>& values,
                                  const std::function<std::string(int)>& one,
                                  const std::function<std::string(int, int)>& range);
// "a, b and c" of ", " and " and ".
std::string joined(const std::vector<std::string>& items, const char* comma, const char* last);

std::string english(const Cron& cron);
std::string chinese(const Cron& cron);

}  // namespace jobflow::schedule
