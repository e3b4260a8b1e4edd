// A trigger's due instants, as its schedule says them (S4.1-S4.5): of cron, a fixed rate, or once.
// What comes of a run's end (fixed_delay, after_run) has no timetable. A value, cheap to copy;
// pure.
#pragma once

#include "model/outcome.h"
#include "model/schedule.h"
#include "schedule/cron.h"
#include "schedule/zone.h"

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace jobflow::schedule {

bool has_timetable(ScheduleKind kind);

class Timetable {
 public:
  // `anchor`: when the trigger was saved first; a rate without start, and a delay, count from it.
  // `hash`: of the job, for H. A problem says what is wrong with the schedule, and the fix.
  static Outcome<Timetable> make(const Schedule& schedule, Instant anchor, std::uint64_t hash);

  // The first due instant strictly after; kNever when there is none.
  Instant next_after(Instant instant) const;
  // The last one after `from` and before `end`; `from` when there is none.
  Instant last_between(Instant from, Instant end) const;
  // How many there are after `from` and before `end`. Counted by days, not visited.
  std::int64_t count_between(Instant from, Instant end) const;

  // For its sentence and its notes; null for other kinds.
  const Cron* cron() const;
  const Zone* zone() const;
  // It can be read, but may not mean what it seems to.
  std::vector<std::string> warnings() const;

 private:
  struct ByClock {
    std::shared_ptr<const Cron> cron;
    std::shared_ptr<const Zone> zone;
    GapRule gap;
    RepeatRule repeat;

    struct Window {  // the readings of a stretch that count
      Reading from, end;
    };
    Window window(std::size_t stretch) const;
    bool fires_at_begin(std::size_t stretch) const;
    Instant next_after(Instant instant) const;
    std::int64_t count(std::int64_t from, std::int64_t end) const;
  };
  struct ByRate {
    Instant first;
    Span every;
  };
  struct ByInstant {
    Instant at;
  };

  static Outcome<ByClock> by_clock(const Schedule& schedule,
                                   const CronParts& parts,
                                   std::uint64_t hash);
  Instant unbounded_next(Instant instant) const;

  std::variant<ByInstant, ByRate, ByClock> by_ = ByInstant{kNever};
  Instant start_{INT64_MIN};
  Instant end_ = kNever;
};

// What is added to a planned instant: up to `most`, derived from both (S4.5).
Span jitter(Id trigger, Instant planned, Span most);

}  // namespace jobflow::schedule
