#include "engine/testing/ledger_audit.h"

#include "model/check.h"
#include "model/definition.h"
#include "model/limits.h"
#include "schedule/openings.h"

#include <algorithm>

namespace jobflow::engine::testing {
namespace {

Schedule schedule_of(const std::string& text) {
  auto decoded = decode_definition(
      DefinitionKind::job,
      R"({"metadata":{"name":"-"},"spec":{"noop":{},"triggers":[)" + text + "]}}");
  check(decoded.definition.triggers().size() == 1, "a schedule's text is a trigger's");
  return decoded.definition.triggers().front().schedule;
}

std::string at(Instant instant) {
  return instant == kNever ? "never" : to_rfc3339(instant);
}

}  // namespace

void LedgerAudit::expect(bool holds, const std::string& what, const TriggerRow& row) {
  if (!holds && broken_.empty()) {
    broken_ = what + " (trigger " + row.name + " " + row.schedule + ")";
  }
}

void LedgerAudit::heard(const Decision& decision, const RowTable& rows, Instant now) {
  for (const Change& change : decision.changes) {
    if (const auto* save = std::get_if<SaveTrigger>(&change)) {
      saved(save->row, now);
    } else if (const auto* advance = std::get_if<AdvanceTrigger>(&change)) {
      advanced(books_.at(advance->trigger), advance->progress);
    } else if (const auto* gone = std::get_if<DeleteTrigger>(&change)) {
      books_.erase(gone->trigger);
    } else if (const auto* insert = std::get_if<InsertRun>(&change)) {
      if (insert->row.trigger.is_set() && !insert->row.backfilled) {
        fired(insert->row, rows, now);
      }
    } else if (const auto* skip = std::get_if<SaveSkippedFiring>(&change)) {
      skipped(skip->row);
    }
  }
}

void LedgerAudit::timers_fired(Instant now) {
  for (const auto& [id, book] : books_) {
    // What calendars keep off is settled with what may run, or a day later; a delay waits for them.
    const bool waits = schedule::names_calendars(book.schedule) &&
                       (!book.times || book.row.progress.next_due > now - limits::kCalendarLook);
    expect(book.row.progress.state != TriggerState::active || book.row.progress.next_due > now ||
               waits,
           "what is due has not fired", book.row);
  }
}

void LedgerAudit::saved(const TriggerRow& row, Instant now) {
  const auto [place, is_new] = books_.try_emplace(row.id);
  Book& book = place->second;
  const bool is_same = !is_new && book.row.schedule == row.schedule;
  expect(is_new || is_same || !book.times || book.next > now,
         "an edit swallows " + at(book.next) + " (S4.7)", row);
  book.row = row;
  if (!is_same) {
    book.schedule = schedule_of(row.schedule);
    book.times.reset();
    if (schedule::has_timetable(book.schedule.kind)) {
      book.times = *schedule::Timetable::make(book.schedule, row.progress.anchor, 0);
      book.next = book.times->next_after(std::max(now, book.last));
    }
    book.skipped = {};
  }
  advanced(book, row.progress);
}

void LedgerAudit::advanced(Book& book, const TriggerProgress& progress) {
  const Instant before = book.row.progress.next_due;
  book.row.progress = progress;
  if (progress.state != TriggerState::active) {
    expect(progress.state != TriggerState::finished || !book.times || book.next == kNever,
           "it is finished before " + at(book.next), book.row);
    return;
  }
  if (book.times) {
    expect(progress.next_due == book.next,
           "it is due at " + at(progress.next_due) + ", its calendar says " + at(book.next),
           book.row);
  } else {
    expect(progress.next_due > book.last && progress.next_due >= before,
           "a delay goes back to " + at(progress.next_due), book.row);
    book.next = progress.next_due;
  }
}

// These have their outcome now.
void LedgerAudit::cover(Book& book, Instant from, Instant to) {
  if (book.schedule.kind == ScheduleKind::after_run) {
    expect(from > book.last, "two ends are one instant", book.row);
  } else {
    // A delay waits until its calendars open.
    const bool waited = book.schedule.kind == ScheduleKind::fixed_delay &&
                        schedule::names_calendars(book.schedule) && from > book.next;
    expect(from == book.next || waited,
           "the ledger says " + at(from) + ", due was " + at(book.next), book.row);
  }
  book.last = to;
  if (book.times) {
    book.next = book.times->next_after(to);
  }
}

void LedgerAudit::fired(const RunRow& run, const RowTable& rows, Instant now) {
  Book& book = books_.at(run.trigger);
  expect(book.row.progress.state == TriggerState::active ||
             book.row.progress.state == TriggerState::waiting,
         "it fires and is " + std::string(to_string(book.row.progress.state)), book.row);
  expect(run.planned <= std::max(now, run.id.time()) || run.occasion.is_set(),
         "it fires before its instant", book.row);
  cover(book, run.planned, run.planned);
  book.skipped = {};
  look_at_overlap(run, rows);
}

void LedgerAudit::skipped(const SkippedFiringRow& row) {
  const auto found = books_.find(row.trigger);
  if (found == books_.end()) {
    return;
  }
  Book& book = found->second;
  const bool grows = book.skipped.count > 0 && book.skipped.from == row.from;
  expect(grows || book.skipped.count == 0 || book.skipped.reason != row.reason,
         "neighbours of one reason are two rows", book.row);
  const Instant from = !grows ? row.from : book.times ? book.next : row.to;
  if (book.times) {
    const auto count = 1 + book.times->count_between(from, row.to + milliseconds(1));
    expect(count == row.count - (grows ? book.skipped.count : 0) &&
               book.times->last_between(from, row.to + milliseconds(1)) == row.to,
           "a row does not count right: " + at(row.from) + " to " + at(row.to), book.row);
  }
  cover(book, from, row.to);
  book.skipped = row;
}

// It begins at once only when no other run is live that counts.
void LedgerAudit::look_at_overlap(const RunRow& run, const RowTable& rows) {
  const DefinitionRow& definition = rows.revisions.at({run.definition, run.revision});
  const Decoded decoded = decode_definition(definition.kind, definition.document);
  const auto& specs = decoded.definition.triggers();
  const Book& book = books_.at(run.trigger);
  const auto spec = std::find_if(specs.begin(), specs.end(),
                                 [&](const TriggerSpec& one) { return one.name == book.row.name; });
  check(spec != specs.end(), "a run's trigger stands in its revision");
  int in_line = 0;
  int busy = 0;
  for (const auto& [id, other] : rows.runs) {
    const RunState state = other.progress.state;
    if (other.definition != run.definition || other.kind == RunKind::step || is_final(state) ||
        id == run.id || id > run.id) {
      continue;
    }
    const auto backfill = rows.backfills.find(other.occasion);
    const bool stands_aside = backfill != rows.backfills.end() && !backfill->second.waits &&
                              !is_final(backfill->second.progress.state);
    const bool is_later =
        stands_aside ||
        (!other.trigger.is_set() && (state == RunState::waiting ||
                                     (state == RunState::scheduled && other.progress.attempt == 0 &&
                                      other.progress.error_kind.empty())));
    in_line += state == RunState::waiting && other.trigger.is_set() ? 1 : 0;
    busy += state != RunState::waiting && !is_later ? 1 : 0;
  }
  const bool waits = run.progress.state == RunState::waiting;
  using Policy = Overlap::Policy;
  const Policy policy = spec->overlap.policy;
  expect(policy == Policy::allow || waits || busy + in_line == 0, "it overlaps (S3.4)", book.row);
  expect(!waits || policy == Policy::queue || policy == Policy::cancel_running,
         "it waits in line and should not", book.row);
  expect(policy != Policy::queue || in_line < spec->overlap.limit, "the line is too long",
         book.row);
}

}  // namespace jobflow::engine::testing
