#include "schedule/timetable.h"

#include "model/civil.h"

#include <algorithm>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr Span kLeastRate = milliseconds(100);
constexpr Instant kEndOfTime{days_from_civil({kLastYear + 1, 1, 1}) * kDayMs};

// Null, with a problem told, when it names none. Said also where no clock is read: it would be
// taken for what counts.
std::shared_ptr<const Zone> zone_of(const Schedule& schedule,
                                    const CronParts& parts,
                                    std::vector<FieldProblem>& problems) {
  if (!parts.zone.empty() && schedule.timezone != "UTC" && schedule.timezone != parts.zone) {
    problems.push_back({"/timezone", "the expression says zone " + parts.zone +
                                         " and the trigger " + schedule.timezone +
                                         ": say it once"});
  }
  auto zone = find_zone(parts.zone.empty() ? schedule.timezone : parts.zone);
  if (!zone) {
    if (parts.zone.empty()) {
      problems.push_back({"/timezone", zone.problem().detail});
    } else {
      problems.push_back({"/cron", "cron prefix (column " +
                                       std::to_string(schedule.cron.find('=') + 2) +
                                       "): " + zone.problem().detail});
    }
    return nullptr;
  }
  return *std::move(zone);
}

std::int64_t whole_seconds(std::int64_t ms) {
  return ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
}

}  // namespace

bool has_timetable(ScheduleKind kind) {
  return kind == ScheduleKind::cron || kind == ScheduleKind::fixed_rate ||
         kind == ScheduleKind::once;
}

// Every problem has its pointer below the trigger.
Timetable Timetable::read(const Schedule& schedule,
                          Instant anchor,
                          std::uint64_t hash,
                          std::vector<FieldProblem>& problems) {
  Timetable table;
  table.start_ = schedule.start.is_set() ? schedule.start : Instant{INT64_MIN};
  table.end_ = schedule.end.is_set() ? schedule.end : kNever;
  check_moments(schedule, problems);
  const auto by_rate = [&](const char* pointer, Span every) {
    if (every < kLeastRate) {
      problems.push_back(
          {pointer, "the least span is " + to_text(kLeastRate) + ", not " + to_text(every)});
    }
    table.by_ = ByRate{schedule.start.is_set() ? schedule.start : anchor + every,
                       std::max(every, kLeastRate)};
  };
  switch (schedule.kind) {
    case ScheduleKind::fixed_rate:
      by_rate("/every", schedule.every);
      break;
    case ScheduleKind::fixed_delay:
      by_rate("/every", schedule.every);
      table.by_ = ByInstant{kNever};
      break;
    case ScheduleKind::once:
      table.by_ = ByInstant{schedule.at.is_set() ? schedule.at : anchor + schedule.delay};
      break;
    case ScheduleKind::after_run:
      break;
    case ScheduleKind::cron:
      if (const auto parts = split_cron(schedule.cron); !parts) {
        problems.push_back({"/cron", parts.problem().detail});
      } else if (parts->every.empty()) {
        table.by_ = by_clock(schedule, *parts, hash, problems);
      } else if (const auto every = parse_span(parts->every); !every) {
        problems.push_back({"/cron", "@every: " + every.problem().detail});
      } else {
        zone_of(schedule, *parts, problems);
        by_rate("/cron", *every);
      }
  }
  return table;
}

Outcome<Timetable> Timetable::make(const Schedule& schedule, Instant anchor, std::uint64_t hash) {
  std::vector<FieldProblem> problems;
  Timetable table = read(schedule, anchor, hash, problems);
  if (!problems.empty()) {
    return Problem{ProblemCode::invalid, problems.front().message};
  }
  return table;
}

std::vector<FieldProblem> check_schedule(const Schedule& schedule) {
  std::vector<FieldProblem> problems;
  Timetable::read(schedule, {}, 0, problems);
  return problems;
}

