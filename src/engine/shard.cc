#include "engine/shard.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

// Room is left for what one more step of work may add to a decision (house 3.8).
constexpr std::size_t kRowsReserved = 8;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

bool Shard::Turn::has_row_budget() const {
  return out.changes.size() + kRowsReserved < limits::kDecisionRows;
}

Shard::Shard(ShardImage image, Instant now)
    : number_(image.shard), epoch_(image.epoch), last_id_(image.last_id), wheel_(now) {
  gathering_ = image.batch + 1;
  recent_.set_landed(image.batch);
  recent_.distrust_before(image.batch);
  for (DefinitionRow& row : image.definitions) {
    by_name_[std::string(to_string(row.kind)) + '\0' + row.name_space + '\0' + row.name] = row.id;
    Known& known = known_[row.id];
    known.plan = plan_of(row);
    known.row = std::move(row);
  }
  std::vector<std::shared_ptr<Plan>> old_plans;  // kept until their runs hold them
  for (const DefinitionRow& row : image.old_revisions) {
    old_plans.push_back(plan_of(row));
  }
  for (TriggerRow& row : image.triggers) {
    const auto owner = known_.find(row.definition);
    if (owner != known_.end()) {
      trigger_owner_[row.id] = row.definition;
      if (row.state == TriggerState::active) {
        wheel_.arm({row.next_due, row.id, TimerSubject::trigger});
      }
      owner->second.triggers.push_back(std::move(row));
    }
  }
  std::unordered_map<Id, std::vector<RunRow>> steps;
  for (const RunRow& row : image.live_runs) {
    if (row.kind == RunKind::step) {
      steps[row.parent].push_back(row);
    }
  }
  for (RunRow& row : image.ended_steps) {
    steps[row.parent].push_back(std::move(row));
  }
  for (RunRow& row : image.live_runs) {
    const auto plan = plans_[{row.definition, row.revision}].lock();
    check(plan != nullptr, "a live run's revision is in the image");
    const Id id = row.id;
    load_run(std::move(row), std::move(steps[id]), plan);
  }
  sweep(now);
}

Shard::~Shard() = default;

void Shard::load_run(RunRow row, std::vector<RunRow> steps, const std::shared_ptr<Plan>& plan) {
  LiveRun run;
  run.plan = plan;
  if (row.kind == RunKind::workflow) {
    std::sort(steps.begin(), steps.end(),
              [](const RunRow& a, const RunRow& b) { return a.id < b.id; });
    run.graph = std::make_unique<Graph>(plan->definition->workflow(), steps, row.progress.versions);
  } else if (row.kind == RunKind::step) {
    run.lane = plan->definition->workflow().step_index(row.step);
    check(run.lane >= 0, "a step run's step is in its revision");
  }
  run.row = std::move(row);
  LiveRun& live = insert_live(std::move(run));
  switch (live.row.progress.state) {
    case RunState::queued:
      list_in_queue(live);
      break;
    case RunState::running:
    case RunState::cancelling:
      if (!live.graph) {
        by_incarnation_[live.row.progress.incarnation].insert(live.row.id);
      }
      break;
    case RunState::pending:
    case RunState::scheduled:
    case RunState::waiting:
    case RunState::paused:
    case RunState::succeeded:
    case RunState::failed:
    case RunState::cancelled:
    case RunState::timed_out:
    case RunState::expired:
    case RunState::skipped:
      break;
  }
}

void Shard::set_batches(std::int64_t gathering, std::int64_t landed) {
  gathering_ = gathering;
  recent_.set_landed(landed);
}

Decision Shard::decide(const Command& command, Roster& roster) {
  Turn turn{command, roster, {}, command.now};
  std::visit(Overloaded{
                 [&](const SaveDefinition& ask) { save(turn, ask); },
                 [&](const DeleteDefinition& ask) { remove(turn, ask); },
                 [&](const TriggerRun& ask) { trigger_run(turn, ask); },
                 [&](const CancelRun& ask) { cancel(turn, ask.run); },
                 [&](const RetryRun& ask) { retry(turn, ask); },
                 [&](const AttemptEnded& ask) { attempt_ended(turn, ask); },
                 [&](const ProgressMade& ask) { progress_made(turn, ask.report); },
                 [&](const AttemptLost& ask) { attempt_lost(turn, ask); },
                 [&](const AttemptReclaimed& ask) { attempt_reclaimed(turn, ask); },
                 [&](const AssignmentUnsent& ask) {
                   assignment_unsent(turn, ask.run, ask.token, /*refused=*/false);
                 },
                 [&](const TimerDue& ask) { timer_due(turn, ask.timer); },
                 [&](const DispatchNext&) { dispatch_next(turn); },
                 [&](const ContinueRun& ask) {
                   if (LiveRun* run = find_live(ask.run); run != nullptr && run->graph) {
                     advance(turn, *run);
                   }
                 },
                 [&](const ContinueDelete& ask) { continue_delete(turn, ask); },
                 [&](const SetAside& ask) { set_aside(turn, ask); },
             },
             command.request);
  check(turn.out.changes.size() <= limits::kDecisionRows, "a decision is over its row budget");
  return std::move(turn.out);
}

std::vector<Request> Shard::begin_generation(Id given_out, Instant now) {
  last_id_ = next_id(std::max(last_id_, given_out), number_, now);
  std::vector<Request> losses;
  for (const Id incarnation : incarnations()) {
    for (const Held& held : held_by(incarnation)) {
      losses.emplace_back(AttemptLost{held.run, held.token, "the store's history changed"});
    }
  }
  return losses;
}

