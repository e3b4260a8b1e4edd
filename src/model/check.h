// A programmer's error: check() aborts, always on, in release too.
// Domain outcomes are values (outcome.h); a broken world is an exception.
#pragma once

#include <source_location>

namespace jobflow {

[[noreturn]] void check_failed(const char* what, std::source_location where);

// Aborts with file, line and `what` unless `holds`.
inline void check(bool holds,
                  const char* what,
                  std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]] {
    check_failed(what, where);
  }
}

}  // namespace jobflow