// What a schedule says of single moments, whatever its kind.
void Timetable::check_moments(const Schedule& schedule, std::vector<FieldProblem>& problems) {
  const auto must_be_in_time = [&](const char* pointer, Instant instant) {
    if (instant >= kEndOfTime) {
      problems.push_back({pointer, "schedules reach to the end of 2099: write an earlier instant"});
    }
  };
  must_be_in_time("/at", schedule.at);
  must_be_in_time("/start", schedule.start);
  if (schedule.start.is_set() && schedule.end.is_set() && schedule.end <= schedule.start) {
    problems.push_back({"/end", "the schedule ends before it starts: no instant is due"});
  }
  if (schedule.kind != ScheduleKind::once || schedule.at >= kEndOfTime) {
    return;
  }
  if (!schedule.at.is_set() && schedule.delay.ms <= 0) {
    problems.push_back({"/at", "when is missing: write an instant, or a delay"});
  } else if (schedule.at.is_set() && (schedule.at < schedule.start ||
                                      (schedule.end.is_set() && schedule.at >= schedule.end))) {
    problems.push_back({"/at", to_rfc3339(schedule.at) +
                                   " is outside its validity, so it would never be due: move it, "
                                   "or drop start and end"});
  }
}

// --- by a clock (S4.4)

Timetable::ByClock Timetable::by_clock(const Schedule& schedule,
                                       const CronParts& parts,
                                       std::uint64_t hash,
                                       std::vector<FieldProblem>& problems) {
  ByClock clock{nullptr, zone_of(schedule, parts, problems), schedule.gap, schedule.repeat};
  if (auto cron = Cron::parse(parts.fields, dialect_of(parts, schedule.dialect), hash)) {
    clock.cron = std::make_shared<const Cron>(*std::move(cron));
  } else {
    problems.push_back({"/cron", cron.problem().detail});
  }
  if (clock.zone && clock.cron && clock.next_after({-1}) == kNever) {
    problems.push_back({"/cron", "no instant from 1970 to 2099 is ever due: the clock of " +
                                     clock.zone->name() +
                                     " shows none of its readings, and skips them by its rule " +
                                     "(gap, or an hour that is no plain number)"});
  }
  return clock;
}

// Which readings of a stretch are due when they are shown. A fixed-time one that is shown twice
// counts at its first pass, its second, or both; others whenever they are shown.
Timetable::ByClock::Window Timetable::ByClock::window(std::size_t index) const {
  const auto& stretches = zone->stretches();
  const Zone::Stretch& stretch = stretches[index];
  Window window{stretch.first(), stretch.after_last()};
  if (!cron->is_fixed_time()) {
    return window;
  }
  if (repeat == RepeatRule::first) {
    window.from = std::max(window.from, stretch.shown);
  } else if (repeat == RepeatRule::second && index + 1 < stretches.size()) {
    window.end = std::min(window.end, std::max(window.from, stretches[index + 1].first()));
  }
  return window;
}

// Whether readings that the clock skipped are due as it goes on. A regular one at that instant is
// one with them.
bool Timetable::ByClock::fires_at_begin(std::size_t index) const {
  const Zone::Stretch& stretch = zone->stretches()[index];
  return index > 0 && cron->is_fixed_time() && gap == GapRule::run_after &&
         cron->next(stretch.shown, stretch.first()) != Cron::kNone;
}

Instant Timetable::ByClock::next_after(Instant instant) const {
  const std::int64_t after = whole_seconds(instant.ms) + 1;  // the first second that may be it
  const auto& stretches = zone->stretches();
  for (std::size_t i = zone->at(after); i < stretches.size(); ++i) {
    const Zone::Stretch& stretch = stretches[i];
    if (stretch.begin >= after && fires_at_begin(i)) {
      return {stretch.begin * 1000};
    }
    const auto [from, end] = window(i);
    const Reading found = cron->next(std::max(from, after + stretch.offset), end);
    if (found != Cron::kNone) {
      return {(found - stretch.offset) * 1000};
    }
  }
  return kNever;
}

