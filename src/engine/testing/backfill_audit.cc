#include "engine/testing/backfill_audit.h"

#include "model/check.h"
#include "model/definition.h"
#include "schedule/timetable.h"

#include <algorithm>
#include <vector>

namespace jobflow::engine::testing {
namespace {

constexpr Span kTick = milliseconds(1);

schedule::Timetable times_of(const BackfillRow& row) {
  auto schedule = parse_schedule(row.schedule);
  check(schedule.ok(), "a backfill's schedule can be read");
  auto times = schedule::Timetable::make(*schedule, row.anchor, 0);
  check(times.ok(), "a backfill's schedule is understood");
  return std::move(times).value();
}

std::string wrong_runs(const BackfillRow& row, const std::vector<const RunRow*>& runs) {
  const schedule::Timetable times = times_of(row);
  int live = 0;
  const RunRow* before = nullptr;
  for (const RunRow* run : runs) {
    const bool is_due = run->planned >= row.from && run->planned < row.until &&
                        times.next_after(run->planned - kTick) == run->planned;
    if (run->trigger != row.trigger || !is_due) {
      return "runs what is not due in it";
    }
    if (before != nullptr && (before->planned < run->planned) == row.newest_first) {
      return "runs out of order";
    }
    live += is_final(run->progress.state) ? 0 : 1;
    before = run;
  }
  const BackfillProgress& at = row.progress;
  if (std::cmp_not_equal(at.made, runs.size()) || at.succeeded + at.failed != at.made - live) {
    return is_final(at.state) ? "" : "miscounts its runs";  // a person may try one again later
  }
  const std::int64_t settled = !at.cursor.is_set() ? 0
                               : row.newest_first
                                   ? times.count_between(at.cursor - kTick, row.until)
                                   : times.count_between(row.from - kTick, at.cursor + kTick);
  if (settled != at.made + at.kept_off) {
    return "leaves instants out";
  }
  return at.state != BackfillState::finished || settled == row.total ? "" : "is finished too early";
}

}  // namespace

bool has_too_many(const RowTable& rows, Id backfill) {
  const auto live = std::ranges::count_if(rows.runs, [&](const auto& entry) {
    const RunRow& run = entry.second;
    return run.backfilled && run.occasion == backfill && !is_final(run.progress.state);
  });
  return live > rows.backfills.at(backfill).max_parallel;
}

std::string wrong_backfill(const RowTable& rows) {
  for (const auto& [id, row] : rows.backfills) {
    std::vector<const RunRow*> runs;  // by id: as they were made
    for (const auto& [run_id, run] : rows.runs) {
      if (run.backfilled && run.occasion == id) {
        runs.push_back(&run);
      }
    }
    if (const std::string wrong = wrong_runs(row, runs); !wrong.empty()) {
      return "backfill " + to_string(id) + " " + wrong;
    }
  }
  return {};
}

}  // namespace jobflow::engine::testing
