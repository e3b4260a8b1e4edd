// What a person should hear who saves a trigger or a calendar: it can be read, but may not do what
// it seems to (S4.2, S4.4, S4.5). In English; pure.
#pragma once

#include "model/schedule.h"
#include "schedule/calendar_book.h"
#include "schedule/timetable.h"

#include <string>
#include <vector>

namespace jobflow::schedule {

// From `now` on. `times` are the schedule's; its calendars are of `name_space`, and what the book
// does not have is not spoken of.
std::vector<std::string> trigger_warnings(const Schedule& schedule,
                                          const Timetable& times,
                                          const std::string& name_space,
                                          const CalendarBook& book,
                                          Instant now);

std::vector<std::string> calendar_warnings(const Calendar& calendar, Instant now);

}  // namespace jobflow::schedule
