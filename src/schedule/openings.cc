#include "schedule/openings.h"

#include "model/limits.h"
#include "model/spelling.h"

#include <algorithm>

namespace jobflow::schedule {
namespace {

constexpr Span kTick = milliseconds(1);

}  // namespace

bool names_calendars(const Schedule& schedule) {
  return !schedule.include.empty() || !schedule.exclude.empty();
}

Outcome<Openings> Openings::make(const Schedule& schedule,
                                 const std::string& name_space,
                                 const CalendarBook& book) {
  Openings open;
  for (const auto& [names, into] :
       {std::pair{&schedule.include, &open.include_}, {&schedule.exclude, &open.exclude_}}) {
    for (const std::string& name : *names) {
      const std::shared_ptr<const Entry> entry = book.find(name_space, name);
      if (entry == nullptr || entry->is_deleted) {
        return Problem{ProblemCode::invalid, "there is no calendar '" + name + "' in namespace '" +
                                                 name_space + "'" +
                                                 did_you_mean(name, book.names_of(name_space))};
      }
      if (!entry->broken.empty() || entry->revisions.empty()) {
        return Problem{ProblemCode::invalid,
                       "calendar '" + name + "' cannot be read: " + entry->broken};
      }
      open.add(*into, entry);
    }
  }
  return open;
}

Openings Openings::past(const Schedule& schedule,
                        const std::string& name_space,
                        const CalendarBook& book) {
  Openings open;
  for (const auto& [names, into] :
       {std::pair{&schedule.include, &open.include_}, {&schedule.exclude, &open.exclude_}}) {
    for (const std::string& name : *names) {
      open.add(*into, book.find(name_space, name));
    }
  }
  return open;
}

void Openings::add(std::vector<std::shared_ptr<const Entry>>& into,
                   std::shared_ptr<const Entry> entry) {
  if (!entry || entry->revisions.empty()) {
    known_from_ = kNever;
    return;
  }
  if (!entry->is_whole) {
    known_from_ = std::max(known_from_, entry->revisions.front().since);
  }
  into.push_back(std::move(entry));
}

template <class Visit>
void Openings::each(Visit visit) const {
  for (const auto* some : {&include_, &exclude_}) {
    for (const auto& entry : *some) {
      visit(*entry);
    }
  }
}

const Calendar& Openings::held(const Entry& entry, Instant instant) {
  const auto& revisions = entry.revisions;
  const auto after =
      std::ranges::upper_bound(revisions, instant, {}, &CalendarBook::Revision::since);
  return after == revisions.begin() ? after->calendar : std::prev(after)->calendar;
}

bool Openings::covers(Instant instant) const {
  const auto covered = [&](const auto& entry) { return held(*entry, instant).covers(instant); };
  return (include_.empty() || std::ranges::any_of(include_, covered)) &&
         std::ranges::none_of(exclude_, covered);
}

bool Openings::are_never() const {
  return !include_.empty() && std::ranges::all_of(include_, [](const auto& entry) {
    return entry->revisions.back().calendar.is_empty();
  });
}

Instant Openings::changes_after(Instant instant) const {
  Instant next = kNever;
  each([&](const Entry& entry) {
    next = std::min(next, held(entry, instant).changes_after(instant));
    const auto after =
        std::ranges::upper_bound(entry.revisions, instant, {}, &CalendarBook::Revision::since);
    next = after == entry.revisions.end() ? next : std::min(next, after->since);
  });
  return next;
}

bool Openings::changed_near(Instant instant, Span span) const {
  bool is_near = false;
  each([&](const Entry& entry) {
    is_near = is_near || std::ranges::any_of(entry.revisions, [&](const auto& revision) {
                return revision.since >= instant - span && revision.since <= instant + span;
              });
  });
  return is_near;
}

OpenLook next_open(const Timetable& times, const Openings& open, Instant from, Instant until) {
  Instant at = times.next_after(from - kTick);
  for (int step = 0; step < limits::kCalendarSteps && at < until; ++step) {
    if (open.covers(at)) {
      return {at, true};
    }
    const Instant change = open.changes_after(at);
    at = change == kNever ? kNever : times.next_after(change - kTick);
  }
  return {std::min(at, until), false};
}

std::vector<DueGroup> due_groups(const Timetable& times,
                                 const Openings& open,
                                 Instant first,
                                 Instant last) {
  std::vector<DueGroup> stretches;
  Instant at = first;
  for (int step = 0; step < limits::kCalendarSteps && at <= last; ++step) {
    const bool is_open = open.covers(at);
    const Instant end = std::min(open.changes_after(at), last + kTick);
    const Instant to = times.last_between(at, end);
    const std::int64_t count = 1 + times.count_between(at, end);
    if (!stretches.empty() && stretches.back().is_open == is_open) {
      stretches.back().to = to;
      stretches.back().count += count;
    } else {
      stretches.push_back({at, to, count, is_open});
    }
    at = times.next_after(to);
  }
  return stretches;
}

}  // namespace jobflow::schedule
