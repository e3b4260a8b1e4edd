// Definition files as they arrive, to checked definitions: every problem of every document at once,
// with its line.
#pragma once

#include "api/http.h"
#include "model/definition.h"
#include "model/handler_rules.h"
#include "model/rows.h"
#include "schedule/calendar_book.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::api {

struct DefinitionText {
  std::optional<DefinitionKind> kind;       // what it must be; unset: what each document says
  std::string name_space;                   // for documents that name none; "" leaves it to them
  std::string name;                         // what it must be called; "" = anything
  Instant now = {};                         // warnings speak of what comes after it
  const HandlerRules* forbidden = nullptr;  // handlers it may not name; outlives it
};

// One of a file: a definition, or without one a calendar.
struct Document {
  std::shared_ptr<const Definition> definition;
  CalendarRow calendar;
  std::vector<std::string> warnings = {};  // it can be saved, but may not do what it seems to
};

// The body of `request` as one definition, which may name these calendars.
Outcome<Document> read_definition(const Request& request,
                                  const DefinitionText& wanted,
                                  const schedule::CalendarBook& calendars);

// All of the body's; definitions may name its calendars, too.
Outcome<std::vector<Document>> read_documents(const Request& request,
                                              const DefinitionText& wanted,
                                              const schedule::CalendarBook& calendars);

// The body as one calendar: a document, or an iCalendar file.
Outcome<Document> read_calendar(const Request& request, const DefinitionText& wanted);

}  // namespace jobflow::api
