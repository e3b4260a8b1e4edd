#include "cli/time_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace jobflow::cli {
namespace {

std::tm local_of(Instant instant) {
  std::int64_t whole = instant.ms / 1000;
  if (instant.ms % 1000 < 0) {
    --whole;
  }
  const auto time = static_cast<std::time_t>(whole);
  std::tm parts{};
  localtime_r(&time, &parts);
  return parts;
}

}  // namespace

std::string local_text(Instant instant) {
  if (!instant.is_set()) {
    return {};
  }
  const std::tm at = local_of(instant);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", at.tm_year + 1900, at.tm_mon + 1,
                     at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec);
}

std::string local_clock_text(Instant instant) {
  const std::tm at = local_of(instant);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", at.tm_hour, at.tm_min, at.tm_sec,
                     ((instant.ms % 1000) + 1000) % 1000);
}

std::string relative_text(Instant instant, Instant now) {
  if (!instant.is_set()) {
    return {};
  }
  const Span away = instant > now ? instant - now : now - instant;
  std::string amount;
  if (away < seconds(1)) {
    return instant > now ? "in a moment" : "just now";
  }
  if (away < minutes(1)) {
    amount = fmt::format("{} s", away.ms / 1000);
  } else if (away < hours(1)) {
    amount = fmt::format("{} min", away.ms / minutes(1).ms);
  } else if (away < days(1)) {
    amount = fmt::format("{} h", away.ms / hours(1).ms);
  } else {
    amount = fmt::format("{} d", away.ms / days(1).ms);
  }
  return instant > now ? "in " + amount : amount + " ago";
}

std::string span_text(Span span) {
  const std::int64_t ms = std::max<std::int64_t>(span.ms, 0);
  if (ms < 1000) {
    return fmt::format("{:.2f} s", static_cast<double>(ms) / 1000);
  }
  if (ms < 59'950) {
    return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
  }
  const std::int64_t whole = ms / 1000;
  if (ms < hours(1).ms) {
    return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  }
  if (ms < days(1).ms) {
    return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  }
  return fmt::format("{} d {} h", whole / 86400, whole / 3600 % 24);
}

}  // namespace jobflow::cli
