// The calendars of the memory store. Not thread-safe: the database's mutex guards them.
#pragma once

#include "store/memory/memory_tables.h"

#include <vector>

namespace jobflow::store::memory {

Outcome<Done> save_calendar(Tables& tables, CalendarRow row);
std::vector<CalendarRow> list_calendars(const Tables& tables, const CalendarFilter& filter);

}  // namespace jobflow::store::memory
