// When a trigger may fire: within one of the calendars it includes, when it includes any, and
// within none that it excludes; each by the revision that held at the instant (S4.5). Values; pure.
#pragma once

#include "model/schedule.h"
#include "schedule/calendar_book.h"
#include "schedule/timetable.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::schedule {

bool names_calendars(const Schedule& schedule);

class Openings {
 public:
  // Always open.
  Openings() = default;
  // The schedule's calendars are of its definition's name space. A problem: one of them is not
  // there, or cannot be read. The book may go.
  static Outcome<Openings> make(const Schedule& schedule,
                                const std::string& name_space,
                                const CalendarBook& book);

  // For instants that are past, of calendars that may be gone.
  static Openings past(const Schedule& schedule,
                       const std::string& name_space,
                       const CalendarBook& book);

  bool are_always() const { return include_.empty() && exclude_.empty(); }
  // They never open at all, whatever the instant.
  bool are_never() const;
  bool covers(Instant instant) const;
  // No change of covers() lies between; kNever: it never changes any more.
  Instant changes_after(Instant instant) const;
  // Whether one of the calendars was changed so near to it.
  bool changed_near(Instant instant, Span span) const;
  // What held before is not known.
  Instant known_from() const { return known_from_; }

 private:
  using Entry = CalendarBook::Entry;
  static const Calendar& held(const Entry& entry, Instant instant);
  void add(std::vector<std::shared_ptr<const Entry>>& into, std::shared_ptr<const Entry> entry);
  template <class Visit>
  void each(Visit visit) const;

  std::vector<std::shared_ptr<const Entry>> include_, exclude_;
  Instant known_from_{INT64_MIN};
};

// How far a look for an open instant came.
struct OpenLook {
  Instant at;            // it is here, or none lies before
  bool is_open = false;  // it was found
};
// The first due instant from `from` on and before `until` that is open. At most kCalendarSteps
// stretches are gone through, so it may end earlier.
OpenLook next_open(const Timetable& times, const Openings& open, Instant from, Instant until);

// Neighbouring due instants, all of them open or none.
struct DueGroup {
  Instant from, to;  // both are due
  std::int64_t count = 1;
  bool is_open = true;
};
// Those from `first`, which is due, to `last`: the first kCalendarSteps stretches of them.
std::vector<DueGroup> due_groups(const Timetable& times,
                                 const Openings& open,
                                 Instant first,
                                 Instant last);

}  // namespace jobflow::schedule
