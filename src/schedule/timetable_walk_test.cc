// Timetables against a walk over every second: random expressions in random zones, matched by the
// words of S4.2-S4.4 as they stand, item by item, over the clock the C library shows. Nothing here
// is shared with what is tested but the choice of a moment worth a look.
//
// JOBFLOW_SCHEDULE_ROUNDS=N walks N expressions a seed instead of a few.
#include "schedule/timetable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <stdlib.h>
#include <string>
#include <time.h>
#include <vector>

namespace jobflow::schedule {
namespace {

using Random = std::mt19937_64;

int pick(Random& random, int least, int most) {
  return least + static_cast<int>(random() % static_cast<std::uint64_t>(most - least + 1));
}
bool one_in(Random& random, int many) {
  return pick(random, 1, many) == 1;
}

std::vector<std::string> all_zones() {
  std::vector<std::string> names;
  std::ifstream in("/usr/share/zoneinfo/tzdata.zi");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Z ")) {
      names.push_back(line.substr(2, line.find(' ', 2) - 2));
    } else if (line.starts_with("L ")) {
      names.push_back(line.substr(line.rfind(' ') + 1));
    }
  }
  return names;
}

// The C library's clock, in one zone.
class LibraryClock {
 public:
  explicit LibraryClock(const std::string& zone) {
    setenv("TZ", (":" + zone).c_str(), 1);
    tzset();
  }
  LibraryClock(const LibraryClock&) = delete;
  LibraryClock& operator=(const LibraryClock&) = delete;
  ~LibraryClock() {
    unsetenv("TZ");
    tzset();
  }
  // No clock changes twice in a minute: one that shows the same offset at both ends keeps it.
  Reading reading(std::int64_t second) const {
    const std::int64_t minute = second / 60;
    if (minute != minute_) {
      minute_ = minute;
      offset_ = offset(minute * 60);
      is_steady_ = offset_ == offset(minute * 60 + 60);
    }
    return second + (is_steady_ ? offset_ : offset(second));
  }

 private:
  static std::int64_t offset(std::int64_t second) {
    const time_t time = second;
    tm local{};
    localtime_r(&time, &local);
    return local.tm_gmtoff;
  }

  mutable std::int64_t minute_ = -1, offset_ = 0;
  mutable bool is_steady_ = false;
};

tm date_of(Reading reading) {
  const time_t time = reading;
  tm date{};
  gmtime_r(&time, &date);
  return date;
}

int last_day(const tm& date) {
  const int year = date.tm_year + 1900;
  const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (date.tm_mon == 1) {
    return is_leap ? 29 : 28;
  }
  return date.tm_mon == 3 || date.tm_mon == 5 || date.tm_mon == 8 || date.tm_mon == 10 ? 30 : 31;
}

// Of the month's working days, the one with the least distance.
int nearest_working_day(const tm& date, int day) {
  int nearest = 100;
  for (int other = 1; other <= last_day(date); ++other) {
    const int weekday = ((date.tm_wday + other - date.tm_mday) % 7 + 7) % 7;
    if (weekday != 0 && weekday != 6 && std::abs(other - day) < std::abs(nearest - day)) {
      nearest = other;
    }
  }
  return nearest;
}

using Rule = std::function<bool(const tm&)>;

struct Item {
  std::string text;
  Rule matches;
  bool is_plain = false;
};

struct Field {
  std::string text = "*";
  std::vector<Item> items;  // none: any value
  bool matches(const tm& date) const {
    return items.empty() ||
           std::ranges::any_of(items, [&](const Item& item) { return item.matches(date); });
  }
};

// How a field's values are written and read.
struct Unit {
  int least, most;
  int (*value)(const tm&);
  const char* names;  // three letters each
};
const Unit kSecond{0, 59, [](const tm& date) { return date.tm_sec; }, nullptr};
const Unit kMinute{0, 59, [](const tm& date) { return date.tm_min; }, nullptr};
const Unit kHour{0, 23, [](const tm& date) { return date.tm_hour; }, nullptr};
const Unit kDay{1, 31, [](const tm& date) { return date.tm_mday; }, nullptr};
const Unit kMonth{1, 12, [](const tm& date) { return date.tm_mon + 1; },
                  "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"};
const Unit kUnixWeekday{0, 6, [](const tm& date) { return date.tm_wday; }, "SUNMONTUEWEDTHUFRISAT"};
const Unit kQuartzWeekday{1, 7, [](const tm& date) { return date.tm_wday + 1; },
                          "SUNMONTUEWEDTHUFRISAT"};

struct Writer {
  Random& random;
  bool is_quartz;
  bool has_seconds;
  tm target;  // a reading worth matching

