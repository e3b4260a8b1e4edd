// A shard loaded, and the way into it.
#include "engine/shard_inside.h"
#include "model/sabotage.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

// Room is left for what one more step of work may add to a decision (house 3.8): mostly for the
// letters to those who follow a run that it ends.
constexpr std::size_t kRowsReserved = limits::kFollowersMax + 13;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

bool Shard::Inside::Turn::has_row_budget() const {
  return out.changes.size() + kRowsReserved + rows_kept < limits::kDecisionRows;
}

Shard::Inside::Inside(ShardImage image, Instant now)
    : number_(image.shard), epoch_(image.epoch), last_id_(image.last_id), wheel_(now) {
  if (sabotaged(Sabotage::ids_from_clock)) {
    last_id_ = next_id(Id{}, number_, now);
  }
  gathering_ = image.batch + 1;
  landed_ = image.batch;
  now_ = now;
  recent_.set_landed(image.batch);
  recent_.distrust_before(image.batch);
  commands_.begin(next_id(image.last_id, number_, now), image.batch);
  for (const DefinitionRow& row : image.definitions) {
    enter_known(row);
  }
  std::vector<std::shared_ptr<Plan>> old_plans;  // kept until their runs hold them
  for (const DefinitionRow& row : image.old_revisions) {
    old_plans.push_back(plan_of(row));
  }
  for (const TriggerRow& row : image.triggers) {
    if (const auto owner = known_.find(row.definition); owner != known_.end()) {
      enter_known_trigger(owner->second, row);
    }
  }
  for (const BackfillRow& row : image.backfills) {
    list_backfill(row);
  }
  shard_count_ = image.shard_count;
  load_permits(image, now);
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
  load_letters(image, now);
  load_follows(image);
  put_off_.take(unsettled_);
  sweep(now);
}

