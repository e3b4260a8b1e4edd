#include "schedule/cron.h"

#include "model/civil.h"
#include "model/spelling.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kEndDay = days_from_civil({kLastYear + 1, 1, 1});
constexpr int kWeek = 7;

struct Macro {
  std::string_view name;
  std::string_view fields;
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

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

std::vector<CronText> words_of(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  std::vector<CronText> words;
  for (std::size_t at = text.find_first_not_of(kBlanks); at != std::string_view::npos;
       at = text.find_first_not_of(kBlanks, at)) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.push_back({text.substr(at, end - at), static_cast<int>(at) + 1});
    at = end;
  }
  return words;
}

Outcome<CronParts> split_macro(const std::vector<CronText>& words, std::size_t first) {
  const std::string macro = lower_case(words[first].text);
  if (macro == "@every") {
    if (words.size() != first + 2) {
      return invalid("@every takes one span of time, e.g. @every 90s");
    }
    return CronParts{.zone = {}, .every = std::string(words[first + 1].text), .fields = {}};
  }
  if (words.size() > first + 1) {
    return invalid("a macro such as " + std::string(words[first].text) + " stands alone: drop '" +
                   std::string(words[first + 1].text) + "'");
  }
  const auto* known = std::ranges::find(kMacros, macro, &Macro::name);
  if (known != kMacros.end()) {
    return CronParts{
        .zone = {}, .every = {}, .fields = std::string(known->fields), .is_macro = true};
  }
  if (macro == "@reboot") {
    return invalid(
        "@reboot is refused: a job belongs to the whole system, which has no moment of start; "
        "trigger the job from what starts instead");
  }
  std::array<std::string_view, kMacros.size() + 1> names{"@every"};
  std::ranges::transform(kMacros, names.begin() + 1, &Macro::name);
  return invalid("'" + std::string(words[first].text.substr(0, 32)) + "' is not a macro" +
                 did_you_mean(macro, names));
}

int next_bit(std::uint64_t bits, int from) {
  const std::uint64_t left = from < 64 ? bits >> from << from : 0;
  return left == 0 ? -1 : std::countr_zero(left);
}

// The lowest 64 values.
std::uint64_t bits_of(const CronField& field) {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  return (field.values & decltype(field.values)(kAll)).to_ullong();
}

// What forced Quartz and six or seven fields ask of the two day fields (S4.2).
std::string day_fields_wrong(const CronField& day,
                             const CronField& weekday,
                             const CronReading& reading,
                             CronText place) {
  const std::string where = "cron field weekday (column " + std::to_string(place.column) + "): ";
  if (reading.dialect == CronDialect::quartz && day.is_question == weekday.is_question) {
    return where + "Quartz wants '?' in exactly one of day and weekday: " +
           (weekday.is_open ? "write '?' here" : "write '?' in the one that does not matter");
  }
  if (reading.has_seconds && !day.is_open && !weekday.is_open) {
    return where +
           "day and weekday are both restricted, which dialects with seconds read in different "
           "ways: write '?' in one of them, and make two triggers if either shall do";
  }
  return {};
}

}  // namespace

Outcome<CronParts> split_cron(std::string_view expression) {
  // A text block of a file ends with a line's end.
  expression = expression.substr(0, expression.find_last_not_of(" \t\r\n") + 1);
  const std::vector<CronText> words = words_of(expression);
  std::string zone;
  std::size_t first = 0;
  if (!words.empty()) {
    const std::size_t equals = words[0].text.find('=');
    const std::string_view name = words[0].text.substr(0, equals);
    if (equals != std::string_view::npos) {
      if (name != "CRON_TZ" && name != "TZ") {
        return invalid("'" + std::string(words[0].text.substr(0, 32)) +
                       "': only CRON_TZ=Zone or TZ=Zone may stand before the fields");
      }
      zone = words[0].text.substr(equals + 1);
      if (zone.empty()) {
        return invalid("a zone is missing after " + std::string(name) + "=");
      }
      first = 1;
    }
  }
  if (words.size() <= first) {
    return invalid("a cron expression is missing");
  }
  Outcome<CronParts> parts = CronParts{.zone = {}, .every = {}, .fields = {}};
  if (words[first].text.front() == '@') {
    parts = split_macro(words, first);
  } else {
    // Blanks in the prefix's place: columns stay what they are.
    const auto before = static_cast<std::size_t>(words[first].column - 1);
    parts->fields = std::string(before, ' ') + std::string(expression.substr(before));
  }
  if (parts) {
    parts->zone = std::move(zone);
  }
  return parts;
}