  int value(const Unit& unit) const {
    return one_in(random, 3) ? pick(random, unit.least, unit.most) : unit.value(target);
  }

  std::string written(const Unit& unit, int value, bool named = false) const {
    if (unit.names == nullptr || (!named && one_in(random, 2))) {
      return std::to_string(value);
    }
    std::string name(unit.names + static_cast<std::ptrdiff_t>(3) * (value - unit.least), 3);
    if (one_in(random, 2)) {
      std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(c | 32); });
    }
    return name;
  }

  // Values from `from` on to `to`, each `step`-th of them; round the end when `to` is smaller.
  static Rule spaced(const Unit& unit, int from, int to, int step) {
    const int round = unit.most - unit.least + 1;
    const int length = to >= from ? to - from : to - from + round;
    return [&unit, from, length, step, round](const tm& date) {
      const int ahead = (unit.value(date) - from + round) % round;
      return ahead <= length && ahead % step == 0;
    };
  }

  Item item(const Unit& unit, bool named) const {
    const int from = value(unit);
    const std::string first = written(unit, from, named);
    switch (pick(random, 0, 6)) {
      case 0: {
        const int step = pick(random, 1, unit.most - unit.least + 1);
        return {"*/" + std::to_string(step), spaced(unit, unit.least, unit.most, step)};
      }
      case 1: {
        const int step = pick(random, 1, unit.most - from + 1);
        return {first + "/" + std::to_string(step), spaced(unit, from, unit.most, step)};
      }
      case 2: {
        const int to = pick(random, is_quartz ? unit.least : from, unit.most);
        const int length = to >= from ? to - from : to - from + unit.most - unit.least + 1;
        const int step = one_in(random, 2) ? 1 : pick(random, 1, length + 1);
        return {
            first + "-" + written(unit, to, named) + (step == 1 ? "" : "/" + std::to_string(step)),
            spaced(unit, from, to, step)};
      }
      default:
        return {first, spaced(unit, from, from, 1), true};
    }
  }

  Item day_word() const {
    const int n = std::clamp(value(kDay) + pick(random, -1, 1), 1, 31);
    switch (pick(random, 0, 5)) {
      case 0:
        return {"L", [](const tm& date) { return date.tm_mday == last_day(date); }};
      case 1:
        return {"L-" + std::to_string(n % 30 + 1),
                [n](const tm& date) { return date.tm_mday == last_day(date) - (n % 30 + 1); }};
      case 3:
        return {"L-" + std::to_string(n % 30 + 1) + "W", [n](const tm& date) {
                  const int day = last_day(date) - (n % 30 + 1);
                  return day >= 1 && date.tm_mday == nearest_working_day(date, day);
                }};
      case 2:
        return {"LW", [](const tm& date) {
                  return date.tm_mday == nearest_working_day(date, last_day(date));
                }};
      default:
        return {std::to_string(n) + "W", [n](const tm& date) {
                  return n <= last_day(date) && date.tm_mday == nearest_working_day(date, n);
                }};
    }
  }

  Item weekday_word(const Unit& unit, bool named) const {
    const int day = value(unit);
    const int n = one_in(random, 3) ? pick(random, 1, 5) : (target.tm_mday + 6) / 7;
    if (one_in(random, 2)) {
      return {written(unit, day, named) + "L", [&unit, day](const tm& date) {
                return unit.value(date) == day && date.tm_mday > last_day(date) - 7;
              }};
    }
    return {written(unit, day, named) + "#" + std::to_string(n), [&unit, day, n](const tm& date) {
              return unit.value(date) == day && (date.tm_mday + 6) / 7 == n;
            }};
  }

  Field field(const Unit& unit) const {
    const bool is_weekday = &unit == &kUnixWeekday || &unit == &kQuartzWeekday;
    const bool named = is_weekday && has_seconds && !is_quartz;
    Field field{.text = ""};
    for (int items = one_in(random, 3) ? pick(random, 2, 3) : 1; items > 0; --items) {
      const bool is_word = one_in(random, 3);
      field.items.push_back(&unit == &kDay && is_word ? day_word()
                            : is_weekday && is_word   ? weekday_word(unit, named)
                                                      : item(unit, named));
      field.text += (field.text.empty() ? "" : ",") + field.items.back().text;
    }
    return field;
  }
};

struct Expression {
  Field second, minute, hour, day, month, weekday;
  int from_year = 1970, to_year = 2099;
  CronDialect dialect = CronDialect::by_fields;
  std::string text;
  mutable std::int64_t minute_of_date = -1;
  mutable tm date{};
  mutable bool is_right_minute = false;

