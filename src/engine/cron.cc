#include "engine/cron.h"

#include "engine/cron_field.h"
#include "model/civil.h"
#include "model/spelling.h"

#include <array>
#include <bit>

namespace jobflow::engine {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kEndDay = days_from_civil({2100, 1, 1});

struct Macro {
  std::string_view name;
  std::string_view expression;
};
constexpr std::array<Macro, 7> kMacros{{{"@yearly", "0 0 1 1 *"},
                                        {"@annually", "0 0 1 1 *"},
                                        {"@monthly", "0 0 1 * *"},
                                        {"@weekly", "0 0 * * 0"},
                                        {"@daily", "0 0 * * *"},
                                        {"@midnight", "0 0 * * *"},
                                        {"@hourly", "0 * * * *"}}};

Problem invalid(std::string detail) {
  return {ProblemCode::invalid, std::move(detail)};
}

Outcome<std::string_view> expand_macro(std::string_view text) {
  const std::string macro = lower_case(text);
  for (const Macro& known : kMacros) {
    if (macro == known.name) {
      return known.expression;
    }
  }
  if (macro == "@reboot") {
    return invalid(
        "@reboot is refused: a job belongs to the whole system, which has no moment of "
        "start; trigger the job from what starts instead");
  }
  if (macro.starts_with("@every")) {
    return invalid("@every is not supported yet: write fields, e.g. \"*/5 * * * *\"");
  }
  std::array<std::string_view, kMacros.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = kMacros[i].name;
  }
  return invalid("'" + std::string(text.substr(0, 32)) + "' is not a macro" +
                 did_you_mean(macro, names));
}

std::vector<CronText> split_fields(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<CronText> fields;
  for (std::size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;
       at = text.find_first_not_of(kBlanks, at)) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    fields.push_back({text.substr(at, end - at), static_cast<int>(at) + 1});
    at = end;
  }
  return fields;
}

int next_bit(std::uint64_t bits, int from) {
  const std::uint64_t left = from < 64 ? bits >> from << from : 0;
  return left == 0 ? -1 : std::countr_zero(left);
}

}  // namespace

Outcome<Cron> Cron::parse(std::string_view expression) {
  std::vector<CronText> texts = split_fields(expression);
  if (!texts.empty() && texts[0].text.front() == '@') {
    const auto expanded = expand_macro(texts[0].text);
    if (!expanded) {
      return expanded.problem();
    }
    if (texts.size() > 1) {
      return invalid("a macro such as " + std::string(texts[0].text) + " stands alone: drop '" +
                     std::string(texts[1].text) + "'");
    }
    texts = split_fields(*expanded);
  }
  if (!texts.empty() && texts[0].text.find('=') != std::string_view::npos) {
    return invalid("'" + std::string(texts[0].text) +
                   "' is not supported yet: expressions are read in UTC");
  }
  if (texts.size() == 7) {
    return invalid("7 fields (with a year) are not supported yet: drop the year");
  }
  if (texts.size() != 5 && texts.size() != 6) {
    return invalid(
        "a cron expression has 5 fields (minute, hour, day, month, weekday), or 6 with "
        "the second first; this one has " +
        std::to_string(texts.size()));
  }
  const bool has_seconds = texts.size() == 6;
  const std::size_t first = has_seconds ? 1 : 0;
  Cron cron;
  Problem problem{ProblemCode::invalid, ""};
  if (has_seconds) {
    cron.seconds_ = read_cron_field(CronUnit::second, texts[0], has_seconds, problem);
  }
  cron.minutes_ = read_cron_field(CronUnit::minute, texts[first], has_seconds, problem);
  cron.hours_ = read_cron_field(CronUnit::hour, texts[first + 1], has_seconds, problem);
  cron.days_ = read_cron_field(CronUnit::day, texts[first + 2], has_seconds, problem);
  cron.months_ = read_cron_field(CronUnit::month, texts[first + 3], has_seconds, problem);
  cron.weekdays_ = read_cron_field(CronUnit::weekday, texts[first + 4], has_seconds, problem);
  if (!problem.detail.empty()) {
    return problem;
  }
  cron.day_restricted_ = texts[first + 2].text != "*" && texts[first + 2].text != "?";
  cron.weekday_restricted_ = texts[first + 4].text != "*" && texts[first + 4].text != "?";
  if (cron.next_after(Instant{-1}) == kNever) {
    return invalid("no date ever matches: no month it names has day " +
                   std::string(texts[first + 2].text) + " (field day, column " +
                   std::to_string(texts[first + 2].column) + ")");
  }
  return cron;
}

