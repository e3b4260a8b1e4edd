// The calendars of a world, which cover some seconds again and again (S4.5). Their names say which,
// so that a checker needs nothing but a schedule's text to know them; but people change the moving
// one, and what holds of that one only its revisions tell.
#pragma once

#include "model/rows.h"
#include "schedule/calendar_book.h"

#include <string>
#include <string_view>

namespace jobflow::sim {

std::string shut_name(Instant epoch, int stretch);
std::string moving_name(Instant epoch, int stretch);
// The text of a schedule names the moving one.
bool names_moving(std::string_view text);
CalendarRow shut_calendar(const std::string& name, int revision = 1);
// With those that the text names, in their first revision.
const schedule::CalendarBook& shut_book(std::string_view text);

}  // namespace jobflow::sim