void Shard::Inside::load_run(RunRow row,
                             std::vector<RunRow> steps,
                             const std::shared_ptr<Plan>& plan) {
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
        pass_gate(live);
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

Decision Shard::Inside::decide(const Command& command, Roster& roster) {
  Turn turn{command, roster, {}, command.now};
  now_ = command.now;
  if (answer_again(turn)) {
    read_along(turn);
    return std::move(turn.out);
  }
  std::visit(Overloaded{
                 [&](const SaveDefinition& ask) { save(turn, ask); },
                 [&](const DeleteDefinition& ask) { remove(turn, ask); },
                 [&](const TriggerRun& ask) { trigger_run(turn, ask); },
                 [&](const CancelRun& ask) { cancel(turn, ask.run); },
                 [&](const ExplainRun& ask) { explain(turn, ask.run); },
                 [&](const RetryRun& ask) { retry(turn, ask); },
                 [&](const PauseTrigger& ask) { pause_trigger(turn, ask); },
                 [&](const ResumeTrigger& ask) { resume_trigger(turn, ask); },
                 [&](const StartBackfill& ask) { start_backfill(turn, ask); },
                 [&](const PauseBackfill& ask) { pause_backfill(turn, ask); },
                 [&](const ResumeBackfill& ask) { resume_backfill(turn, ask); },
                 [&](const CancelBackfill& ask) { cancel_backfill(turn, ask); },
                 [&](const AttemptEnded& ask) { attempt_ended(turn, ask); },
                 [&](const ProgressMade& ask) { progress_made(turn, ask.report); },
                 [&](const AttemptLost& ask) { attempt_lost(turn, ask); },
                 [&](const AttemptReclaimed& ask) { attempt_reclaimed(turn, ask); },
                 [&](const AssignmentUnsent& ask) { assignment_unsent(turn, ask); },
                 [&](const LetterCame& ask) { letter_came(turn, ask); },
                 [&](const LetterAcked& ask) { letter_acked(turn, ask); },
                 [&](const TimerDue& ask) { timer_due(turn, ask.timer); },
                 [&](const LookAhead& ask) { look_ahead(turn, ask); },
                 [&](const DispatchNext&) { dispatch_next(turn); },
                 [&](const ContinueRun& ask) {
                   if (LiveRun* run = find_live(ask.run); run != nullptr && run->graph) {
                     advance(turn, *run);
                   }
                 },
                 [&](const ContinueDelete& ask) { continue_delete(turn, ask); },
                 [&](const NextInLine& ask) { next_in_line(turn, ask.definition); },
                 [&](const CancelOthers& ask) { cancel_others(turn, ask); },
                 [&](const TellWatchers& ask) { tell_watchers(turn, ask.run); },
                 [&](const WatchAgain& ask) { watch_again(turn, ask.run); },
                 [&](const FollowAgain& ask) { follow_again(turn, ask.trigger); },
                 [&](const ContinuePermits&) {},  // below, as with every command
                 [&](const GrantPermits& ask) { wake_to_grant(turn, ask); },
                 [&](const AskPermitAgain& ask) { ask_permit_again(turn, ask); },
                 [&](const ContinueBackfill& ask) { continue_backfill(turn, ask.backfill); },
                 [&](const SetAside& ask) { set_aside(turn, ask); },
             },
             command.request);
  const bool permits_are_settled = settle_permits(turn);
  for (const Id definition : turn.with_line) {
    turn.out.more.emplace_back(NextInLine{definition});
  }
  for (const Id backfill : turn.backfills) {
    turn.out.more.emplace_back(ContinueBackfill{backfill});
  }
  for (const Id run : turn.to_tell) {
    turn.out.more.emplace_back(TellWatchers{run});
  }
  if (!permits_are_settled) {
    turn.out.more.emplace_back(ContinuePermits{number_});
  }
  remember_command(turn);
  read_along(turn);
  check(turn.out.changes.size() <= limits::kDecisionRows, "a decision is over its row budget");
  return std::move(turn.out);
}

// --- the way in

Shard::Shard(ShardImage image, Instant now)
    : inside_(std::make_unique<Inside>(std::move(image), now)) {}

Shard::~Shard() = default;

Decision Shard::decide(const Command& command, Roster& roster) {
  return inside_->decide(command, roster);
}

void Shard::set_batches(std::int64_t gathering, std::int64_t landed) {
  inside_->gathering_ = gathering;
  inside_->landed_ = landed;
  inside_->recent_.set_landed(landed);
  inside_->commands_.set_landed(landed);
}

void Shard::distrust_reads_before(std::int64_t batch) {
  inside_->recent_.distrust_before(batch);
  inside_->commands_.distrust_before(batch);
}

void Shard::keep_commands(Id last) {
  inside_->keeps_commands_ = true;
  inside_->commands_.begin(last, inside_->gathering_ - 1);
}
const CommandRow* Shard::find_command(Id command) const {
  return inside_->commands_.find_durable(command);
}

void Shard::set_calendars(std::shared_ptr<const schedule::CalendarBook> book) {
  inside_->set_calendars(std::move(book));
}

ShardNumber Shard::number() const {
  return inside_->number_;
}
std::int64_t Shard::epoch() const {
  return inside_->epoch_;
}
Id Shard::last_id() const {
  return inside_->last_id_;
}
std::size_t Shard::letters_waiting() const {
  std::size_t count = 0;
  for (const auto& [to, outbox] : inside_->outboxes_) {
    count += outbox.letters.size();
  }
  return count;
}
Instant Shard::letters_wait_since() const {
  Instant oldest = kNever;
  for (const auto& [to, outbox] : inside_->outboxes_) {
    oldest = std::min(oldest, outbox.letters.front().number.time());
  }
  return oldest;
}
std::size_t Shard::live_runs() const {
  return inside_->live_.size();
}
void Shard::take_due(Instant now, std::vector<Timer>& due) {
  inside_->wheel_.advance(now, due);
}
Instant Shard::next_due() const {
  return inside_->wheel_.next_due();
}
void Shard::sweep(Instant now, Span kept_awake) {
  inside_->sweep(now);
  inside_->put_to_sleep(now - kept_awake);
}
std::size_t Shard::awake() const {
  return inside_->known_.size();
}
Instant Shard::horizon() const {
  return inside_->horizon_.due;
}

std::vector<Request> Shard::begin_generation(Id given_out, Instant now) {
  inside_->last_id_ = next_id(std::max(inside_->last_id_, given_out), inside_->number_, now);
  std::vector<Request> requests;
  for (const Id incarnation : incarnations()) {
    for (const Held& held : held_by(incarnation)) {
      requests.emplace_back(AttemptLost{held.run, held.token, "the store's history changed"});
    }
  }
  return requests;
}

std::vector<Request> Shard::ask_again() const {
  std::set<Id> waiting;
  for (const auto& [id, run] : inside_->live_) {
    if (run.row.progress.state == RunState::waiting && run.row.after_run.is_set()) {
      waiting.insert(id);
    }
  }
  std::vector<Request> requests;
  for (const Id run : waiting) {
    requests.emplace_back(WatchAgain{run});
  }
  std::set<Id> following;
  for (const auto& [id, known] : inside_->known_) {
    for (const Inside::Trigger& trigger : known.triggers) {
      if (trigger.row.progress.follow.is_set()) {
        following.insert(trigger.row.id);
      }
    }
  }
  for (const Id trigger : following) {
    requests.emplace_back(FollowAgain{trigger});
  }
  for (const auto& [run, holds] : inside_->holds_) {
    for (const HoldRow& hold : holds) {
      requests.emplace_back(AskPermitAgain{run, hold.ask});
    }
  }
  return requests;
}

std::vector<Request> Shard::unfinished_business() const {
  std::vector<Id> workflows;
  std::vector<Id> deleted;
  for (const auto& [definition, runs] : inside_->runs_of_) {
    if (!inside_->known_.contains(definition)) {
      deleted.push_back(definition);
    }
  }
  for (const auto& [id, run] : inside_->live_) {
    const RunState state = run.row.progress.state;
    if (run.graph && state != RunState::scheduled && state != RunState::waiting) {
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
  inside_->add_line_business(requests);
  for (const auto& [id, backfill] : inside_->backfills_) {
    requests.emplace_back(ContinueBackfill{id});
  }
  for (const Id run : inside_->untold_) {
    requests.emplace_back(TellWatchers{run});
  }
  if (!inside_->put_off_.empty()) {
    requests.emplace_back(ContinuePermits{inside_->number_});
  }
  return requests;
}

std::vector<Id> Shard::incarnations() const {
  std::vector<Id> all;
  for (const auto& [incarnation, runs] : inside_->by_incarnation_) {
    if (!runs.empty()) {
      all.push_back(incarnation);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<Shard::Held> Shard::held_by(Id incarnation) const {
  std::vector<Held> held;
  if (const auto found = inside_->by_incarnation_.find(incarnation);
      found != inside_->by_incarnation_.end()) {
    for (const Id run : found->second) {
      held.push_back({run, inside_->live_.at(run).row.progress.token});
    }
  }
  std::sort(held.begin(), held.end(), [](const Held& a, const Held& b) { return a.run < b.run; });
  return held;
}

void Shard::sent_late(Id run, Id token, Instant now) {
  if (auto* live = inside_->find_live(run); live != nullptr && live->row.progress.token == token) {
    live->sent = now;
  }
}

bool Shard::holds(Id run, Id token) const {
  const auto found = inside_->live_.find(run);
  return found != inside_->live_.end() && found->second.row.progress.token == token;
}

Shard::Turns Shard::turns() const {
  Turns turns{.last_served = inside_->queues_.last_served(), .lanes = {}};
  for (const auto& [key, weak] : inside_->plans_) {
    if (const auto plan = weak.lock()) {
      for (std::size_t i = 0; i < plan->lanes.size(); ++i) {
        turns.lanes[{key.first, key.second, i}] = plan->lanes[i].turn;
      }
    }
  }
  return turns;
}

void Shard::take_turns(const Turns& turns) {
  inside_->queues_.go_on_after(turns.last_served);
  for (const auto& [key, turn] : turns.lanes) {
    const auto& [definition, revision, lane] = key;
    const auto found = inside_->plans_.find({definition, revision});
    const auto plan = found == inside_->plans_.end() ? nullptr : found->second.lock();
    if (plan && lane < plan->lanes.size()) {
      plan->lanes[lane].turn = turn;
    }
  }
}

}  // namespace jobflow::engine
