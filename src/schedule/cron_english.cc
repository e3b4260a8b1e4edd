// A cron expression in English.
#include "schedule/cron_shape.h"

#include <array>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr std::array<const char*, 12> kMonths{"January",   "February", "March",    "April",
                                              "May",       "June",     "July",     "August",
                                              "September", "October",  "November", "December"};
constexpr std::array<const char*, 7> kWeekdays{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                               "Friday", "Saturday", "Sunday"};
constexpr std::array<const char*, 6> kNth{"", "first", "second", "third", "fourth", "fifth"};

std::string list(const std::vector<std::string>& items) {
  return joined(items, ", ", " and ");
}

std::string ordinal(int number) {
  const bool is_teen = number / 10 % 10 == 1;
  const int last = is_teen ? 0 : number % 10;
  return std::to_string(number) + (last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th");
}

std::string counted(int number, const std::string& unit) {
  return number == 1 ? unit : std::to_string(number) + " " + unit + "s";
}

std::string month(int number) {
  return kMonths.at(static_cast<std::size_t>(number - 1));
}
std::string weekday(int monday_first) {
  return kWeekdays.at(static_cast<std::size_t>(monday_first));
}

// "every 90 seconds" of a number of seconds.
std::string pause(int seconds) {
  return "every " + (seconds % 3600 == 0 ? counted(seconds / 3600, "hour")
                     : seconds % 60 == 0 ? counted(seconds / 60, "minute")
                                         : counted(seconds, "second"));
}

std::string numbers(const Series& series) {
  return list(items_of(
      series.values, [](int one) { return std::to_string(one); },
      [](int from, int to) { return std::to_string(from) + " to " + std::to_string(to); }));
}

// "every minute", "every 20 minutes", "every 7 minutes from minute 0 to 56", "at minutes 5 and 9".
std::string when_in(const Series& series, const std::string& unit) {
  if (series.is_round(60)) {
    return "every " + counted(series.step, unit);
  }
  if (series.is_long()) {
    return "every " + counted(series.step, unit) + " from " + unit + " " +
           std::to_string(series.values.front()) + " to " + std::to_string(series.values.back());
  }
  return "at " + unit + (series.values.size() == 1 ? " " : "s ") + numbers(series);
}

// " of minutes 5 and 9", of a longer unit than what stands before it.
std::string of_which(const Series& series, const std::string& unit) {
  if (series.is_full) {
    return " of every " + unit;
  }
  const bool is_range = series.step == 1 && series.values.size() >= 3;
  if (series.is_long() || is_range) {
    return " of every " + (is_range ? "" : ordinal(series.step) + " ") + unit + " from " +
           std::to_string(series.values.front()) + " to " + std::to_string(series.values.back());
  }
  return " of " + unit + (series.values.size() == 1 ? " " : "s ") + numbers(series);
}

std::string parts(const Times& times) {
  const bool is_one_second = times.seconds.values.size() == 1;
  if (is_one_second) {
    const int second = times.seconds.values.front();
    return when_in(times.minutes, "minute") + of_which(times.hours, "hour") +
           (second == 0 ? "" : ", at second " + std::to_string(second));
  }
  const bool is_any_hour = times.hours.is_full && times.minutes.is_full;
  return when_in(times.seconds, "second") + of_which(times.minutes, "minute") +
         (is_any_hour ? "" : of_which(times.hours, "hour"));
}

std::string times_text(const Times& times) {
  const bool with_seconds = times.seconds.values != std::vector<int>{0};
  std::vector<std::string> moments;
  for (const int moment : times.moments) {
    moments.push_back(time_of_day(moment, with_seconds));
  }
  switch (times.kind) {
    case Times::Kind::moments:
      return "at " + list(moments);
    case Times::Kind::span:
      return pause(times.step) + " from " + moments.front() + " to " + moments.back();
    case Times::Kind::parts:
      return parts(times);
    case Times::Kind::all_day:
      break;
  }
  const int minute = times.moments.front() / 60;
  const int second = times.moments.front() % 60;
  std::string text = pause(times.step);
  if (times.step == 3600 && times.moments.front() != 0) {
    text += " at minute " + std::to_string(minute);
    text += second == 0 ? "" : ", second " + std::to_string(second);
  } else if (second != 0) {
    text += " at second " + std::to_string(second);
  }
  return text;
}

// "the 1st, 15th and the last day"
std::string month_days(const Cron& cron) {
  const CronField& field = cron.field(CronUnit::day);
  const Series series = series_of(cron, CronUnit::day);
  std::vector<std::string> items;
  if (series.is_long()) {
    items.push_back("every " + ordinal(series.step) + " day from the " +
                    ordinal(series.values.front()) + " to the " + ordinal(series.values.back()));
  } else {
    items = items_of(series.values, ordinal,
                     [](int from, int to) { return ordinal(from) + " to " + ordinal(to); });
    if (!items.empty()) {
      items.front() = "the " + items.front();
    }
  }
  for (int before = 30; before >= 0; --before) {
    if ((field.before_last >> before & 1) != 0) {
      items.push_back(before == 0   ? "the last day"
                      : before == 1 ? "the day before the last day"
                                    : "the " + ordinal(before) + " day before the last day");
    }
  }
  for (int day = 1; day <= 31; ++day) {
    if ((field.near >> day & 1) != 0) {
      items.push_back("the weekday nearest to the " + ordinal(day));
    }
  }
  for (int before = 30; before >= 0; --before) {
    if ((field.near_last >> before & 1) != 0) {
      items.push_back(before == 0   ? "the last weekday"
                      : before == 1 ? "the weekday nearest to the day before the last day"
                                    : "the weekday nearest to the " + ordinal(before) +
                                          " day before the last day");
    }
  }
  return list(items);
}

struct Weekdays {
  std::string text;
  bool is_of_month = false;  // "the last Friday": of what month is still to be said
};
Weekdays weekdays(const Cron& cron) {
  const CronField& field = cron.field(CronUnit::weekday);
  const std::vector<int> values = series_of(cron, CronUnit::weekday).values;
  std::vector<std::string> items;
  if (values == std::vector<int>{0, 1, 2, 3, 4}) {
    items = {"weekdays"};
  } else {
    items = items_of(
        values, [](int day) { return weekday(day) + "s"; },
        [](int from, int to) { return weekday(from) + "s to " + weekday(to) + "s"; });
  }
  const std::size_t plain = items.size();
  for (int day = 0; day < 7; ++day) {
    const int bit = (day + 1) % 7;
    for (std::size_t nth = 1; nth < kNth.size(); ++nth) {
      if ((field.nth.at(nth) >> bit & 1) != 0) {
        items.push_back(std::string("the ") + kNth.at(nth) + " " + weekday(day));
      }
    }
    if ((field.last >> bit & 1) != 0) {
      items.push_back("the last " + weekday(day));
    }
  }
  return {list(items), items.size() > plain};
}

// Behind the months: " 2027" where one month is named.
std::string years(const Cron& cron, bool is_one_month) {
  const Series series = series_of(cron, CronUnit::year);
  if (series.is_full) {
    return "";
  }
  if (is_one_month && series.values.size() == 1) {
    return " " + std::to_string(series.values.front());
  }
  const std::string first = std::to_string(series.values.front());
  const std::string last = std::to_string(series.values.back());
  if (series.is_long()) {
    return " in every " + ordinal(series.step) + " year from " + first + " to " + last;
  }
  return series.step == 1 && series.values.size() >= 3 ? " from " + first + " to " + last
                                                       : " in " + numbers(series);
}

std::string months_text(const Series& series) {
  return list(items_of(series.values, month,
                       [](int from, int to) { return month(from) + " to " + month(to); }));
}

// " on the 1st of March", " on weekdays in March 2027".
std::string days_text(const Cron& cron, bool says_every_day) {
  const Series months = series_of(cron, CronUnit::month);
  const std::string its_years = years(cron, months.values.size() == 1);
  const bool is_range = months.step == 1 && months.values.size() >= 3;
  const std::string of_month = months.is_full ? " of the month"
                               : is_range     ? " of every month from " + months_text(months)
                                              : " of " + months_text(months);
  const std::string in_months = months.is_full ? ""
                                : is_range     ? " from " + months_text(months)
                                               : " in " + months_text(months);
  const DayKind kind = day_kind_of(cron);
  if (kind == DayKind::every_day) {
    return (says_every_day ? " every day" : "") + in_months + its_years;
  }
  if (kind == DayKind::by_day) {
    const CronField& day = cron.field(CronUnit::day);
    const Series days = series_of(cron, CronUnit::day);
    const bool is_date = days.values.size() == 1 && months.values.size() == 1 &&
                         day.before_last == 0 && day.near == 0 && day.near_last == 0;
    if (!is_date) {
      return " on " + month_days(cron) + of_month + its_years;
    }
    const bool is_leap_day = days.values.front() == 29 && months.values.front() == 2;
    return " on " + std::to_string(days.values.front()) + " " + months_text(months) +
           (!its_years.empty() ? its_years
            : is_leap_day      ? " of every leap year"
                               : " every year");
  }
  const Weekdays which = weekdays(cron);
  return (kind == DayKind::by_either ? " on " + month_days(cron) + of_month + " and on " : " on ") +
         which.text + (which.is_of_month ? of_month : in_months) + its_years;
}

}  // namespace

std::string english(const Cron& cron) {
  const Times times = times_of(cron);
  const bool is_round_the_day = times.kind == Times::Kind::all_day ||
                                (times.kind == Times::Kind::parts && times.hours.is_full);
  std::string text = times_text(times) + days_text(cron, !is_round_the_day);
  text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text;
}

}  // namespace jobflow::schedule
