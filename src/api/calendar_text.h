// A calendar as it arrives, a document or an iCalendar file, to the row that is stored (S4.5).
#pragma once

#include "api/http.h"
#include "api/yaml_document.h"
#include "model/rows.h"
#include "schedule/calendar.h"

#include <string>
#include <string_view>
#include <vector>

namespace jobflow::api {

// Without revision and time. A text that is none, with all that is wrong with it in `problems`.
CalendarRow decode_calendar(const boost::json::value& document,
                            std::vector<FieldProblem>& problems);

// Whether the request brings an iCalendar file.
bool is_icalendar(const Request& request);
// That file as a document, named and put into a zone by the query.
TextDocument wrap_icalendar(const Request& request);

}  // namespace jobflow::api
