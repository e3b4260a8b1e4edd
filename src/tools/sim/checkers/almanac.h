// When a schedule is due, reckoned for the checkers: rates, single instants and the plain crons of
// every n seconds with arithmetic of their own; other crons as the schedule room says, which the
// oracles of its own tests judge.
#pragma once

#include "model/definition.h"
#include "schedule/timetable.h"

#include <cstdint>
#include <optional>

namespace jobflow::sim {

class Almanac {
 public:
  Almanac() = default;
  // `anchor`: when it was saved (S4.7).
  Almanac(const Schedule& schedule, Instant anchor, std::uint64_t hash);

  // What comes of an end has no instants of its own.
  bool has_instants() const { return has_instants_; }
  // The first due instant after that one; kNever when there is none.
  Instant next(Instant after) const;

 private:
  Instant unbounded(Instant after) const;

  bool has_instants_ = false;
  Schedule schedule_;
  Instant first_;  // of a rate; or the one instant
  Span every_;     // not 0: from `first_` on
  std::optional<schedule::Timetable> times_;
};

}  // namespace jobflow::sim
