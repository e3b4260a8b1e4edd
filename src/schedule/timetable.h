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

  friend std::vector<FieldProblem> check_schedule(const Schedule& schedule);
  static Timetable read(const Schedule& schedule,
                        Instant anchor,
                        std::uint64_t hash,
                        std::vector<FieldProblem>& problems);
  static void check_moments(const Schedule& schedule, std::vector<FieldProblem>& problems);
  static ByClock by_clock(const Schedule& schedule,
                          const CronParts& parts,
                          std::uint64_t hash,
                          std::vector<FieldProblem>& problems);
  Instant unbounded_next(Instant instant) const;

  std::variant<ByInstant, ByRate, ByClock> by_ = ByInstant{kNever};
  Instant start_{INT64_MIN};
  Instant end_ = kNever;
};

// All that is wrong with it, each problem with its pointer below the trigger (S8.2).
std::vector<FieldProblem> check_schedule(const Schedule& schedule);

// How much later than its planned instant a firing starts: up to schedule.jitter, derived from the
// trigger's hash and the instant (S4.5).
Span jitter_of(const Schedule& schedule, std::uint64_t hash, Instant planned);

}  // namespace jobflow::schedule
