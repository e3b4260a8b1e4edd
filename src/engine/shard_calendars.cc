// What a trigger's calendars keep from running (S4.5): its due instants stay due, and the ledger
// says that they were skipped; but the wheel wakes it only for the next one that may run, and a
// whole night is one row.
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {

void Shard::Inside::set_calendars(std::shared_ptr<const schedule::CalendarBook> book) {
  calendars_ = std::move(book);
  for (const Id id : std::exchange(held_, {})) {
    const Found found = find_trigger(id);
    if (found.trigger != nullptr && found.trigger->row.progress.state == TriggerState::active) {
      wheel_.arm({found.trigger->row.progress.next_due, id, TimerSubject::trigger});
    }
  }
}

Outcome<schedule::Openings> Shard::Inside::openings_of(const Known& known,
                                                       const TriggerSpec& spec) const {
  return schedule::names_calendars(spec.schedule)
             ? schedule::Openings::make(spec.schedule, known.row.name_space, *calendars_)
             : Outcome<schedule::Openings>(schedule::Openings{});
}

// When it is to be settled next. Not before one of its instants may run; but what cannot run is in
// the ledger a day later, or at once when there is no more to come in that day.
Instant Shard::Inside::settles_at(const Known& known,
                                  Trigger& trigger,
                                  const schedule::Openings& open,
                                  Instant now) {
  const Instant due = trigger.row.progress.next_due;
  if (open.covers(due)) {
    return due;
  }
  const schedule::Timetable* times = times_of(known, trigger);
  if (times == nullptr) {  // a delay: it is due when they open, and nothing is skipped
    return opens_at(open, due, now);
  }
  const Instant end = due + limits::kCalendarLook;
  const schedule::OpenLook look = schedule::next_open(*times, open, due, end);
  return !look.is_open && times->next_after(due) >= end ? due : look.at;
}

// When a delay that is due from `due` on may run, as far as a day's look goes, back and ahead.
Instant Shard::Inside::opens_at(const schedule::Openings& open, Instant due, Instant now) {
  if (open.covers(due)) {
    return due;
  }
  Instant at = std::max(due, now - limits::kCalendarLook);
  const Instant end = std::max(due, now) + limits::kCalendarLook;
  for (int step = 0; step < limits::kCalendarSteps && at < end; ++step) {
    if (open.covers(at)) {
      return at;
    }
    at = open.changes_after(at);
  }
  return end;
}

// True: nothing is to be settled yet, and the wheel is armed anew.
bool Shard::Inside::is_kept_off(const Turn& turn, const Known& known, Trigger& trigger) {
  const TriggerSpec& spec = spec_of(known, trigger);
  if (!schedule::names_calendars(spec.schedule)) {
    return false;
  }
  const auto open = openings_of(known, spec);
  // One that has just been saved may name a calendar that this member has not heard of yet.
  const Instant at =
      open ? settles_at(known, trigger, *open, turn.now) : known.row.updated + limits::kCalendarLag;
  if (at <= turn.now) {
    return false;
  }
  trigger.held = at;
  held_.insert(trigger.row.id);
  wheel_.arm({at, trigger.row.id, TimerSubject::trigger});
  return true;
}

// What came due up to now and could not run, before all else, whatever happens to the trigger. The
// rest is left in `due`, whose count may be 0.
void Shard::Inside::skip_kept_off(Turn& turn, Known& known, Trigger& trigger, DueInstants& due) {
  const auto open = openings_of(known, spec_of(known, trigger));
  if (!open || open->covers(due.first)) {
    return;
  }
  const schedule::Timetable* times = times_of(known, trigger);
  if (times == nullptr) {
    due.count = opens_at(*open, due.first, latest(turn)) > latest(turn) ? 0 : 1;
    return;
  }
  const schedule::DueGroup kept = schedule::due_groups(*times, *open, due.first, due.last).front();
  skip(turn, trigger, kept.from, kept.to, kept.count, "calendar");
  due.first = times->next_after(kept.to);
  due.count -= kept.count;
}

}  // namespace jobflow::engine
