// The calendar of a world, which covers some seconds again and again (S4.5). Its name says which,
// so that a checker needs nothing but a schedule's text to know them.
#pragma once

#include "model/rows.h"
#include "schedule/calendar_book.h"

#include <string>
#include <string_view>

namespace jobflow::sim {

std::string shut_name(Instant epoch, int stretch);
CalendarRow shut_calendar(const std::string& name);
// With the one that the text names, if it does.
const schedule::CalendarBook& shut_book(std::string_view text);

}  // namespace jobflow::sim
