// A calendar: which stretches of time it covers, for triggers to fire only within, or never within
// (S4.5). Immutable, cheap to copy and to ask; pure.
//
//   {"timezone": "Europe/Berlin",                            whose clock the rest means; UTC
//    "dates":    ["2026-12-24", "2026-12-27/2027-01-02"],    whole days; the last one included
//    "yearly":   ["12-25", "12-24/01-02"],                   the same in every year
//    "weekly":   [{"days": ["MON-THU", "SAT"],               every day when there are none
//                  "from": "22:00", "to": "06:00"}],         00:00 to 24:00; over midnight when
//                                                            `to` is not after `from`
//    "icalendar": "BEGIN:VCALENDAR ..."}                     schedule/icalendar.h
//
// All it names is covered. An instant is covered by what the zone's clock shows then: an hour shown
// twice is covered twice, and midnight is where the clock has it.
#pragma once

#include "model/definition_fields.h"
#include "model/json.h"
#include "model/outcome.h"
#include "model/time.h"

#include <memory>
#include <string>
#include <vector>

namespace jobflow::schedule {

class Calendar {
 public:
  // What is wrong goes to `problems`, with pointers below `pointer`.
  static Calendar read(const JsonValue& document, std::string pointer, ProblemList& problems);
  // The problem's fields have every place that is wrong.
  static Outcome<Calendar> read(const JsonValue& document);

  // Covers nothing.
  Calendar() = default;

  bool covers(Instant instant) const;
  // The first instant after it at which covers() changes; kNever when there is none before 2100.
  Instant changes_after(Instant instant) const;

  // Covers nothing from 1970 to 2099: what fires only within it never fires.
  bool is_empty() const { return changes_->empty(); }

 private:
  // Where covers() changes, first to true.
  std::shared_ptr<const std::vector<Instant>> changes_ =
      std::make_shared<const std::vector<Instant>>();
};

}  // namespace jobflow::schedule
