#include "schedule/ledger_audit.h"

#include "model/limits.h"

#include <algorithm>

namespace jobflow::schedule {
namespace {

constexpr Span kTick = milliseconds(1);

// One reign's part of the ledger, walked with the timetable beside it.
class Walk {
 public:
  Walk(const Timetable& times,
       const Openings& open,
       Instant from,
       Instant until,
       AuditResult& result)
      : times_(times),
        open_(open),
        until_(until),
        result_(result),
        due_(times.next_after(from - kTick)) {}

  void entry(const LedgerEntry& one) {
    if (!is_due(one.from) || !is_due(one.to)) {
      find({Flaw::unplanned, one.from, one.to, one.count});
      return;
    }
    if (one.from < due_) {
      find({Flaw::doubled, one.from, std::min(one.to, due_ - kTick), count(one.from, due_)});
      if (one.to < due_) {
        return;
      }
    } else {
      missing_before(one.from);
    }
    if (const std::int64_t lie = count(one.from, one.to + kTick); lie != one.count) {
      find({Flaw::miscounted, one.from, one.to, lie});
    }
    judge_by_calendar(one);
    const std::int64_t settled = count(due_, one.to + kTick);
    result_.due += settled;
    (one.ran ? result_.ran : result_.skipped) += settled;
    due_ = times_.next_after(one.to);
  }

  void end() { missing_before(until_); }

 private:
  void judge_by_calendar(const LedgerEntry& one) {
    if (one.ran && is_known(one.from) && !open_.covers(one.from)) {
      find({Flaw::calendar, one.from, one.to, one.count});
    }
    for (Instant at = one.from; one.by_calendar && at <= one.to;) {
      const OpenLook look = next_open(times_, open_, at, one.to + kTick);
      if (look.is_open && is_known(look.at)) {
        find({Flaw::calendar, look.at, look.at, 1});
        return;
      }
      at = look.is_open ? look.at + limits::kCalendarLag : look.at;
    }
  }
  // Around a change of a calendar it may have been heard of or not.
  bool is_known(Instant instant) const {
    return instant >= open_.known_from() && !open_.changed_near(instant, limits::kCalendarLag);
  }
  bool is_due(Instant instant) const { return times_.next_after(instant - kTick) == instant; }
  // From `first` on and before `end`.
  std::int64_t count(Instant first, Instant end) const {
    return times_.count_between(first - kTick, end);
  }

  void missing_before(Instant end) {
    if (due_ < end) {
      const std::int64_t lost = count(due_, end);
      result_.due += lost;
      find({Flaw::missing, due_, times_.last_between(due_, end), lost});
      due_ = times_.next_after(end - kTick);
    }
  }

  void find(const Finding& finding) {
    if (result_.findings.size() < AuditResult::kMost) {
      result_.findings.push_back(finding);
    } else {
      ++result_.more;
    }
  }

  const Timetable& times_;
  const Openings& open_;
  Instant until_;
  AuditResult& result_;
  Instant due_;  // the first one that is not yet accounted for
};

// An entry that begins before the span counts from its first instant in it.
LedgerEntry clipped(LedgerEntry entry, const Timetable& times, Instant from, Instant until) {
  if (entry.from < from || entry.to >= until) {
    const Instant first = entry.from < from ? times.next_after(from - kTick) : entry.from;
    const Instant last = entry.to >= until ? times.last_between(first, until) : entry.to;
    entry = {first, last, times.count_between(first - kTick, last + kTick), entry.ran,
             entry.by_calendar};
  }
  return entry;
}

}  // namespace

std::string_view to_string(Flaw flaw) {
  switch (flaw) {
    case Flaw::missing:
      return "missing";
    case Flaw::doubled:
      return "doubled";
    case Flaw::unplanned:
      return "unplanned";
    case Flaw::calendar:
      return "calendar";
    case Flaw::miscounted:
      break;
  }
  return "miscounted";
}

AuditResult audit_ledger(const std::vector<Reign>& reigns,
                         const std::vector<LedgerEntry>& ledger,
                         Instant from,
                         Instant until) {
  AuditResult result;
  auto entry = ledger.begin();
  for (std::size_t i = 0; i < reigns.size(); ++i) {
    const Reign& reign = reigns[i];
    const Instant begin = std::max(from, reign.since + kTick);
    const Instant end =
        i + 1 < reigns.size() ? std::min(until, reigns[i + 1].since + kTick) : until;
    const auto times = Timetable::make(reign.schedule, reign.since, reign.hash);
    if (!times || !has_timetable(reign.schedule.kind)) {
      while (entry != ledger.end() && entry->from < end) {
        ++entry;  // it follows from ends of runs: no plan says what should be there
      }
      continue;
    }
    while (entry != ledger.end() && entry->to < begin) {
      ++entry;
    }
    Walk walk(*times, reign.open, begin, end, result);
    for (; entry != ledger.end() && entry->from < end; ++entry) {
      walk.entry(clipped(*entry, *times, begin, end));
      if (entry->to >= end) {
        break;  // its rest is the next reign's
      }
    }
    if (begin < end) {
      walk.end();
    }
  }
  return result;
}

}  // namespace jobflow::schedule
