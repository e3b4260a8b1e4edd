#include "model/time.h"

#include "model/civil.h"
#include "model/limits.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace jobflow {
namespace {

constexpr std::int64_t kFirstPrintable = -62'167'219'200'000;  // 0000-01-01
constexpr std::int64_t kLastPrintable = 253'402'300'799'999;   // 9999-12-31T23:59:59.999
constexpr std::int64_t kEndOfYears = 4'102'444'800'000;        // 2100-01-01

char* put_digits(char* to, std::int64_t value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    to[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return to + width;
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text.substr(0, 64)) + "'";
}

// Reads a text from the left; once a read failed, `ok` stays false.
struct Cursor {
  std::string_view rest;
  bool ok = true;

  int digits(std::size_t count) {
    if (rest.size() < count ||
        !std::all_of(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(count), is_digit)) {
      ok = false;
      return 0;
    }
    int value = 0;
    for (const char c : rest.substr(0, count)) {
      value = value * 10 + (c - '0');
    }
    rest.remove_prefix(count);
    return value;
  }

  bool take(char c) {
    if (rest.empty() || rest.front() != c) {
      return false;
    }
    rest.remove_prefix(1);
    return true;
  }

  void need(char c) { ok = take(c) && ok; }

  // Digits after a point, as milliseconds; finer ones are dropped.
  int fraction_ms() {
    int value = 0;
    int count = 0;
    for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1), ++count) {
      if (count < 3) {
        value = value * 10 + (rest.front() - '0');
      }
    }
    ok = ok && count > 0 && count <= 9;
    for (int i = count; i < 3; ++i) {
      value *= 10;
    }
    return value;
  }

  // Z, or the distance from UTC in minutes.
  int offset_minutes() {
    if (take('Z') || take('z')) {
      return 0;
    }
    const bool west = take('-');
    if (!west) {
      need('+');
    }
    const int hours_part = digits(2);
    need(':');
    const int minutes_part = digits(2);
    ok = ok && hours_part <= 23 && minutes_part <= 59;
    const int total = hours_part * 60 + minutes_part;
    return west ? -total : total;
  }
};

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
// Largest first.
constexpr std::array<Unit, 5> kUnits{
    {{"d", kDayMs}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 2> kIsoDateUnits{{{"W", 7 * kDayMs}, {"D", kDayMs}}};
constexpr std::array<Unit, 3> kIsoTimeUnits{{{"H", 3'600'000}, {"M", 60'000}, {"S", 1000}}};

// One part such as "90s" or "1.5h": a number and a unit smaller than the one before. Moves `rest`.
template <std::size_t count>
std::optional<std::int64_t> take_part(std::string_view& rest,
                                      const std::array<Unit, count>& units,
                                      std::size_t& next_unit) {
  std::size_t length = 0;
  std::size_t point = std::string_view::npos;
  for (; length < rest.size() && (is_digit(rest[length]) || rest[length] == '.'); ++length) {
    if (rest[length] == '.') {
      if (point != std::string_view::npos) {
        return std::nullopt;
      }
      point = length;
    }
  }
  const std::string_view number = rest.substr(0, length);
  std::string_view after = rest.substr(length);
  std::size_t unit_length = 0;
  while (unit_length < after.size() && !is_digit(after[unit_length]) && after[unit_length] != 'T') {
    ++unit_length;
  }
  const std::string_view name = after.substr(0, unit_length);
  const auto unit = std::find_if(units.begin() + static_cast<std::ptrdiff_t>(next_unit),
                                 units.end(), [&](const Unit& u) { return u.name == name; });
  if (unit == units.end() || number.empty() || number.front() == '.' || number.back() == '.') {
    return std::nullopt;
  }
  const std::string_view whole_text = number.substr(0, point);
  std::int64_t whole = 0;
  if (std::from_chars(whole_text.data(), whole_text.data() + whole_text.size(), whole).ec !=
          std::errc{} ||
      whole > limits::kSpanMax.ms / unit->ms) {
    return std::nullopt;
  }
  std::int64_t ms = whole * unit->ms;
  if (point != std::string_view::npos) {
    std::int64_t scale = unit->ms;
    for (const char c : number.substr(point + 1)) {
      if (scale % 10 != 0) {
        return std::nullopt;  // finer than a millisecond
      }
      scale /= 10;
      ms += scale * (c - '0');
    }
  }
  next_unit = static_cast<std::size_t>(unit - units.begin()) + 1;
  rest = after.substr(unit_length);
  return ms;
}

template <std::size_t count>
bool take_parts(std::string_view& rest, const std::array<Unit, count>& units, std::int64_t& total) {
  std::size_t next_unit = 0;
  while (!rest.empty() && rest.front() != 'T') {
    const auto part = take_part(rest, units, next_unit);
    if (!part) {
      return false;
    }
    total += *part;
  }
  return true;
}

// After the "P". Years and months have no fixed length: they are no span.
std::optional<std::int64_t> parse_iso(std::string_view rest) {
  std::int64_t total = 0;
  if (rest.empty() || !take_parts(rest, kIsoDateUnits, total)) {
    return std::nullopt;
  }
  if (!rest.empty()) {
    rest.remove_prefix(1);  // T
    if (rest.empty() || !take_parts(rest, kIsoTimeUnits, total) || !rest.empty()) {
      return std::nullopt;
    }
  }
  return total;
}

std::optional<std::int64_t> parse_ms(std::string_view text) {
  if (text.empty()) {
    return std::nullopt;
  }
  if (text.front() == 'P') {
    return parse_iso(text.substr(1));
  }
  if (std::all_of(text.begin(), text.end(), is_digit)) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} ? std::optional(value) : std::nullopt;
  }
  std::int64_t total = 0;
  if (!take_parts(text, kUnits, total) || !text.empty()) {
    return std::nullopt;
  }
  return total;
}

}  // namespace

std::string to_rfc3339(Instant instant) {
  const std::int64_t ms = std::clamp(instant.ms, kFirstPrintable, kLastPrintable);
  const std::int64_t day_start = (ms >= 0 ? ms : ms - (kDayMs - 1)) / kDayMs;
  const std::int64_t of_day = ms - day_start * kDayMs;
  const CivilDate date = civil_from_days(day_start);
  std::array<char, 24> text;
  char* to = put_digits(text.data(), date.year, 4);
  *to++ = '-';
  to = put_digits(to, date.month, 2);
  *to++ = '-';
  to = put_digits(to, date.day, 2);
  *to++ = 'T';
  to = put_digits(to, of_day / 3'600'000, 2);
  *to++ = ':';
  to = put_digits(to, of_day / 60'000 % 60, 2);
  *to++ = ':';
  to = put_digits(to, of_day / 1000 % 60, 2);
  *to++ = '.';
  to = put_digits(to, of_day % 1000, 3);
  *to = 'Z';
  return {text.data(), text.size()};
}

Outcome<Instant> parse_rfc3339(std::string_view text) {
  Cursor cursor{text};
  const int year = cursor.digits(4);
  cursor.need('-');
  const int month = cursor.digits(2);
  cursor.need('-');
  const int day = cursor.digits(2);
  if (!cursor.take('T') && !cursor.take('t')) {
    cursor.need(' ');
  }
  const int hour = cursor.digits(2);
  cursor.need(':');
  const int minute = cursor.digits(2);
  cursor.need(':');
  const int second = cursor.digits(2);
  const int fraction = cursor.take('.') ? cursor.fraction_ms() : 0;
  const int offset = cursor.ok ? cursor.offset_minutes() : 0;
  if (!cursor.ok || !cursor.rest.empty()) {
    return Problem{ProblemCode::invalid,
                   quoted(text) +
                       " is not an instant: write it like 2026-11-22T17:33:04Z, or with "
                       "an offset like 2026-11-22T18:33:04+01:00"};
  }
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
      minute > 59 || second > 59) {
    return Problem{ProblemCode::invalid,
                   quoted(text) + " names a date or time that does not exist"};
  }
  const std::int64_t ms =
      days_from_civil({year, month, day}) * kDayMs +
      (static_cast<std::int64_t>(hour) * 3600 + minute * 60 + second - offset * 60) * 1000 +
      fraction;
  if (ms < 0 || ms >= kEndOfYears) {
    return Problem{ProblemCode::invalid, quoted(text) + " is outside the years 1970 to 2099"};
  }
  return Instant{ms};
}

Outcome<Span> parse_span(std::string_view text) {
  const auto ms = parse_ms(text);
  if (!ms) {
    return Problem{ProblemCode::invalid,
                   quoted(text) +
                       " is not a duration: write it like 250ms, 90s, 5m, 2h, 7d, 1h30m, "
                       "PT90S, or as whole milliseconds"};
  }
  if (*ms > limits::kSpanMax.ms) {
    return Problem{ProblemCode::invalid, quoted(text) + " is longer than the longest duration, " +
                                             to_text(limits::kSpanMax)};
  }
  return Span{*ms};
}

std::string to_text(Span span) {
  if (span.ms == 0) {
    return "0s";
  }
  // "90s" rather than "1m30s": the largest unit that holds it whole.
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                 [&](const Unit& u) { return span.ms % u.ms == 0; });
  return std::to_string(span.ms / unit->ms).append(unit->name);
}

}  // namespace jobflow
