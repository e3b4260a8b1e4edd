// A schedule in a sentence, as a person would write it, and what the clock does to it (S4.9).
// Pure.
#pragma once

#include "model/schedule.h"
#include "model/time.h"
#include "schedule/cron.h"
#include "schedule/zone.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace jobflow::schedule {

enum class Language : std::uint8_t { english, chinese };

// "At 02:30 on weekdays, Europe/Berlin time". `hash`: of the job, for H. What check_schedule
// refuses has no sentence: "".
std::string sentence(const Schedule& schedule, std::uint64_t hash, Language language);

// A cron expression's part of it, without the zone: "At 02:30 on weekdays", "每个工作日 02:30".
std::string sentence(const Cron& cron, Language language);

// Where a zone's clock skips readings of a fixed-time cron, or shows them twice (S4.4): a note for
// each change that befalls `due`, the next due instants after `after`, in order. "02:30 does not
// exist on 2027-03-28: runs at 03:00". Others have none: they go by what the clock shows.
std::vector<std::string> clock_notes(const Cron& cron,
                                     const Zone& zone,
                                     GapRule gap,
                                     RepeatRule repeat,
                                     Instant after,
                                     std::span<const Instant> due,
                                     Language language);

// The first of each that befalls any reading between two instants; "" = none does.
struct ClockNotes {
  std::string skipped, repeated;
};
ClockNotes first_clock_notes(const Cron& cron,
                             const Zone& zone,
                             GapRule gap,
                             RepeatRule repeat,
                             Instant after,
                             Instant before);

}  // namespace jobflow::schedule
