#include "schedule/cron_shape.h"

#include <algorithm>
#include <array>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr int kDaySeconds = 86'400;
constexpr std::size_t kFewMoments = 3;   // told one by one, evenly spaced or not
constexpr std::size_t kSomeMoments = 6;  // the same, where the hours are written one by one
constexpr std::size_t kMoments = 8;      // told one by one when they are uneven

struct Bounds {
  int least;
  int most;
};
// By CronUnit; weekdays with Monday = 0.
constexpr std::array<Bounds, 7> kBounds{
    {{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}, {kFirstYear, kLastYear}}};

int step_of(const std::vector<int>& values) {
  const int step = values.size() < 2 ? 0 : values[1] - values[0];
  const auto uneven =
      std::ranges::adjacent_find(values, [&](int one, int next) { return next - one != step; });
  return uneven == values.end() ? step : 0;
}

std::size_t position_of(CronUnit unit, int value) {
  if (unit == CronUnit::weekday) {
    return static_cast<std::size_t>((value + 1) % 7);
  }
  return static_cast<std::size_t>(unit == CronUnit::year ? value - kFirstYear : value);
}

}  // namespace

bool Series::is_round(int whole) const {
  return is_full ||
         (step > 0 && values.front() == 0 && static_cast<int>(values.size()) * step == whole);
}

Series series_of(const Cron& cron, CronUnit unit) {
  const auto [least, most] = kBounds.at(static_cast<std::size_t>(unit));
  Series series;
  for (int value = least; value <= most; ++value) {
    if (cron.field(unit).values.test(position_of(unit, value))) {
      series.values.push_back(value);
    }
  }
  series.step = step_of(series.values);
  series.is_full = static_cast<int>(series.values.size()) == most - least + 1;
  return series;
}

Times times_of(const Cron& cron) {
  Times times;
  times.seconds = series_of(cron, CronUnit::second);
  times.minutes = series_of(cron, CronUnit::minute);
  times.hours = series_of(cron, CronUnit::hour);
  std::vector<int> all;
  for (const int hour : times.hours.values) {
    for (const int minute : times.minutes.values) {
      for (const int second : times.seconds.values) {
        all.push_back(hour * 3600 + minute * 60 + second);
      }
    }
  }
  const std::size_t count = all.size();
  times.step = step_of(all);
  const bool is_round = times.step > 0 && static_cast<int>(count) * times.step == kDaySeconds;
  const bool is_plain = cron.is_fixed_time() && (times.step == 0 || times.step >= 60);
  const std::size_t few = is_plain ? kSomeMoments : is_round ? 1 : kFewMoments - 1;
  if (count <= few || (count <= kMoments && times.step == 0)) {
    times.moments = std::move(all);
  } else if (is_round) {
    times.kind = Times::Kind::all_day;
    times.moments = {all.front()};
    if (all.front() != 0 && times.step != 3600 && times.step != 60) {
      times.kind = Times::Kind::span;
      times.moments.push_back(all.back());
    }
  } else if (times.step != 0) {
    times.kind = Times::Kind::span;
    times.moments = {all.front(), all.back()};
  } else {
    times.kind = Times::Kind::parts;
  }
  return times;
}

DayKind day_kind_of(const Cron& cron) {
  const CronField& day = cron.field(CronUnit::day);
  const CronField& weekday = cron.field(CronUnit::weekday);
  const bool by_day = !day.is_open;
  const bool by_weekday = !weekday.is_open;
  if ((by_day && series_of(cron, CronUnit::day).is_full) ||
      (by_weekday && series_of(cron, CronUnit::weekday).is_full)) {
    return DayKind::every_day;  // one of the two is enough (S4.2)
  }
  if (by_day && by_weekday) {
    return DayKind::by_either;
  }
  return by_day ? DayKind::by_day : by_weekday ? DayKind::by_weekday : DayKind::every_day;
}

std::string time_of_day(int second, bool with_seconds) {
  const auto two = [](int number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return two(second / 3600) + ":" + two(second / 60 % 60) +
         (with_seconds ? ":" + two(second % 60) : "");
}

std::vector<std::string> items_of(const std::vector<int>& values,
                                  const std::function<std::string(int)>& one,
                                  const std::function<std::string(int, int)>& range) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < values.size();) {
    std::size_t last = i;
    while (last + 1 < values.size() && values[last + 1] == values[last] + 1) {
      ++last;
    }
    if (last >= i + 2) {
      items.push_back(range(values[i], values[last]));
      i = last + 1;
    } else {
      items.push_back(one(values[i]));
      ++i;
    }
  }
  return items;
}

std::string joined(const std::vector<std::string>& items, const char* comma, const char* last) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == items.size() ? last : comma) + items[i];
  }
  return text;
}

}  // namespace jobflow::schedule
