// Instants and spans in whole milliseconds. Values; no clock is read here: time is an argument.
#pragma once

#include "model/outcome.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace jobflow {

// A length of time.
struct Span {
  std::int64_t ms = 0;

  constexpr auto operator<=>(const Span&) const = default;
  constexpr Span operator+(Span other) const { return {ms + other.ms}; }
  constexpr Span operator-(Span other) const { return {ms - other.ms}; }
  constexpr Span operator*(std::int64_t times) const { return {ms * times}; }
};

constexpr Span milliseconds(std::int64_t count) {
  return {count};
}
constexpr Span seconds(std::int64_t count) {
  return {count * 1000};
}
constexpr Span minutes(std::int64_t count) {
  return seconds(count * 60);
}
constexpr Span hours(std::int64_t count) {
  return minutes(count * 60);
}
constexpr Span days(std::int64_t count) {
  return hours(count * 24);
}

// A point in UTC, as milliseconds since 1970. Zero means "not set" wherever a field is optional.
struct Instant {
  std::int64_t ms = 0;

  constexpr auto operator<=>(const Instant&) const = default;
  constexpr bool is_set() const { return ms != 0; }
  constexpr Instant operator+(Span span) const { return {ms + span.ms}; }
  constexpr Instant operator-(Span span) const { return {ms - span.ms}; }
  constexpr Span operator-(Instant other) const { return {ms - other.ms}; }
};

// The last instant there is: "never".
inline constexpr Instant kNever{INT64_MAX};

// RFC 3339 in UTC with milliseconds: 2026-11-22T17:33:04.120Z.
std::string to_rfc3339(Instant instant);
// Accepts any offset; years 1970-2099.
Outcome<Instant> parse_rfc3339(std::string_view text);

// "250ms", "90s", "5m", "2h", "7d", ISO 8601 ("PT90S", "P1DT2H"), or a bare number of milliseconds.
Outcome<Span> parse_span(std::string_view text);
// The shortest exact form parse_span reads back: "90s", "250ms".
std::string to_text(Span span);

}  // namespace jobflow
