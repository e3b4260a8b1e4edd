#include "schedule/calendar_book.h"

#include <algorithm>

namespace jobflow::schedule {

Outcome<Calendar> read_calendar(std::string_view document) {
  const auto value = parse_json(document);
  if (!value) {
    return value.problem();
  }
  const auto* object = value->if_object();
  const JsonValue* spec = object == nullptr ? nullptr : object->if_contains("spec");
  if (spec == nullptr) {
    return Problem{ProblemCode::invalid, "it has no spec"};
  }
  return Calendar::read(*spec);
}

void CalendarBook::take(const CalendarRow& row) {
  number_ = std::max(number_, row.number);
  std::shared_ptr<const Entry>& place = entries_[{row.name_space, row.name}];
  if (place && row.revision <= place->newest) {
    return;
  }
  Entry entry = place ? *place : Entry{.is_whole = row.revision == 1};
  entry.newest = row.revision;
  entry.is_deleted = row.deleted;
  entry.broken.clear();
  if (!row.deleted) {
    auto calendar = read_calendar(row.document);
    if (calendar) {
      // A clock that was set back makes no revision hold before the one it follows.
      const Instant since = entry.revisions.empty()
                                ? row.updated
                                : std::max(row.updated, entry.revisions.back().since);
      entry.revisions.push_back({since, std::move(calendar).value()});
    } else {
      entry.broken = calendar.problem().detail;
    }
  }
  if (entry.revisions.size() > revisions_) {
    entry.revisions.erase(entry.revisions.begin());
    entry.is_whole = false;
  }
  place = std::make_shared<const Entry>(std::move(entry));
}

std::shared_ptr<const CalendarBook::Entry> CalendarBook::find(const std::string& name_space,
                                                              const std::string& name) const {
  const auto found = entries_.find({name_space, name});
  return found == entries_.end() ? nullptr : found->second;
}

std::vector<std::string_view> CalendarBook::names_of(const std::string& name_space) const {
  std::vector<std::string_view> names;
  for (auto at = entries_.lower_bound({name_space, ""});
       at != entries_.end() && at->first.first == name_space; ++at) {
    if (!at->second->is_deleted) {
      names.push_back(at->first.second);
    }
  }
  return names;
}

}  // namespace jobflow::schedule
