#include "schedule/warnings.h"

#include "schedule/openings.h"
#include "schedule/sentence.h"

#include <algorithm>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr Span kClockAhead = days(10 * 366);  // beyond, who knows what clocks will do
constexpr int kFruitlessLooks = 8;

// Where a zone's clock skips what is asked for, or shows it twice, and what is chosen for it.
void add_clock_warnings(const Schedule& schedule,
                        const Timetable& times,
                        Instant now,
                        std::vector<std::string>& warnings) {
  if (times.cron() == nullptr || times.zone() == nullptr) {
    return;
  }
  const Instant end = now + kClockAhead;
  const ClockNotes notes = first_clock_notes(
      *times.cron(), *times.zone(), schedule.gap, schedule.repeat, std::max(now, schedule.start),
      schedule.end.is_set() ? std::min(end, schedule.end) : end);
  const std::string where = "the clock of " + times.zone()->name() + ": ";
  if (!notes.skipped.empty()) {
    warnings.push_back(
        where + notes.skipped +
        (schedule.gap == GapRule::run_after ? "; with 'gap: skip' it would not run" : ""));
  }
  if (!notes.repeated.empty()) {
    warnings.push_back(where + notes.repeated +
                       (schedule.repeat == RepeatRule::first
                            ? "; 'repeat: second' or 'repeat: both' would choose otherwise"
                            : ""));
  }
}

// Whether its calendars let any instant through; yes where that takes too long to say.
bool is_ever_open(const Timetable& times, const Openings& open, Instant now) {
  Instant from = times.next_after(now);
  for (int looks = 0; looks < kFruitlessLooks && from != kNever; ++looks) {
    const OpenLook look = next_open(times, open, from, kNever);
    if (look.is_open) {
      return true;
    }
    from = look.at > from ? look.at : kNever;
  }
  return from != kNever;
}

}  // namespace

std::vector<std::string> trigger_warnings(const Schedule& schedule,
                                          const Timetable& times,
                                          const std::string& name_space,
                                          const CalendarBook& book,
                                          Instant now) {
  std::vector<std::string> warnings = times.warnings();
  if (!has_timetable(schedule.kind)) {
    return warnings;
  }
  if (times.next_after(now) == kNever) {
    if (warnings.empty()) {
      warnings.emplace_back("all of its instants are past: it will not fire any more");
    }
    return warnings;
  }
  add_clock_warnings(schedule, times, now, warnings);
  if (const auto open = Openings::make(schedule, name_space, book);
      open && names_calendars(schedule) && !is_ever_open(times, *open, now)) {
    warnings.emplace_back(
        "its calendars let none of its instants through: as they are, it will not fire any more");
  }
  return warnings;
}

std::vector<std::string> calendar_warnings(const Calendar& calendar, Instant now) {
  if (calendar.changes_after(now) != kNever) {
    return {};
  }
  if (calendar.is_empty()) {
    return {
        "it covers nothing: a trigger that includes only it never fires, and to exclude it "
        "changes nothing"};
  }
  return {calendar.covers(now)
              ? "it covers all time to come: a trigger that excludes it never fires, and to "
                "include it changes nothing"
              : "all that it covers is past: a trigger that includes only it will not fire any "
                "more, and to exclude it changes nothing"};
}

}  // namespace jobflow::schedule