// The first matching second of a day at or after the given one, or -1.
int Cron::next_second(int second_of_day) const {
  const int hour = second_of_day / 3600;
  const int minute = second_of_day / 60 % 60;
  const int second = second_of_day % 60;
  const int first_minute = std::countr_zero(minutes_);
  const int first_second = std::countr_zero(seconds_);
  if ((hours_ >> hour & 1) != 0) {
    if ((minutes_ >> minute & 1) != 0) {
      if (const int s = next_bit(seconds_, second); s >= 0) {
        return hour * 3600 + minute * 60 + s;
      }
    }
    if (const int m = next_bit(minutes_, minute + 1); m >= 0) {
      return hour * 3600 + m * 60 + first_second;
    }
  }
  const int h = next_bit(hours_, hour + 1);
  return h < 0 ? -1 : h * 3600 + first_minute * 60 + first_second;
}

// The matching days of a month, a bit a day. Both day fields restricted: either matches.
std::uint64_t Cron::days_of(std::int64_t year, int month) const {
  const int first = weekday_of(days_from_civil({year, month, 1}));
  const std::uint64_t week = (weekdays_ >> first | weekdays_ << (7 - first)) & 0x7f;
  const std::uint64_t by_weekday = (week | week << 7 | week << 14 | week << 21 | week << 28) << 1;
  const std::uint64_t all = (std::uint64_t{2} << days_in_month(year, month)) - 2;
  if (day_restricted_ && weekday_restricted_) {
    return (days_ | by_weekday) & all;
  }
  return (weekday_restricted_ ? by_weekday : days_) & all;
}

// The first matching day (since 1970) at or after the given one, or kEndDay.
std::int64_t Cron::next_day(std::int64_t day) const {
  CivilDate date = civil_from_days(day);
  while (date.year < 2100) {
    const int month = next_bit(months_, date.month);
    if (month < 0) {
      date = {date.year + 1, 1, 1};
      continue;
    }
    if (month != date.month) {
      date = {date.year, month, 1};
    }
    if (const int found = next_bit(days_of(date.year, month), date.day); found >= 0) {
      return days_from_civil({date.year, month, found});
    }
    date = month == 12 ? CivilDate{date.year + 1, 1, 1} : CivilDate{date.year, month + 1, 1};
  }
  return kEndDay;
}

Instant Cron::next_after(Instant instant) const {
  const std::int64_t from = instant.ms < 0 ? 0 : instant.ms / 1000 + 1;
  const std::int64_t today = from / kDaySeconds;
  if (today >= kEndDay) {
    return kNever;
  }
  std::int64_t day = next_day(today);
  int second = next_second(day == today ? static_cast<int>(from % kDaySeconds) : 0);
  if (second < 0) {  // today's last one is over
    day = next_day(today + 1);
    second = next_second(0);
  }
  return day >= kEndDay ? kNever : Instant{(day * kDaySeconds + second) * 1000};
}

// By halves: there is none after `latest`, and `last` is the latest that is known.
Instant Cron::last_between(Instant from, Instant end) const {
  Instant last = from;
  Instant latest{end.ms - 1};
  while (last < latest) {
    const Instant middle{last.ms + (latest.ms - last.ms) / 2};
    if (const Instant found = next_after(middle); found < end) {
      last = found;
    } else {
      latest = middle;
    }
  }
  return last;
}

// How many matching seconds of a day come before the given one.
std::int64_t Cron::seconds_before(std::int64_t second_of_day) const {
  const auto among = [](std::uint64_t bits, std::int64_t value) {
    return std::popcount(bits & ((std::uint64_t{1} << value) - 1));
  };
  const std::int64_t hour = second_of_day / 3600;
  const std::int64_t minute = second_of_day / 60 % 60;
  const std::int64_t a_minute = std::popcount(seconds_);
  const std::int64_t an_hour = a_minute * std::popcount(minutes_);
  std::int64_t count = an_hour * among(hours_, hour);
  if ((hours_ >> hour & 1) != 0) {
    count += a_minute * among(minutes_, minute);
    if ((minutes_ >> minute & 1) != 0) {
      count += among(seconds_, second_of_day % 60);
    }
  }
  return count;
}

std::int64_t Cron::count_between(Instant from, Instant end) const {
  const std::int64_t first = from.ms < 0 ? 0 : from.ms / 1000 + 1;
  const std::int64_t last = end.ms <= 0 ? 0 : (end.ms - 1) / 1000 + 1;  // not counted itself
  if (last <= first) {
    return 0;
  }
  const std::int64_t first_day = first / kDaySeconds;
  const std::int64_t last_day = last / kDaySeconds;
  std::int64_t count = 0;
  for (std::int64_t day = next_day(first_day); day <= last_day && day < kEndDay;
       day = next_day(day + 1)) {
    count += seconds_before(day == last_day ? last % kDaySeconds : kDaySeconds) -
             seconds_before(day == first_day ? first % kDaySeconds : 0);
  }
  return count;
}

}  // namespace jobflow::engine
