// What the program's exit says (interfaces 1).
#pragma once

#include "model/outcome.h"

namespace jobflow::cli {

enum ExitCode : int {
  kOk = 0,
  kError = 1,
  kUsage = 2,
  kRunFailed = 3,
  kTimedOut = 4,
  kNotFound = 5,
};

constexpr ExitCode exit_code_of(ProblemCode code) {
  return code == ProblemCode::not_found ? kNotFound : kError;
}

}  // namespace jobflow::cli
