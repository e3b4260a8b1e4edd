// When a trigger is due, as people write it (S4.1-S4.6): plain values. What the words mean in time
// is the schedule room's knowledge; what happens when an instant comes is the engine's.
#pragma once

#include "model/id.h"
#include "model/outcome.h"
#include "model/states.h"
#include "model/time.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow {

enum class ScheduleKind : std::uint8_t {
  cron,         // readings of a zone's clock
  fixed_rate,   // every so long, counted from start to start
  fixed_delay,  // so long after the end of the last run
  once,         // at one instant
  after_run,    // when a run of another job or workflow has ended
};
std::string_view to_string(ScheduleKind kind);

// `by_fields`: 5 fields are Unix, 6 and 7 have seconds; digits as weekday must then be stated
// (S4.2).
enum class CronDialect : std::uint8_t { by_fields, unix_cron, quartz };
// A fixed-time reading that the zone's clock skips, or shows twice (S4.4).
enum class GapRule : std::uint8_t { run_after, skip };
enum class RepeatRule : std::uint8_t { first, second, both };

// The job or workflow whose runs an `after_run` trigger waits for, and the ends it takes.
struct Upstream {
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space;  // empty = the trigger's own
  std::string name;
  std::vector<RunState> states;  // sorted; final states only; succeeded when none is written
  bool operator==(const Upstream&) const = default;
};

struct Schedule {
  ScheduleKind kind = ScheduleKind::cron;
  std::string cron;
  CronDialect dialect = CronDialect::by_fields;
  std::string timezone = "UTC";  // IANA, old aliases too
  GapRule gap = GapRule::run_after;
  RepeatRule repeat = RepeatRule::first;
  Span every;      // fixed_rate, fixed_delay: at least 100 ms
  Span delay;      // once: so long after it was saved, instead of `at`
  Instant at;      // once
  Upstream after;  // after_run
  Instant start;   // of validity, inclusive; unset = always was. A rate counts from it
  Instant end;     // of validity, exclusive; unset = for ever
  Span jitter;     // up to this is added to each firing, derived from trigger and instant
  std::vector<std::string> include;  // calendars: only instants that one of these covers
  std::vector<std::string> exclude;  // calendars: no instant that one of these covers
  bool operator==(const Schedule&) const = default;
};

// The schedule's members as a trigger of the definition file has them, as canonical JSON text.
std::string to_json(const Schedule& schedule);

// What to_json() wrote, of any kind but `after_run`.
Outcome<Schedule> parse_schedule(const std::string& json);

// What becomes of instants that passed while nobody could fire them (S4.6). Those older than
// `window` are skipped whatever the policy; zero = no bound.
struct Misfire {
  enum class Policy : std::uint8_t { skip, last, all };
  Policy policy = Policy::last;
  int limit = 100;  // all: this many at most, the newest
  Span window;
  bool operator==(const Misfire&) const = default;
};

// What a firing does when a run of the same job is live (S3.4).
struct Overlap {
  enum class Policy : std::uint8_t { allow, skip, queue, cancel_running };
  Policy policy = Policy::allow;
  int limit = 100;  // queue: so many may wait; a firing beyond them is skipped
  bool operator==(const Overlap&) const = default;
};

}  // namespace jobflow
