// Reads every decision about triggers and says what does not hold: a due instant has one outcome, a
// run or a ledger row (S1.1, S4.8); nothing is due by the past (S4.7); firings overlap as their
// trigger says (S3.4). What is due it reckons from the schedules in the rows, not from next_due.
#pragma once

#include "engine/decision.h"
#include "engine/testing/row_table.h"
#include "schedule/timetable.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace jobflow::engine::testing {

class LedgerAudit {
 public:
  // `rows` as they are with the decision.
  void heard(const Decision& decision, const RowTable& rows, Instant now);
  // All timers that were due by then have been heard.
  void timers_fired(Instant now);

  // The first thing that did not hold, or "".
  const std::string& broken() const { return broken_; }

 private:
  struct Book {
    TriggerRow row;
    Schedule schedule;
    std::optional<schedule::Timetable> times;
    Instant next = kNever;  // the first instant that is not in the ledger; kNever
    Instant last;           // the last one that is
    SkippedFiringRow skipped;
  };

  void saved(const TriggerRow& row, Instant now);
  void advanced(Book& book, const TriggerProgress& at);
  void fired(const RunRow& run, const RowTable& rows, Instant now);
  void skipped(const SkippedFiringRow& row);
  void cover(Book& book, Instant from, Instant to);
  void look_at_overlap(const RunRow& run, const RowTable& rows);
  void expect(bool holds, const std::string& what, const TriggerRow& row);

  std::map<Id, Book> books_;
  std::string broken_;
};

}  // namespace jobflow::engine::testing
