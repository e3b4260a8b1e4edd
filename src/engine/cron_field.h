// One field of a cron expression, read into a bit a value (S4.2). Pure.
#pragma once

#include "model/outcome.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::engine {

// A piece of the expression, and the column (from 1) where it stands.
struct CronText {
  std::string_view text;
  int column = 1;
};

enum class CronUnit : std::uint8_t { second, minute, hour, day, month, weekday };

// The values that match; 0 when the field is wrong: then `problem` says why, unless it already
// tells of an earlier field. With leading seconds, digits in the weekday are refused: they mean
// another day in each dialect.
std::uint64_t read_cron_field(CronUnit unit, CronText field, bool has_seconds, Problem& problem);

std::string lower_case(std::string_view text);

}  // namespace jobflow::engine
