// Saving and deleting calendars: read, compared, written as the next revision, and heeded by this
// member before the answer (S4.5, house 3a).
#pragma once

#include "api/condition.h"
#include "api/exchange.h"
#include "model/rows.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::api {

// A calendar's current revision, deleted or not; nothing when there never was one. On the
// exchange's loop.
void find_calendar(const ExchangePtr& exchange,
                   const std::string& name_space,
                   const std::string& name,
                   std::function<void(std::optional<CalendarRow>)> next);

using CalendarSaved = std::function<void(Outcome<engine::Reply>)>;

// `row` without revision, time and principal. With `is_dry` nothing is written.
void save_calendar(const ExchangePtr& exchange,
                   CalendarRow row,
                   const Condition& condition,
                   bool is_dry,
                   CalendarSaved done);
// Refused while a definition names it, unless forced (S2.3).
void delete_calendar(const ExchangePtr& exchange,
                     const CalendarRow& row,
                     const Condition& condition,
                     bool force,
                     CalendarSaved done);

// The calendars as they are now, for a definition that names some: another member may have just
// made them. On the exchange's loop.
void with_calendars(const ExchangePtr& exchange,
                    std::function<void(std::shared_ptr<const schedule::CalendarBook>)> next);

}  // namespace jobflow::api
