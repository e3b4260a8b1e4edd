// What is said of a definition when it is saved, and not again when it is read from the store: its
// cron expressions, its templates (S8.2), the params of built-in handlers.
#pragma once

#include "model/definition.h"
#include "schedule/calendar_book.h"

#include <vector>

namespace jobflow::engine {

// Every problem at once, each with its JSON pointer into the document: cron expressions that do
// not parse; templates that do not parse, name an unknown input, an unknown step, or a step that
// does not precede; templates in a job's params (a job has none);
// params that a built-in handler does not take; strategies that are not compiled in.
std::vector<FieldProblem> check_definition(const Definition& definition);

// Calendars that its triggers name and that are not there, each with its pointer.
std::vector<FieldProblem> check_calendars(const Definition& definition,
                                          const schedule::CalendarBook& book);

}  // namespace jobflow::engine
