// Live runs: found, written, bounded, forgotten (I5); and those that are read back (3c).
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {

Shard::Inside::LiveRun* Shard::Inside::find_live(Id run) {
  const auto found = live_.find(run);
  return found == live_.end() ? nullptr : &found->second;
}

Shard::Inside::LiveRun& Shard::Inside::insert_live(LiveRun run) {
  const Id id = run.row.id;
  const auto [place, is_new] = live_.emplace(id, std::move(run));
  check(is_new, "an id names one run");
  watched_run_lives(id);
  const RunRow& row = place->second.row;
  if (row.kind != RunKind::step) {
    std::set<Id>& runs = runs_of_[row.definition].all;
    runs.insert(runs.end(), id);  // mostly it belongs there
    list_standing(place->second);
    if (Backfill* backfill = row.backfilled ? find_backfill(row.occasion) : nullptr) {
      backfill->live.insert(id);
    }
  }
  return place->second;
}

// How it stands in the way of its job's firings (S3.4).
void Shard::Inside::list_standing(const LiveRun& run) {
  const RunRow& row = run.row;
  if (row.kind == RunKind::step) {
    return;
  }
  Runs& runs = runs_of_.at(row.definition);
  const auto list = [&](std::set<Id>& some, bool is_one) {
    if (is_one) {
      some.insert(row.id);
    } else {
      some.erase(row.id);
    }
  };
  const bool waits = row.progress.state == RunState::waiting;
  const bool is_later = row.progress.state == RunState::scheduled && row.progress.attempt == 0 &&
                        row.progress.error_kind.empty();
  list(runs.in_line, waits && !row.after_run.is_set());
  list(runs.aside, stands_aside(row) ||
                       (!row.trigger.is_set() && (is_later || (waits && row.after_run.is_set()))));
}

void Shard::Inside::forget(LiveRun& run) {
  recent_.run_ended(run.row.id, gathering_);
  drop(run);
}

void Shard::Inside::drop(LiveRun& run) {
  if (const auto runs = runs_of_.find(run.row.definition); runs != runs_of_.end()) {
    runs->second.all.erase(run.row.id);
    runs->second.in_line.erase(run.row.id);
    runs->second.aside.erase(run.row.id);
    if (runs->second.all.empty()) {
      runs_of_.erase(runs);
      if (!known_.contains(run.row.definition)) {
        gates_.erase(run.row.definition);
      }
    }
  }
  if (Backfill* backfill = run.row.backfilled ? find_backfill(run.row.occasion) : nullptr) {
    backfill->live.erase(run.row.id);
  }
  if (watched_.contains(run.row.id)) {
    untold_.insert(run.row.id);
  }
  if (holds_.contains(run.row.id)) {
    unsettled_.runs.insert(run.row.id);
  }
  live_.erase(Id{run.row.id});
}

// The event of a run's change, as subscribers see it.
void Shard::Inside::note(Turn& turn, const LiveRun& run, std::string detail) {
  const RunProgress& progress = run.row.progress;
  turn.out.events.push_back({.type = EventType::run_changed,
                             .state = static_cast<std::uint8_t>(progress.state),
                             .subject = run.row.id,
                             .definition = run.row.definition,
                             .parent = run.row.parent,
                             .attempt = progress.attempt,
                             .version = progress.version,
                             .time = turn.now,
                             .text = run.row.step,
                             .detail = std::move(detail)});
}

void Shard::Inside::note_trigger(Turn& turn, const TriggerRow& trigger) {
  turn.out.events.push_back({.type = EventType::trigger_changed,
                             .state = static_cast<std::uint8_t>(trigger.progress.state),
                             .subject = trigger.id,
                             .definition = trigger.definition,
                             .time = turn.now,
                             .text = trigger.name,
                             .detail = trigger.progress.note});
}

// The run's columns as they stand now become a change, and the change an event.
void Shard::Inside::write(Turn& turn, LiveRun& run, std::string detail) {
  turn.out.changes.emplace_back(UpdateRun{run.row.id, run.row.progress});
  note(turn, run, std::move(detail));
  arm(run, turn.now);
  list_standing(run);
}

// It may be worked on from now on: its total timeout counts (S3.3).
void Shard::Inside::start_clock(LiveRun& run, Instant now) {
  const Span total =
      run.graph ? run.plan->definition->workflow().total_timeout : run.task().timeouts.total;
  run.row.progress.deadline = total.ms > 0 ? now + total : Instant{};
}

// When the run's present state must end at the latest (I5).
Instant Shard::Inside::bound_of(const LiveRun& run) const {
  const RunProgress& progress = run.row.progress;
  const Instant deadline = progress.deadline.is_set() ? progress.deadline : kNever;
  switch (progress.state) {
    case RunState::scheduled:
      return std::min(progress.due, deadline);
    case RunState::queued: {
      const Span wait = run.task().timeouts.queue_wait;
      return std::min(progress.due + (wait.ms > 0 ? wait : limits::kQueuedMax), deadline);
    }
    case RunState::running: {
      if (run.graph) {
        return deadline;  // and bounded by its steps
      }
      const Span timeout = run.task().timeouts.execution;
      const Instant end = std::max(progress.started, run.sent) +
                          (timeout.ms > 0 ? timeout : limits::kDefaultExecutionTimeout);
      return std::min(end, deadline) + limits::kTimeoutGrace;
    }
    case RunState::cancelling:
      return run.graph ? kNever : progress.due;
    case RunState::waiting:
      return progress.due;
    case RunState::pending:
    case RunState::paused:
    case RunState::succeeded:
    case RunState::failed:
    case RunState::cancelled:
    case RunState::timed_out:
    case RunState::expired:
    case RunState::skipped:
      return kNever;
  }
  return kNever;
}

// Far bounds are left to the sweep: most runs end long before them, and the wheel forgets nothing.
void Shard::Inside::arm(LiveRun& run, Instant now) {
  const Instant bound = bound_of(run);
  const bool is_start = run.row.progress.state == RunState::scheduled;
  if (bound == kNever || bound == run.armed || (!is_start && bound > now + kBoundWindow)) {
    return;
  }
  run.armed = bound;
  wheel_.arm({bound, run.row.id, TimerSubject::run});
}

void Shard::Inside::sweep(Instant now) {
  std::vector<Id> due;
  for (auto& [id, run] : live_) {
    if (const Instant bound = bound_of(run); bound != kNever && bound != run.armed) {
      due.push_back(id);
    }
  }
  std::sort(due.begin(), due.end());
  for (const Id id : due) {
    arm(*find_live(id), now);
  }
}

// A run that is not live, from what was read for this command; asks for the read when there is
// none that can be trusted. Null with `reads` or an answer set.
const RunRow* Shard::Inside::finished_run(Turn& turn, Id run) {
  const CommandRows* rows = turn.command.rows.get();
  const bool was_read =
      rows != nullptr && std::count(rows->asked.runs.begin(), rows->asked.runs.end(), run) > 0;
  if (!was_read || !recent_.run_unchanged_since(run, rows->batch)) {
    if (rows != nullptr) {
      turn.out.reads.runs = rows->asked.runs;
    }
    if (!was_read) {
      turn.out.reads.runs.push_back(run);
    }
    return nullptr;
  }
  for (const RunRow& row : rows->runs) {
    if (row.id == run) {
      return &row;
    }
  }
  answer(turn, Problem{ProblemCode::not_found, "there is no run " + to_string(run)});
  return nullptr;
}

}  // namespace jobflow::engine
