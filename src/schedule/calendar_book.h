// Every calendar there is, each with its newest revisions: an instant goes by the one that held
// then, however much later it is judged (S4.5, S4.8). A value, cheap to copy; grows by the rows
// that changed; pure.
#pragma once

#include "model/limits.h"
#include "model/rows.h"
#include "schedule/calendar.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobflow::schedule {

// What a calendar says. `document` is a row's.
Outcome<Calendar> read_calendar(std::string_view document);

class CalendarBook {
 public:
  struct Revision {
    Instant since;
    Calendar calendar;
  };
  struct Entry {
    // In order, the first one holding for ever before. Where it was deleted, the one before holds
    // on.
    std::vector<Revision> revisions;
    int newest = 0;
    bool is_deleted = false;
    bool is_whole = false;  // there is nothing older
    std::string broken;     // why its newest revision cannot be read
  };

  // Keeps so many revisions of each.
  explicit CalendarBook(std::size_t revisions = limits::kCalendarRevisions)
      : revisions_(revisions) {}

  // In the order of their numbers; one that is here already changes nothing.
  void take(const CalendarRow& row);
  // Of the newest change that is here.
  std::int64_t number() const { return number_; }

  // Null: it has never been there.
  std::shared_ptr<const Entry> find(const std::string& name_space, const std::string& name) const;
  // Of those that are not deleted.
  std::vector<std::string_view> names_of(const std::string& name_space) const;

 private:
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const Entry>> entries_;
  std::int64_t number_ = 0;
  std::size_t revisions_;
};

}  // namespace jobflow::schedule
