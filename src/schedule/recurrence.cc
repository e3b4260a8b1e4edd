#include "schedule/recurrence.h"

#include "model/civil.h"
#include "model/spelling.h"
#include "schedule/ical_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr int kWeek = 7;
constexpr int kCountMax = 1'000'000;
constexpr std::array<std::string_view, 4> kFrequencies{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
constexpr std::array<std::string_view, 7> kDays{"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
constexpr std::array<std::string_view, 9> kParts{
    "FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST"};
constexpr std::array<std::string_view, 6> kFiner{"HOURLY", "MINUTELY", "SECONDLY",
                                                 "BYHOUR", "BYMINUTE", "BYSECOND"};

constexpr const char* kTooFine = ": calendars recur by days at the finest";

using Frequency = Recurrence::Frequency;

// 0 = Sunday, for days before 1970 too.
int weekday(std::int64_t day) {
  return static_cast<int>(((day + 4) % kWeek + kWeek) % kWeek);
}

std::optional<int> number_of(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  return is_number ? std::optional(number) : std::nullopt;
}

class RuleReader {
 public:
  Outcome<Recurrence> read(std::string_view text) {
    for (const std::string_view part : pieces_of(text, ';')) {
      const std::size_t equals = std::min(part.find('='), part.size());
      const std::string name = upper_case(part.substr(0, equals));
      if (equals == part.size()) {
        wrong(shown(part) + " is not of the form PART=value");
      } else if (!seen_.insert(name).second) {
        wrong(name + " stands twice");
      } else {
        read_part(name, upper_case(part.substr(equals + 1)));
      }
    }
    if (wrong_.empty()) {
      check_whole();
    }
    if (!wrong_.empty()) {
      return Problem{ProblemCode::invalid, wrong_};
    }
    return rule_;
  }

 private:
  static std::string shown(std::string_view text) {
    return "'" + std::string(text.substr(0, 32)) + "'";
  }
  void wrong(std::string what) {
    if (wrong_.empty()) {
      wrong_ = std::move(what);
    }
  }

  void read_part(const std::string& name, const std::string& value) {
    if (name == "FREQ") {
      read_frequency(value);
    } else if (name == "INTERVAL") {
      rule_.interval = number(name, value, 1, kCountMax);
    } else if (name == "COUNT") {
      rule_.count = number(name, value, 1, kCountMax);
    } else if (name == "UNTIL") {
      rule_.until = value;
    } else if (name == "WKST") {
      rule_.week_start = day_of(name, value);
    } else if (name == "BYDAY") {
      for (const std::string_view item : pieces_of(value)) {
        read_weekday(item);
      }
    } else if (name == "BYMONTHDAY") {
      rule_.month_days = numbers(name, value, 31);
    } else if (name == "BYSETPOS") {
      rule_.positions = numbers(name, value, 366);
    } else if (name == "BYMONTH") {
      for (const std::string_view item : pieces_of(value)) {
        rule_.months |= 1U << number(name, item, 1, 12);
      }
    } else {
      wrong(name.substr(0, 32) + " is not understood" +
            (is_finer(name) ? kTooFine : did_you_mean(name, kParts)));
    }
  }

  void read_frequency(const std::string& value) {
    const auto* known = std::ranges::find(kFrequencies, value);
    if (known == kFrequencies.end()) {
      wrong("FREQ=" + value.substr(0, 32) + " is not understood" +
            (is_finer(value) ? kTooFine : did_you_mean(value, kFrequencies)));
    } else {
      rule_.frequency = static_cast<Frequency>(known - kFrequencies.begin());
    }
  }

  static bool is_finer(std::string_view word) {
    return std::ranges::find(kFiner, word) != kFiner.end();
  }

  int number(const std::string& name, std::string_view text, int least, int most) {
    const auto read = number_of(text);
    if (!read || *read < least || *read > most) {
      wrong(name + "=" + std::string(text.substr(0, 32)) + ": write a number from " +
            std::to_string(least) + " to " + std::to_string(most));
      return least;
    }
    return *read;
  }

  // From 1 to the most, or as many below zero.
  std::vector<int> numbers(const std::string& name, std::string_view list, int most) {
    std::vector<int> found;
    for (const std::string_view item : pieces_of(list)) {
      found.push_back(number(name, item, -most, most));
      if (found.back() == 0) {
        wrong(name + "=0 says nothing: count from 1, or from -1 backwards");
      }
    }
    return found;
  }

  int day_of(const std::string& name, std::string_view text) {
    const auto* known = std::ranges::find(kDays, text);
    if (known == kDays.end()) {
      wrong(name + ": " + shown(text) + " is not one of SU, MO, TU, WE, TH, FR, SA");
      return 0;
    }
    return static_cast<int>(known - kDays.begin());
  }

  void read_weekday(std::string_view item) {
    const std::size_t digits = item.size() < 2 ? 0 : item.size() - 2;
    const int day = day_of("BYDAY", item.substr(digits));
    int nth = 0;
    if (digits > 0) {
      nth = number("BYDAY", item.substr(0, digits), -53, 53);
      if (nth == 0) {
        wrong("BYDAY: " + shown(item) + ": count from 1, or from -1 backwards");
      }
    }
    rule_.weekdays.push_back({day, nth});
  }

  void check_whole() {
    const bool is_long =
        rule_.frequency == Frequency::monthly || rule_.frequency == Frequency::yearly;
    if (!seen_.contains("FREQ")) {
      wrong("FREQ is missing");
    } else if (seen_.contains("COUNT") && seen_.contains("UNTIL")) {
      wrong("COUNT and UNTIL stand together: drop one");
    } else if (rule_.frequency == Frequency::weekly && !rule_.month_days.empty()) {
      wrong("BYMONTHDAY says nothing in FREQ=WEEKLY");
    } else if (!is_long &&
               std::ranges::any_of(rule_.weekdays, [](const auto& one) { return one.nth != 0; })) {
      wrong("BYDAY counts weekdays of a month or year: FREQ must be MONTHLY or YEARLY");
    } else if (!rule_.positions.empty() && rule_.weekdays.empty() && rule_.month_days.empty() &&
               rule_.months == 0) {
      wrong("BYSETPOS chooses among the days of another BY part, and there is none");
    }
  }

  Recurrence rule_;
  std::set<std::string> seen_;
  std::string wrong_;
};

// What the rule leaves open, the first day says.
Recurrence completed(Recurrence rule, std::int64_t start) {
  const CivilDate first = civil_from_days(start);
  if (!rule.weekdays.empty() || !rule.month_days.empty()) {
    return rule;
  }
  if (rule.frequency == Frequency::weekly) {
    rule.weekdays.push_back({weekday(start), 0});
  } else if (rule.frequency != Frequency::daily) {
    rule.month_days.push_back(first.day);
    if (rule.frequency == Frequency::yearly && rule.months == 0) {
      rule.months = 1U << first.month;
    }
  }
  return rule;
}

class Walker {
 public:
  Walker(const Recurrence& rule, std::int64_t start)
      : rule_(completed(rule, start)), start_(start), first_(civil_from_days(start)) {}

  // The first day of the period that comes `number` intervals after the first one.
  std::int64_t begin_of(std::int64_t number) const {
    const std::int64_t steps = number * rule_.interval;
    switch (rule_.frequency) {
      case Frequency::daily:
        return start_ + steps;
      case Frequency::weekly:
        return start_ - (weekday(start_) - rule_.week_start + kWeek) % kWeek + steps * kWeek;
      case Frequency::monthly: {
        const std::int64_t month = first_.year * 12 + first_.month - 1 + steps;
        return days_from_civil({month / 12, static_cast<int>(month % 12) + 1, 1});
      }
      case Frequency::yearly:
        break;
    }
    return days_from_civil({first_.year + steps, 1, 1});
  }

  // The days of the period that the rule names.
  std::vector<std::int64_t> days_of(std::int64_t begin, std::int64_t& budget) const {
    std::vector<std::int64_t> days;
    const CivilDate date = civil_from_days(begin);
    if (rule_.frequency == Frequency::yearly) {
      for (int month = 1; month <= 12; ++month) {
        add_month(date.year, month, days, budget);
      }
    } else if (rule_.frequency == Frequency::monthly) {
      add_month(date.year, date.month, days, budget);
    } else {
      const int count = rule_.frequency == Frequency::weekly ? kWeek : 1;
      budget -= count;
      for (std::int64_t day = begin; day < begin + count; ++day) {
        if (matches(day, civil_from_days(day))) {
          days.push_back(day);
        }
      }
    }
    return rule_.positions.empty() ? days : chosen(days);
  }

 private:
  bool has_month(int month) const { return rule_.months == 0 || (rule_.months >> month & 1) != 0; }

  void add_month(std::int64_t year,
                 int month,
                 std::vector<std::int64_t>& days,
                 std::int64_t& budget) const {
    --budget;
    if (!has_month(month)) {
      return;
    }
    const int last = days_in_month(year, month);
    const std::int64_t before = days_from_civil({year, month, 1}) - 1;
    budget -= last;
    for (int day = 1; day <= last; ++day) {
      if (matches(before + day, {year, month, day})) {
        days.push_back(before + day);
      }
    }
  }

  bool matches(std::int64_t day, const CivilDate& date) const {
    return has_month(date.month) && matches_month_day(date) && matches_weekday(day, date);
  }

  bool matches_month_day(const CivilDate& date) const {
    const int from_end = date.day - days_in_month(date.year, date.month) - 1;
    return rule_.month_days.empty() || std::ranges::any_of(rule_.month_days, [&](int one) {
             return one == date.day || one == from_end;
           });
  }

  // Weekdays are counted in the month, or in the year when the rule names no months of it.
  bool matches_weekday(std::int64_t day, const CivilDate& date) const {
    if (rule_.weekdays.empty()) {
      return true;
    }
    const int its = weekday(day);
    return std::ranges::any_of(rule_.weekdays, [&](const Recurrence::Weekday& one) {
      if (one.day != its || one.nth == 0) {
        return one.day == its;
      }
      const bool by_year = rule_.frequency == Frequency::yearly && rule_.months == 0;
      const std::int64_t begin = days_from_civil({date.year, by_year ? 1 : date.month, 1});
      const std::int64_t end = by_year ? days_from_civil({date.year + 1, 1, 1})
                                       : begin + days_in_month(date.year, date.month);
      return one.nth > 0 ? (day - begin) / kWeek + 1 == one.nth
                         : (end - 1 - day) / kWeek + 1 == -one.nth;
    });
  }

  std::vector<std::int64_t> chosen(const std::vector<std::int64_t>& days) const {
    std::set<std::int64_t> kept;
    const auto size = static_cast<int>(days.size());
    for (const int position : rule_.positions) {
      const int index = position > 0 ? position - 1 : size + position;
      if (index >= 0 && index < size) {
        kept.insert(days[static_cast<std::size_t>(index)]);
      }
    }
    return {kept.begin(), kept.end()};
  }

  Recurrence rule_;
  std::int64_t start_;
  CivilDate first_;
};

}  // namespace

Outcome<Recurrence> parse_recurrence(std::string_view text) {
  return RuleReader().read(text);
}

bool walk(const Recurrence& rule,
          std::int64_t start,
          std::int64_t end,
          std::int64_t& budget,
          const std::function<bool(std::int64_t day)>& visit) {
  const Walker walker(rule, start);
  if (start >= end || !visit(start)) {
    return true;
  }
  int left = rule.count - 1;
  std::int64_t period = 0;
  for (std::int64_t begin = walker.begin_of(0); begin < end; begin = walker.begin_of(++period)) {
    for (const std::int64_t day : walker.days_of(begin, budget)) {
      if (day <= start) {
        continue;
      }
      if (day >= end || (rule.count > 0 && left-- <= 0) || !visit(day)) {
        return true;
      }
    }
    if (rule.count > 0 && left <= 0) {
      return true;
    }
    if (budget < 0) {
      return false;
    }
  }
  return true;
}

}  // namespace jobflow::schedule