  bool is_fixed_time() const {
    return !hour.items.empty() && std::ranges::all_of(hour.items, &Item::is_plain);
  }

  bool matches(Reading reading) const {
    if (reading / 60 != minute_of_date) {
      minute_of_date = reading / 60;
      date = date_of(reading);
      is_right_minute = is_due_in_minute();
    }
    date.tm_sec = static_cast<int>(reading % 60);
    return is_right_minute && second.matches(date);
  }

  bool is_due_in_minute() const {
    const bool on_day = day.items.empty()       ? weekday.matches(date)
                        : weekday.items.empty() ? day.matches(date)
                                                : day.matches(date) || weekday.matches(date);
    return minute.matches(date) && hour.matches(date) && month.matches(date) &&
           date.tm_year + 1900 >= from_year && date.tm_year + 1900 <= to_year && on_day;
  }
};

Expression random_expression(Random& random, const tm& target) {
  const int year = target.tm_year + 1900;
  Expression made;
  const int kind = pick(random, 0, 3);
  const bool is_quartz = kind == 0;
  const bool has_seconds = kind <= 1;
  made.dialect = is_quartz   ? CronDialect::quartz
                 : kind == 2 ? CronDialect::unix_cron
                             : CronDialect::by_fields;
  const Writer writer{random, is_quartz, has_seconds, target};
  const auto maybe = [&](const Unit& unit, int many) {
    return one_in(random, many) ? Field{} : writer.field(unit);
  };
  const Item zero{"0", [](const tm& date) { return date.tm_sec == 0; }, true};
  made.second = has_seconds ? maybe(kSecond, 6) : Field{"0", {zero}};
  made.minute = maybe(kMinute, 3);
  made.hour = maybe(kHour, 3);
  made.month = maybe(kMonth, 2);
  const int days = pick(random, 0, has_seconds ? 2 : 3);
  const Unit& weekday = is_quartz ? kQuartzWeekday : kUnixWeekday;
  made.day = days == 1 || days == 3 ? writer.field(kDay) : Field{};
  made.weekday = days == 2 || days == 3 ? writer.field(weekday) : Field{};
  if (is_quartz) {
    (days == 2 ? made.day : made.weekday).text = "?";
  }
  made.text = made.minute.text + " " + made.hour.text + " " + made.day.text + " " +
              made.month.text + " " + made.weekday.text;
  if (has_seconds) {
    made.text = made.second.text + " " + made.text;
    if (one_in(random, 3)) {
      made.from_year = std::max(1970, year - pick(random, 0, 1));
      made.to_year = std::min(2099, made.from_year + pick(random, 0, 2));
      made.text += " " + std::to_string(made.from_year) + "-" + std::to_string(made.to_year);
    }
  }
  return made;
}

bool matches_any(const Expression& expression, Reading from, Reading end) {
  for (Reading reading = from; reading < end; ++reading) {
    if (expression.matches(reading)) {
      return true;
    }
  }
  return false;
}

// Every due second from `begin` on and before `end`, found by walking.
std::vector<std::int64_t> walk(const Expression& expression,
                               const Schedule& schedule,
                               const LibraryClock& clock,
                               std::int64_t begin,
                               std::int64_t end) {
  constexpr std::int64_t kBefore = 2 * 86'400;  // longer ago nothing was shown that is shown again
  constexpr std::int64_t kBeyond = 4 * 3600;    // nor is it shown again later than that
  Reading highest = INT64_MIN;
  for (std::int64_t second = begin - kBefore; second < begin; second += 60) {
    highest =
        std::max(highest, clock.reading(second) + std::min<std::int64_t>(59, begin - 1 - second));
  }
  std::map<Reading, std::vector<std::int64_t>> shown;  // matching ones, and when
  std::vector<std::int64_t> due;
  const bool is_fixed = expression.is_fixed_time();
  for (std::int64_t second = begin; second < end + kBeyond; ++second) {
    const Reading reading = clock.reading(second);
    if (is_fixed && schedule.gap == GapRule::run_after && second < end &&
        matches_any(expression, highest + 1, reading)) {
      due.push_back(second);
    }
    // After the end only what was shown before it is of interest.
    if ((second < end || reading <= highest) && expression.matches(reading)) {
      if (!is_fixed || schedule.repeat == RepeatRule::both) {
        due.push_back(second);
      } else if (reading > highest || schedule.repeat == RepeatRule::second) {
        shown[reading].push_back(second);
      }
    }
    highest = std::max(highest, reading);
  }
  for (const auto& [reading, seconds] : shown) {
    due.push_back(schedule.repeat == RepeatRule::first ? seconds.front() : seconds.back());
  }
  std::ranges::sort(due);
  due.erase(std::ranges::unique(due).begin(), due.end());
  std::erase_if(due, [&](std::int64_t second) { return second < begin || second >= end; });
  return due;
}