Outcome<Cron> Cron::parse(std::string_view fields, CronDialect dialect, std::uint64_t hash) {
  const std::vector<CronText> texts = words_of(fields);
  const std::size_t count = texts.size();
  if (count < 5 || count > 7) {
    return invalid(
        "a cron expression has 5 fields (minute, hour, day, month, weekday), 6 with the second "
        "first, or 7 with the year last; this one has " +
        std::to_string(count));
  }
  if ((dialect == CronDialect::unix_cron && count != 5) ||
      (dialect == CronDialect::quartz && count == 5)) {
    return invalid(dialect == CronDialect::quartz
                       ? "Quartz has 6 or 7 fields, the second first; this has 5"
                       : "Unix cron has 5 fields; this has " + std::to_string(count));
  }
  CronReading reading{
      .dialect = dialect, .has_seconds = count > 5, .hash = hash, .wrong = {}, .warnings = {}};
  const std::size_t first = reading.has_seconds ? 1 : 0;
  Cron cron;
  const CronText zero{"0", 0};
  const CronText all{"*", 0};
  cron.second_ = read_cron_field(CronUnit::second, reading.has_seconds ? texts[0] : zero, reading);
  cron.minute_ = read_cron_field(CronUnit::minute, texts[first], reading);
  cron.hour_ = read_cron_field(CronUnit::hour, texts[first + 1], reading);
  cron.day_ = read_cron_field(CronUnit::day, texts[first + 2], reading);
  cron.month_ = read_cron_field(CronUnit::month, texts[first + 3], reading);
  cron.weekday_ = read_cron_field(CronUnit::weekday, texts[first + 4], reading);
  cron.year_ = read_cron_field(CronUnit::year, count == 7 ? texts[6] : all, reading);
  if (reading.wrong.empty()) {
    reading.wrong = day_fields_wrong(cron.day_, cron.weekday_, reading, texts[first + 4]);
  }
  if (!reading.wrong.empty()) {
    return invalid(reading.wrong);
  }
  cron.warnings_ = std::move(reading.warnings);
  cron.seconds_ = bits_of(cron.second_);
  cron.minutes_ = bits_of(cron.minute_);
  cron.hours_ = bits_of(cron.hour_);
  cron.months_ = bits_of(cron.month_);
  if (cron.next_day(0, kEndDay) >= kEndDay) {
    Cron any_year = cron;
    any_year.year_.values.set();
    if (any_year.next_day(0, kEndDay) < kEndDay) {
      return invalid("no date ever matches: no year of '" + std::string(texts[6].text) +
                     "' has such a day (field year, column " + std::to_string(texts[6].column) +
                     ")");
    }
    return invalid("no date from 1970 to 2099 ever matches: no month it names has day " +
                   std::string(texts[first + 2].text) + " (field day, column " +
                   std::to_string(texts[first + 2].column) + ")");
  }
  return cron;
}

