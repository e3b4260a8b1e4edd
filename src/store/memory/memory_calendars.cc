#include "store/memory/memory_calendars.h"

#include "store/row_rules.h"

namespace jobflow::store::memory {

Outcome<Done> save_calendar(Tables& tables, CalendarRow row) {
  if (std::string why = why_refused(row); !why.empty()) {
    return Problem{ProblemCode::store_refused, std::move(why)};
  }
  int& newest = tables.calendar_revisions[{row.name_space, row.name}];
  if (row.revision != newest + 1) {
    return calendar_mismatch();
  }
  newest = row.revision;
  row.number = tables.calendars.empty() ? 1 : tables.calendars.rbegin()->first + 1;
  tables.calendars[row.number] = std::move(row);
  ++tables.rows_written;
  return Done{};
}

std::vector<CalendarRow> list_calendars(const Tables& tables, const CalendarFilter& filter) {
  std::vector<CalendarRow> found;
  for (auto at = tables.calendars.upper_bound(filter.after);
       at != tables.calendars.end() && static_cast<int>(found.size()) < filter.limit; ++at) {
    const CalendarRow& row = at->second;
    const int newest = tables.calendar_revisions.at({row.name_space, row.name});
    const bool is_wanted = filter.revision == 0 ? row.revision > newest - filter.newest
                                                : row.revision == filter.revision;
    if (is_wanted && (!filter.name_space || row.name_space == *filter.name_space) &&
        (!filter.name || row.name == *filter.name)) {
      found.push_back(row);
      if (!filter.with_document) {
        found.back().document.clear();
      }
    }
  }
  return found;
}

}  // namespace jobflow::store::memory
