#include "tools/sim/checkers/almanac.h"

#include "model/check.h"

#include <algorithm>
#include <charconv>

namespace jobflow::sim {
namespace {

// Of "*/n * * * * *" with n a divisor of 60; 0: it is another cron.
Span plain_period(const Schedule& schedule) {
  const std::string& cron = schedule.cron;
  int every = 0;
  if (!cron.starts_with("*/") || !cron.ends_with(" * * * * *")) {
    return {};
  }
  std::from_chars(cron.data() + 2, cron.data() + cron.size(), every);
  return every > 0 && 60 % every == 0 ? seconds(every) : Span{};
}

}  // namespace

Almanac::Almanac(const Schedule& schedule, Instant anchor, std::uint64_t hash)
    : schedule_(schedule) {
  switch (schedule.kind) {
    case ScheduleKind::fixed_rate:
      every_ = schedule.every;
      first_ = schedule.start.is_set() ? schedule.start : anchor + every_;
      break;
    case ScheduleKind::once:
      first_ = schedule.at.is_set() ? schedule.at : anchor + schedule.delay;
      break;
    case ScheduleKind::cron:
      every_ = plain_period(schedule);
      if (every_.ms == 0) {
        auto times = schedule::Timetable::make(schedule, anchor, hash);
        check(times.ok(), "what was saved is understood");
        times_ = std::move(times).value();
      }
      break;
    case ScheduleKind::fixed_delay:
    case ScheduleKind::after_run:
      return;
  }
  has_instants_ = true;
}

Instant Almanac::unbounded(Instant after) const {
  if (times_) {
    return times_->next_after(after);
  }
  if (after < first_ || every_.ms == 0) {
    return after < first_ ? first_ : kNever;
  }
  return first_ + every_ * ((after - first_).ms / every_.ms + 1);
}

Instant Almanac::next(Instant after) const {
  Instant from = after;
  if (schedule_.start.is_set()) {
    from = std::max(from, schedule_.start - milliseconds(1));
  }
  const Instant next = unbounded(from);
  return schedule_.end.is_set() && next >= schedule_.end ? kNever : next;
}

}  // namespace jobflow::sim
