// Does a trigger's ledger hold every due instant once (S4.8, I2)? Derived anew from what its
// definition said and when, and compared. Pure; shares nothing with what wrote the ledger but the
// timetable.
#pragma once

#include "model/schedule.h"
#include "schedule/openings.h"
#include "schedule/timetable.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::schedule {

// A schedule from the moment it was saved (exclusive) until the next one was (inclusive).
struct Reign {
  Instant since;
  Schedule schedule;
  std::uint64_t hash = 0;  // of the trigger, as when it was planned
  Openings open = {};      // by its calendars
};

// What became of planned instants: one ran, or neighbours were skipped.
struct LedgerEntry {
  Instant from, to;
  std::int64_t count = 1;
  bool ran = false;
  bool by_calendar = false;  // skipped, for its calendars kept it off
};

enum class Flaw : std::uint8_t {
  missing,     // due, and in the ledger neither as a run nor as skipped
  doubled,     // in the ledger more than once
  unplanned,   // in the ledger, and never due
  calendar,    // ran against its calendars, or was skipped for their sake without reason
  miscounted,  // a row of skipped instants says another number than lie in its span
};
std::string_view to_string(Flaw flaw);

struct Finding {
  Flaw flaw = Flaw::missing;
  Instant from, to;
  std::int64_t count = 1;
  bool operator==(const Finding&) const = default;
};

struct AuditResult {
  std::int64_t due = 0;           // instants in the span
  std::int64_t ran = 0;           // of them
  std::int64_t skipped = 0;       // of them
  std::vector<Finding> findings;  // the first kMost
  std::int64_t more = 0;          // findings beyond them
  static constexpr std::size_t kMost = 100;
};

// Of the instants from `from` on and before `until`. `reigns` in order; `ledger` by `from`: all
// entries that touch the span.
AuditResult audit_ledger(const std::vector<Reign>& reigns,
                         const std::vector<LedgerEntry>& ledger,
                         Instant from,
                         Instant until);

}  // namespace jobflow::schedule