int rounds() {
  const char* text = getenv("JOBFLOW_SCHEDULE_ROUNDS");
  return text == nullptr ? 250 : std::atoi(text);
}

// A schedule, and a span of time in which it is worth a look.
struct Trial {
  Expression expression;
  Schedule schedule;
  std::string zone;
  std::int64_t begin = 0, end = 0;
};

// Around a change of the clock, the beginning of a month, or anywhere.
Trial random_trial(Random& random, const std::string& name, const Zone& zone) {
  const Zone::Stretch& stretch = zone.stretches()[random() % zone.stretches().size()];
  const std::int64_t anywhere = static_cast<std::int64_t>(random() % 4'102'000'000);
  const std::int64_t wanted =
      one_in(random, 3) ? anywhere - (date_of(anywhere).tm_mday - 1) * 86'400 : stretch.begin;
  const std::int64_t moment =
      std::clamp<std::int64_t>(wanted, 86'400 * 3, 4'102'444'800 - 86'400 * 4);
  Trial trial{.zone = name};
  trial.begin = moment - pick(random, 0, 9'000);
  trial.end = moment + pick(random, 3'000, 40'000);
  const Reading before = LibraryClock(name).reading(moment - 1) + 1;
  trial.expression = random_expression(
      random, date_of(one_in(random, 2) ? before + pick(random, -3'600, 3'600) : before));
  const bool has_prefix = one_in(random, 4);
  trial.schedule = {.cron = (has_prefix ? "CRON_TZ=" + name + " " : "") + trial.expression.text,
                    .dialect = trial.expression.dialect,
                    .timezone = has_prefix ? "UTC" : name};
  trial.schedule.gap = one_in(random, 3) ? GapRule::skip : GapRule::run_after;
  trial.schedule.repeat =
      std::vector{RepeatRule::first, RepeatRule::second, RepeatRule::both}[random() % 3];
  return trial;
}

std::string described(const Trial& trial) {
  return trial.schedule.cron + " in " + trial.zone + " from " + to_rfc3339({trial.begin * 1000}) +
         " gap " + std::to_string(static_cast<int>(trial.schedule.gap)) + " repeat " +
         std::to_string(static_cast<int>(trial.schedule.repeat));
}

// One after the other, none beside them.
void expect_visited(const Timetable& made,
                    const std::vector<std::int64_t>& due,
                    const Trial& trial) {
  Instant last{trial.begin * 1000 - 1};
  for (const std::int64_t second : due) {
    const Instant next = made.next_after(last);
    ASSERT_EQ(to_rfc3339(next), to_rfc3339({second * 1000})) << "after " << to_rfc3339(last);
    last = next;
  }
  ASSERT_GE(made.next_after(last).ms, trial.end * 1000);
}

// All of the span and parts of it.
void expect_counted(const Timetable& made,
                    const std::vector<std::int64_t>& due,
                    const Trial& trial,
                    Random& random) {
  for (int span = 0; span < 4; ++span) {
    const Instant from{trial.begin * 1000 + (span == 0 ? -1 : pick(random, 0, 3'000'000))};
    const int length = static_cast<int>(trial.end * 1000 - from.ms);
    const Instant until{from.ms + (span == 0 ? length : pick(random, 0, length))};
    std::vector<std::int64_t> inside = due;
    std::erase_if(inside, [&](std::int64_t second) {
      return second * 1000 <= from.ms || second * 1000 >= until.ms;
    });
    ASSERT_EQ(made.count_between(from, until), static_cast<std::int64_t>(inside.size()))
        << to_rfc3339(from) << " - " << to_rfc3339(until);
    ASSERT_EQ(made.last_between(from, until),
              inside.empty() ? from : Instant{inside.back() * 1000});
  }
}

class TimetableWalk : public testing::TestWithParam<std::uint64_t> {};

TEST_P(TimetableWalk, FindsTheSameInstants) {  // S4.2-S4.4
  Random random(GetParam());
  const std::vector<std::string> zones = all_zones();
  ASSERT_GT(zones.size(), 400U);
  const std::vector<std::string> odd{"Pacific/Apia",        "America/Santiago",  "Antarctica/Troll",
                                     "Australia/Lord_Howe", "Africa/Casablanca", "Africa/Cairo",
                                     "America/Havana",      "Pacific/Kwajalein"};
  std::int64_t found_in_all = 0;
  for (int round = 0; round < rounds(); ++round) {
    const auto& names = one_in(random, 3) ? odd : zones;
    const std::string& name = names[random() % names.size()];
    const auto zone = find_zone(name);
    ASSERT_TRUE(zone) << name;
    const Trial trial = random_trial(random, name, **zone);
    SCOPED_TRACE("seed " + std::to_string(GetParam()) + " round " + std::to_string(round) + ": " +
                 described(trial));
    const LibraryClock clock(name);
    const auto due = walk(trial.expression, trial.schedule, clock, trial.begin, trial.end);
    found_in_all += static_cast<std::int64_t>(due.size());
    const auto made = Timetable::make(trial.schedule, {}, 7);
    if (!made) {  // rightly, when it is said never to be due
      ASSERT_EQ(made.problem().detail.substr(0, 3), "no ") << made.problem().detail;
      ASSERT_TRUE(due.empty()) << made.problem().detail;
      continue;
    }
    expect_visited(*made, due, trial);
    expect_counted(*made, due, trial, random);
    if (HasFatalFailure()) {
      return;
    }
  }
  EXPECT_GT(found_in_all, rounds());
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimetableWalk, testing::Values(1, 2, 3, 4));

// The words of days, one by one, on every day until the weeks fall alike again (S4.2).
TEST(CronWalk, WordsOfDaysMeanWhatTheySay) {
  std::vector<Expression> all;
  const auto add = [&](const std::string& day, const std::string& weekday, Rule matches) {
    Expression one{.text = "0 0 " + day + " * " + weekday};
    (weekday == "*" ? one.day : one.weekday).items.push_back({"", std::move(matches)});
    all.push_back(std::move(one));
  };
  add("L", "*", [](const tm& date) { return date.tm_mday == last_day(date); });
  add("LW", "*",
      [](const tm& date) { return date.tm_mday == nearest_working_day(date, last_day(date)); });
  for (int n = 1; n <= 31; ++n) {
    add(std::to_string(n) + "W", "*", [n](const tm& date) {
      return n <= last_day(date) && date.tm_mday == nearest_working_day(date, n);
    });
    if (n <= 30) {
      add("L-" + std::to_string(n), "*",
          [n](const tm& date) { return date.tm_mday == last_day(date) - n; });
      add("L-" + std::to_string(n) + "W", "*", [n](const tm& date) {
        const int day = last_day(date) - n;
        return day >= 1 && date.tm_mday == nearest_working_day(date, day);
      });
    }
  }
  for (int day = 0; day <= 7; ++day) {
    const auto is_day = [day](const tm& date) { return date.tm_wday == day % 7; };
    add("*", std::to_string(day) + "L",
        [=](const tm& date) { return is_day(date) && date.tm_mday > last_day(date) - 7; });
    for (int n = 1; n <= 5; ++n) {
      add("*", std::to_string(day) + "#" + std::to_string(n),
          [=](const tm& date) { return is_day(date) && (date.tm_mday + 6) / 7 == n; });
    }
  }
  for (const Expression& expression : all) {
    const auto made = Timetable::make({.cron = expression.text}, {}, 7);
    ASSERT_TRUE(made) << expression.text;
    Instant expected = made->next_after({-1});
    for (std::int64_t second = 0; second < 28LL * 366 * 86'400; second += 86'400) {
      const bool is_due = expected.ms == second * 1000;
      ASSERT_EQ(is_due, expression.matches(second))
          << expression.text << " on " << to_rfc3339({second * 1000});
      expected = is_due ? made->next_after(expected) : expected;
    }
  }
}

// Every zone, with every change of its clock to the end of 2099 (S4.3).
TEST(ZoneWalk, ShowsWhatTheLibrarysClockShows) {
  Random random(11);
  for (const std::string& name : all_zones()) {
    const auto zone = find_zone(name);
    ASSERT_TRUE(zone) << name;
    const LibraryClock clock(name);
    std::vector<std::int64_t> seconds;
    for (const Zone::Stretch& stretch : (*zone)->stretches()) {
      seconds.insert(seconds.end(), {stretch.begin - 1, stretch.begin, stretch.begin + 1});
    }
    for (int i = 0; i < 200; ++i) {
      seconds.push_back(static_cast<std::int64_t>(random() % 4'102'444'800));
    }
    for (const std::int64_t second : seconds) {
      if (second >= 0) {
        ASSERT_EQ((*zone)->reading({second * 1000}), clock.reading(second))
            << name << " at " << to_rfc3339({second * 1000});
      }
    }
  }
}

}  // namespace
}  // namespace jobflow::schedule
