// I2 and house 3.8: a backfill runs each instant of its span once, in order, as its schedule was
// when it was begun, no more of them at a time than it may, and ends when all are settled.
#include "schedule/openings.h"
#include "tools/sim/checkers/almanac.h"
#include "tools/sim/checkers/checkers.h"
#include "tools/sim/shut.h"

#include <fmt/format.h>

#include <set>

namespace jobflow::sim {
namespace {

constexpr Span kTick = milliseconds(1);

class Backfills final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    if (const auto* insert = std::get_if<InsertBackfill>(&change)) {
      begins(insert->row, now);
    } else if (const auto* advance = std::get_if<AdvanceBackfill>(&change)) {
      stands(advance->backfill, advance->progress);
    } else if (const auto* run = std::get_if<InsertRun>(&change)) {
      if (run->row.backfilled) {
        runs(run->row);
      }
    } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
      const RunRow* of = now.run(update->run);
      if (of != nullptr && of->backfilled && is_final(update->progress.state)) {
        backfills_.at(of->occasion).first_try.erase(of->id);
      }
    }
  }

  void rest(const Rest&, const Durable&) override {
    for (const auto& [id, one] : backfills_) {
      if (one.state == BackfillState::running || one.state == BackfillState::cancelling) {
        violated(fmt::format("backfill {} is still {} long after the last fault (I5)",
                             to_string(id), to_string(one.state)),
                 {id}, Breach::liveness);
      }
    }
  }

 private:
  struct Backfill {
    BackfillRow row;
    Almanac almanac;
    schedule::Openings open;
    bool is_moving = false;  // calendars may have changed while it went on
    BackfillState state = BackfillState::running;
    std::set<Instant> made;
    Instant last;            // of the runs, as they were made
    std::set<Id> first_try;  // that have not ended yet
  };

  void wrong(const Backfill& one, const std::string& what, Id run = {}) {
    violated(fmt::format("backfill {} of trigger {} {}", to_string(one.row.id),
                         to_string(one.row.trigger), what),
             {one.row.id, one.row.trigger, run});
  }

  void begins(const BackfillRow& row, const Durable& now) {
    Backfill& one = backfills_[row.id];
    one.row = row;
    const auto schedule = parse_schedule(row.schedule);
    const TriggerRow& trigger = now.triggers.at(row.trigger);
    const DefinitionRow& owner = now.definitions.at(row.definition);
    const Definition& definition = library_.revision(now, owner.id, owner.revision);
    if (!schedule || trigger.schedule != row.schedule) {
      wrong(one, "has another schedule than its trigger");
      return;
    }
    one.almanac = Almanac(*schedule, row.anchor, schedule_hash(definition, trigger.name));
    one.open = schedule::Openings::past(*schedule, "default", shut_book(row.schedule));
    one.is_moving = names_moving(row.schedule);
    int total = 0;
    for (Instant at = one.almanac.next(row.from - kTick); at < row.until;
         at = one.almanac.next(at)) {
      ++total;
    }
    if (total != row.total || row.until > row.id.time() + kTick) {
      wrong(one,
            fmt::format("speaks of {} instants of the past, and there are {}", row.total, total));
    }
  }

  void runs(const RunRow& run) {
    const auto place = backfills_.find(run.occasion);
    if (place == backfills_.end()) {
      violated(fmt::format("run {} is of a backfill that nobody began", to_string(run.id)),
               {run.id, run.occasion});
      return;
    }
    Backfill& one = place->second;
    const Instant at = run.planned;
    if (one.state != BackfillState::running) {
      wrong(one, "runs more, and is " + std::string(to_string(one.state)), run.id);
    }
    if (run.trigger != one.row.trigger || at < one.row.from || at >= one.row.until ||
        one.almanac.next(at - kTick) != at || !(one.is_moving || one.open.covers(at))) {
      wrong(one, fmt::format("runs {}, which was not due in it (S4.5)", to_rfc3339(at)), run.id);
    }
    const bool is_next = one.made.empty() || (one.row.newest_first ? at < one.last : at > one.last);
    if (!one.made.insert(at).second || !is_next) {
      wrong(one, fmt::format("runs {} twice or out of order (I2)", to_rfc3339(at)), run.id);
    }
    one.last = at;
    one.first_try.insert(run.id);
    if (std::cmp_greater(one.first_try.size(), one.row.max_parallel)) {
      wrong(one, "has more live runs than it may", run.id);
    }
  }

  void stands(Id id, const BackfillProgress& at) {
    Backfill& one = backfills_.at(id);
    if (is_final(one.state)) {
      wrong(one, "goes on after its end");
    }
    one.state = at.state;
    if (std::cmp_not_equal(at.made, one.made.size())) {
      wrong(one, fmt::format("says {} runs, and there are {}", at.made, one.made.size()));
    }
    if (is_final(at.state) && !one.first_try.empty()) {
      wrong(one, "ends before its runs");
    }
    if (at.state != BackfillState::finished) {
      return;
    }
    for (Instant due = one.almanac.next(one.row.from - kTick); due < one.row.until;
         due = one.almanac.next(due)) {
      if (!one.is_moving && one.open.covers(due) != one.made.contains(due)) {
        wrong(one, fmt::format("is finished without {} (S4.5)", to_rfc3339(due)));
      }
    }
  }

  Library library_;
  std::map<Id, Backfill> backfills_;
};

}  // namespace

std::unique_ptr<Checker> make_backfills_checker() {
  return std::make_unique<Backfills>();
}

}  // namespace jobflow::sim
