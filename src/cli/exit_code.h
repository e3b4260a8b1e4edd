// What the program's exit says (interfaces 1).
#pragma once

#include "model/outcome.h"

namespace jobflow::cli {

using ExitCode = int;

inline constexpr ExitCode kOk = 0;
inline constexpr ExitCode kError = 1;
inline constexpr ExitCode kUsage = 2;
inline constexpr ExitCode kRunFailed = 3;
inline constexpr ExitCode kTimedOut = 4;
inline constexpr ExitCode kNotFound = 5;

constexpr ExitCode exit_code_of(ProblemCode code) {
  return code == ProblemCode::not_found ? kNotFound : kError;
}

}  // namespace jobflow::cli
