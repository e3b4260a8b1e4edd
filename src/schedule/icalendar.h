// Reads when the events of an iCalendar text (RFC 5545) take place, as holiday files and calendar
// programs write them. Pure.
//
// Events are read with their recurrences, exceptions and changed occurrences; cancelled ones are
// left out. Whether an event shows as busy (TRANSP) does not matter: holidays seldom do. Everything
// else in the text (VTIMEZONE, VTODO, VALARM ...) is passed over; TZID names an IANA zone. What
// cannot be read is a problem that names its line.
#pragma once

#include "model/outcome.h"
#include "model/time.h"
#include "schedule/zone.h"

#include <memory>
#include <string_view>
#include <vector>

namespace jobflow::schedule {

struct EventTimes {
  struct Days {  // readings of whole days
    Reading from;
    Reading end;
  };
  struct Moments {
    Instant from;
    Instant end;
  };
  std::vector<Days> days;        // of all-day events: midnight to midnight, on any zone's clock
  std::vector<Moments> moments;  // of the others
};

// `zone` is where times without a zone are meant. Up to the end of 2099; in no order; limits::
// kICalendarBytes, kCalendarStretches and kRecurrenceDays bound it.
Outcome<EventTimes> read_icalendar(std::string_view text, std::shared_ptr<const Zone> zone);

}  // namespace jobflow::schedule