const CronField& Cron::field(CronUnit unit) const {
  switch (unit) {
    case CronUnit::second:
      return second_;
    case CronUnit::minute:
      return minute_;
    case CronUnit::hour:
      return hour_;
    case CronUnit::day:
      return day_;
    case CronUnit::month:
      return month_;
    case CronUnit::weekday:
      return weekday_;
    case CronUnit::year:
      break;
  }
  return year_;
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

namespace {

// Bit d: the month's day d.
struct Month {
  int first_weekday;
  int days;
  int weekday(int day) const { return (first_weekday + day - 1) % kWeek; }
  std::uint64_t all() const { return (std::uint64_t{2} << days) - 2; }
  // The working day nearest to a day, without leaving the month.
  int near(int day) const {
    const int weekday_of_it = weekday(day);
    if (weekday_of_it == 6) {
      return day == 1 ? 3 : day - 1;
    }
    if (weekday_of_it == 0) {
      return day == days ? day - 2 : day + 1;
    }
    return day;
  }
};

std::uint64_t by_day(const CronField& field, const Month& month) {
  std::uint64_t found = bits_of(field);
  for (int before = next_bit(field.before_last, 0); before >= 0 && before < month.days;
       before = next_bit(field.before_last, before + 1)) {
    found |= std::uint64_t{1} << (month.days - before);
  }
  for (int day = next_bit(field.near, 1); day >= 1 && day <= month.days;
       day = next_bit(field.near, day + 1)) {
    found |= std::uint64_t{1} << month.near(day);
  }
  for (int before = next_bit(field.near_last, 0); before >= 0 && before < month.days;
       before = next_bit(field.near_last, before + 1)) {
    found |= std::uint64_t{1} << month.near(month.days - before);
  }
  return found & month.all();
}

std::uint64_t by_weekday(const CronField& field, const Month& month) {
  const std::uint64_t weekdays = bits_of(field);
  std::uint64_t found = 0;
  for (int day = 1; day <= month.days; ++day) {
    const int weekday = month.weekday(day);
    const auto nth = static_cast<std::size_t>((day - 1) / kWeek + 1);
    const bool is_last = day + kWeek > month.days;
    if ((weekdays >> weekday & 1) != 0 || (field.nth[nth] >> weekday & 1) != 0 ||
        (is_last && (field.last >> weekday & 1) != 0)) {
      found |= std::uint64_t{1} << day;
    }
  }
  return found;
}

}  // namespace

// The matching days of a month, a bit a day. Both day fields restricted: either matches.
std::uint64_t Cron::days_of(std::int64_t year, int month) const {
  const Month its{weekday_of(days_from_civil({year, month, 1})), days_in_month(year, month)};
  if (weekday_.is_open) {
    return by_day(day_, its);
  }
  return by_weekday(weekday_, its) | (day_.is_open ? 0 : by_day(day_, its));
}

// The first matching day (since 1970) at or after the given one, or `end` or later.
std::int64_t Cron::next_day(std::int64_t day, std::int64_t end) const {
  CivilDate date = civil_from_days(day);
  while (date.year <= kLastYear) {
    if (!year_.values.test(static_cast<std::size_t>(date.year - kFirstYear))) {
      date = {date.year + 1, 1, 1};
      continue;
    }
    const int month = next_bit(months_, date.month);
    if (month < 0) {
      date = {date.year + 1, 1, 1};
      continue;
    }
    if (month != date.month) {
      date = {date.year, month, 1};
    }
    if (days_from_civil(date) >= end) {
      return end;
    }
    if (const int found = next_bit(days_of(date.year, month), date.day); found >= 0) {
      return days_from_civil({date.year, month, found});
    }
    date = month == 12 ? CivilDate{date.year + 1, 1, 1} : CivilDate{date.year, month + 1, 1};
  }
  return kEndDay;
}

Reading Cron::next(Reading from, Reading end) const {
  from = std::max<Reading>(from, 0);
  end = std::min(end, kEndDay * kDaySeconds);
  if (from >= end) {
    return kNone;
  }
  const std::int64_t today = from / kDaySeconds;
  const std::int64_t end_day = (end - 1) / kDaySeconds + 1;
  std::int64_t day = next_day(today, end_day);
  int second = next_second(day == today ? static_cast<int>(from % kDaySeconds) : 0);
  if (second < 0) {  // today's last one is over
    day = next_day(today + 1, end_day);
    second = next_second(0);
  }
  const Reading found = day * kDaySeconds + second;
  return day < end_day && found < end ? found : kNone;
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

std::int64_t Cron::count(Reading from, Reading end) const {
  from = std::max<Reading>(from, 0);
  end = std::min(end, kEndDay * kDaySeconds);
  if (from >= end) {
    return 0;
  }
  const std::int64_t first_day = from / kDaySeconds;
  const std::int64_t last_day = end / kDaySeconds;
  std::int64_t count = 0;
  for (std::int64_t day = next_day(first_day, last_day + 1); day <= last_day && day < kEndDay;
       day = next_day(day + 1, last_day + 1)) {
    count += seconds_before(day == last_day ? end % kDaySeconds : kDaySeconds) -
             seconds_before(day == first_day ? from % kDaySeconds : 0);
  }
  return count;
}

}  // namespace jobflow::schedule