// Those from second `from` on and before second `end`.
std::int64_t Timetable::ByClock::count(std::int64_t from, std::int64_t end) const {
  const auto& stretches = zone->stretches();
  std::int64_t count = 0;
  for (std::size_t i = zone->at(from); i < stretches.size() && stretches[i].begin < end; ++i) {
    const Zone::Stretch& stretch = stretches[i];
    const Window readings = window(i);
    const Reading first = std::max(readings.from, from + stretch.offset);
    count += cron->count(first, std::min(readings.end, end + stretch.offset));
    const bool is_regular = readings.from == stretch.first() &&
                            cron->next(readings.from, readings.from + 1) != Cron::kNone;
    if (stretch.begin >= from && !is_regular && fires_at_begin(i)) {
      count += 1;
    }
  }
  return count;
}

// --- all kinds

Instant Timetable::unbounded_next(Instant instant) const {
  if (const auto* clock = std::get_if<ByClock>(&by_)) {
    return clock->next_after(instant);
  }
  if (const auto* rate = std::get_if<ByRate>(&by_)) {
    if (instant < rate->first) {
      return rate->first;
    }
    const std::int64_t gone = (instant - rate->first).ms / rate->every.ms;
    return rate->first + rate->every * (gone + 1);
  }
  const Instant at = std::get<ByInstant>(by_).at;
  return at > instant ? at : kNever;
}

Instant Timetable::next_after(Instant instant) const {
  if (instant >= kEndOfTime) {
    return kNever;
  }
  const Instant before_start{start_.ms == INT64_MIN ? INT64_MIN : start_.ms - 1};
  const Instant next = unbounded_next(std::max({instant, before_start, Instant{-1}}));
  return next < std::min(end_, kEndOfTime) ? next : kNever;
}

// By halves: there is none after `latest`, and `last` is the latest that is known.
Instant Timetable::last_between(Instant from, Instant end) const {
  Instant last = from;
  Instant latest{std::min(end, kEndOfTime).ms - 1};
  while (last < latest) {
    const Instant middle{last.ms + (latest.ms - last.ms) / 2};
    if (const Instant found = next_after(middle); found < end) {
      last = found;
    } else {
      latest = middle;
    }
  }
  return last;
}

std::int64_t Timetable::count_between(Instant from, Instant end) const {
  const Instant first{
      std::max({from.ms, start_.ms - (start_.ms > INT64_MIN ? 1 : 0), std::int64_t{-1}})};
  const Instant last = std::min({end, end_, kEndOfTime});
  if (last.ms - 1 <= first.ms) {
    return 0;
  }
  if (const auto* clock = std::get_if<ByClock>(&by_)) {
    return clock->count(whole_seconds(first.ms) + 1, whole_seconds(last.ms - 1) + 1);
  }
  if (const auto* rate = std::get_if<ByRate>(&by_)) {
    const auto up_to = [&](std::int64_t ms) {
      return ms < rate->first.ms ? 0 : (ms - rate->first.ms) / rate->every.ms + 1;
    };
    return up_to(last.ms - 1) - up_to(first.ms);
  }
  const Instant at = std::get<ByInstant>(by_).at;
  return at > first && at < last ? 1 : 0;
}

const Cron* Timetable::cron() const {
  const auto* clock = std::get_if<ByClock>(&by_);
  return clock != nullptr ? clock->cron.get() : nullptr;
}

const Zone* Timetable::zone() const {
  const auto* clock = std::get_if<ByClock>(&by_);
  return clock != nullptr ? clock->zone.get() : nullptr;
}

std::vector<std::string> Timetable::warnings() const {
  auto warnings = cron() != nullptr ? cron()->warnings() : std::vector<std::string>{};
  const bool is_bounded = start_.ms != INT64_MIN || end_ != kNever;
  if (is_bounded && next_after({-1}) == kNever && unbounded_next({-1}) != kNever) {
    warnings.emplace_back(
        "nothing is due within its validity: none of its instants lies from start to end");
  }
  return warnings;
}

Span jitter_of(const Schedule& schedule, std::uint64_t hash, Instant planned) {
  if (schedule.jitter.ms <= 0) {
    return {};
  }
  const std::uint64_t drawn = stable_hash(std::to_string(planned.ms), hash);
  const auto choices = static_cast<std::uint64_t>(schedule.jitter.ms + 1);
  return milliseconds(static_cast<std::int64_t>(drawn % choices));
}

}  // namespace jobflow::schedule