std::vector<Request> Shard::unfinished_business() const {
  std::vector<Id> workflows;
  std::vector<Id> deleted;
  for (const auto& [definition, runs] : runs_of_) {
    if (!known_.contains(definition)) {
      deleted.push_back(definition);
    }
  }
  for (const auto& [id, run] : live_) {
    if (run.graph && run.row.progress.state != RunState::scheduled) {
      workflows.push_back(id);
    }
  }
  std::sort(workflows.begin(), workflows.end());
  std::sort(deleted.begin(), deleted.end());
  std::vector<Request> requests;
  for (const Id id : workflows) {
    requests.emplace_back(ContinueRun{id});
  }
  for (const Id id : deleted) {
    requests.emplace_back(ContinueDelete{id});
  }
  return requests;
}

Shard::LiveRun* Shard::find_live(Id run) {
  const auto found = live_.find(run);
  return found == live_.end() ? nullptr : &found->second;
}

Shard::LiveRun& Shard::insert_live(LiveRun run) {
  const Id id = run.row.id;
  const auto [place, is_new] = live_.emplace(id, std::move(run));
  check(is_new, "an id names one run");
  const RunRow& row = place->second.row;
  if (row.kind != RunKind::step) {
    std::set<Id>& runs = runs_of_[row.definition];
    runs.insert(runs.end(), id);  // mostly it belongs there
  }
  return place->second;
}

void Shard::forget(LiveRun& run) {
  recent_.run_ended(run.row.id, gathering_);
  drop(run);
}

void Shard::drop(LiveRun& run) {
  if (const auto runs = runs_of_.find(run.row.definition); runs != runs_of_.end()) {
    runs->second.erase(run.row.id);
    if (runs->second.empty()) {
      runs_of_.erase(runs);
    }
  }
  live_.erase(Id{run.row.id});
}

// The event of a run's change, as subscribers see it.
void Shard::note(Turn& turn, const LiveRun& run, std::string detail) {
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

void Shard::note_trigger(Turn& turn, const TriggerRow& trigger) {
  turn.out.events.push_back({.type = EventType::trigger_changed,
                             .state = static_cast<std::uint8_t>(trigger.state),
                             .subject = trigger.id,
                             .definition = trigger.definition,
                             .time = turn.now,
                             .text = trigger.name,
                             .detail = trigger.note});
}

// The run's columns as they stand now become a change, and the change an event.
void Shard::write(Turn& turn, LiveRun& run, std::string detail) {
  turn.out.changes.emplace_back(UpdateRun{run.row.id, run.row.progress});
  note(turn, run, std::move(detail));
  arm(run, turn.now);
}

// When the run's present state must end at the latest (I5).
Instant Shard::bound_of(const LiveRun& run) const {
  const RunProgress& progress = run.row.progress;
  switch (progress.state) {
    case RunState::scheduled:
      return progress.due;
    case RunState::queued: {
      const Span wait = run.task().timeouts.queue_wait;
      return progress.due + (wait.ms > 0 ? wait : limits::kQueuedMax);
    }
    case RunState::running: {
      if (run.graph) {
        return kNever;  // bounded by its steps
      }
      const Span timeout = run.task().timeouts.execution;
      return std::max(progress.started, run.sent) +
             (timeout.ms > 0 ? timeout : limits::kDefaultExecutionTimeout) + limits::kTimeoutGrace;
    }
    case RunState::cancelling:
      return run.graph ? kNever : progress.due;
    case RunState::pending:
    case RunState::waiting:
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
void Shard::arm(LiveRun& run, Instant now) {
  const Instant bound = bound_of(run);
  const bool is_start = run.row.progress.state == RunState::scheduled;
  if (bound == kNever || bound == run.armed || (!is_start && bound > now + kBoundWindow)) {
    return;
  }
  run.armed = bound;
  wheel_.arm({bound, run.row.id, TimerSubject::run});
}

void Shard::sweep(Instant now) {
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

std::vector<Id> Shard::incarnations() const {
  std::vector<Id> all;
  for (const auto& [incarnation, runs] : by_incarnation_) {
    if (!runs.empty()) {
      all.push_back(incarnation);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<Shard::Held> Shard::held_by(Id incarnation) const {
  std::vector<Held> held;
  if (const auto found = by_incarnation_.find(incarnation); found != by_incarnation_.end()) {
    for (const Id run : found->second) {
      held.push_back({run, live_.at(run).row.progress.token});
    }
  }
  std::sort(held.begin(), held.end(), [](const Held& a, const Held& b) { return a.run < b.run; });
  return held;
}

void Shard::sent_late(Id run, Id token, Instant now) {
  if (LiveRun* live = find_live(run); live != nullptr && live->row.progress.token == token) {
    live->sent = now;
  }
}

bool Shard::holds(Id run, Id token) const {
  const auto found = live_.find(run);
  return found != live_.end() && found->second.row.progress.token == token;
}

Shard::Turns Shard::turns() const {
  Turns turns{.last_served = queues_.last_served(), .lanes = {}};
  for (const auto& [key, weak] : plans_) {
    if (const auto plan = weak.lock()) {
      for (std::size_t i = 0; i < plan->lanes.size(); ++i) {
        turns.lanes[{key.first, key.second, i}] = plan->lanes[i].turn;
      }
    }
  }
  return turns;
}

void Shard::take_turns(const Turns& turns) {
  queues_.go_on_after(turns.last_served);
  for (const auto& [key, turn] : turns.lanes) {
    const auto& [definition, revision, lane] = key;
    const auto found = plans_.find({definition, revision});
    const auto plan = found == plans_.end() ? nullptr : found->second.lock();
    if (plan && lane < plan->lanes.size()) {
      plan->lanes[lane].turn = turn;
    }
  }
}

// A run that is not live, from what was read for this command; asks for the read when there is
// none that can be trusted. Null with `reads` or an answer set.
const RunRow* Shard::finished_run(Turn& turn, Id run) {
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
