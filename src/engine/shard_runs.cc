// Runs asked for, cancelled, retried and ended (S5.2, S5.3, S2.3).
#include "engine/shard_inside.h"
#include "model/inputs.h"
#include "model/json.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

std::string repeat_key(Id definition, const std::string& key) {
  return to_string(definition) + '\0' + key;
}

// How the last attempt of a finished run ended.
AttemptState ended_attempt(const RunProgress& progress) {
  if (progress.error_kind == "lost") {
    return AttemptState::lost;
  }
  return progress.state == RunState::cancelled   ? AttemptState::cancelled
         : progress.state == RunState::timed_out ? AttemptState::timed_out
                                                 : AttemptState::failed;
}

Problem wrong_state(Id run, RunState state, std::string_view asked) {
  return {ProblemCode::wrong_state, "run " + to_string(run) + " is " +
                                        std::string(to_string(state)) + ": it cannot be " +
                                        std::string(asked)};
}

}  // namespace

void Shard::Inside::trigger_run(Turn& turn, const TriggerRun& ask) {
  Known* known = wake(turn, {ask.definition, ask.kind, ask.name_space, ask.name});
  if (!turn.out.reads.empty()) {
    return;
  }
  if (known == nullptr || known->row.kind == DefinitionKind::semaphore) {
    answer(turn, Problem{ProblemCode::not_found,
                         "there is no " + std::string(to_string(ask.kind)) + " '" +
                             (ask.name.empty() ? to_string(ask.definition) : ask.name) + "'"});
    return;
  }
  if (!ask.idempotency_key.empty() && answer_repeat(turn, ask, known->row.id)) {
    return;
  }
  if (ask.after_run.is_set() && ask.start_at.is_set()) {
    answer(turn, Problem{ProblemCode::invalid,
                         "a run starts at an instant or after another run: give one of them"});
    return;
  }
  if (ask.after_run.is_set() && ask.after_run.shard() == number_ && ask.after_run > last_id_) {
    // The next id could be its own: it would wait for itself.
    answer(turn, Problem{ProblemCode::not_found, "there is no run " + to_string(ask.after_run)});
    return;
  }
  if (live_.size() >= limits::kLiveRunsPerShard) {
    answer(turn, Problem{ProblemCode::queue_full, "this shard holds its limit of " +
                                                      std::to_string(limits::kLiveRunsPerShard) +
                                                      " unfinished runs: try again later"});
    return;
  }
  auto created = create_run(turn, *known,
                            {.params = ask.params,
                             .start_at = ask.start_at,
                             .priority = ask.priority,
                             .idempotency_key = ask.idempotency_key,
                             .after_run = ask.after_run});
  if (!created) {
    answer(turn, created.problem());
    return;
  }
  const Id run = (*created)->row.id;
  if (!ask.idempotency_key.empty()) {
    const Instant expires = turn.now + limits::kIdempotencyWindow;
    recent_.key_bound(repeat_key(known->row.id, ask.idempotency_key), {run, expires}, gathering_);
    turn.out.changes.emplace_back(InsertIdempotency{
        {.definition = known->row.id, .key = ask.idempotency_key, .run = run, .expires = expires}});
  }
  if (ask.after_run.is_set()) {
    write_letter(turn, ask.after_run.shard(), WatchRun{.run = ask.after_run, .watcher = run});
  } else if ((*created)->graph && (*created)->row.progress.state == RunState::running) {
    advance(turn, **created);
  }
  answer(turn, Reply{.id = run, .created = true});
}

// The first run of a repeated key answers (S5.2). True when the command is settled, or must read.
bool Shard::Inside::answer_repeat(Turn& turn, const TriggerRun& ask, Id definition) {
  if (const auto* bound = recent_.find_key(repeat_key(definition, ask.idempotency_key))) {
    if (bound->expires <= turn.now) {
      return false;
    }
    answer(turn, Reply{.id = bound->run, .created = false});
    return true;
  }
  const CommandRows* rows = turn.command.rows.get();
  const std::pair key(definition, ask.idempotency_key);
  const bool was_read =
      rows != nullptr && std::count(rows->asked.keys.begin(), rows->asked.keys.end(), key) > 0;
  if (!was_read || !recent_.may_trust(rows->batch)) {
    turn.out.reads.keys.push_back(key);
    return true;
  }
  for (const IdempotencyRow& row : rows->keys) {
    if (row.definition == definition && row.key == ask.idempotency_key && row.expires > turn.now) {
      answer(turn, Reply{.id = row.run, .created = false});
      return true;
    }
  }
  return false;
}

// What a new run is given, on top of what its definition says.
Outcome<std::string> Shard::Inside::params_of(const Definition& definition,
                                              const std::string& given) {
  auto params = definition.kind == DefinitionKind::workflow
                    ? complete_inputs(definition.workflow().inputs, given)
                    : merge_objects(definition.job().task.params, given);
  if (params && params->size() > limits::kParamsBytes) {
    return Problem{ProblemCode::too_large, "params are over the limit of " +
                                               std::to_string(limits::kParamsBytes) + " bytes"};
  }
  return params;
}

// A new run of a job (queued) or of a workflow (running; its first steps are the caller's to start,
// by advance()); scheduled, when it is to start later; waiting, when it does after another one (to
// tell that one's home is the caller's matter, too).
Outcome<Shard::Inside::LiveRun*> Shard::Inside::create_run(Turn& turn,
                                                           Known& known,
                                                           NewRun wanted) {
  const Definition& definition = *known.plan->definition;
  const bool is_workflow = definition.kind == DefinitionKind::workflow;
  auto params = params_of(definition, wanted.params);
  if (!params) {
    return params.problem();
  }
  LiveRun run;
  run.plan = known.plan;
  RunRow& row = run.row;
  row.id = make_id(turn.now);
  row.kind = is_workflow ? RunKind::workflow : RunKind::job;
  row.definition = known.row.id;
  row.revision = known.row.revision;
  row.params = std::move(params).value();
  row.created = turn.now;
  row.trigger = wanted.trigger;
  row.planned = wanted.planned;
  row.occasion = wanted.backfill == nullptr ? wanted.occasion : wanted.backfill->id;
  row.backfilled = wanted.backfill != nullptr;
  row.hops = wanted.hops;
  row.idempotency_key = std::move(wanted.idempotency_key);
  row.principal = row.backfilled            ? wanted.backfill->principal
                  : wanted.trigger.is_set() ? "system"
                                            : turn.command.principal;
  if (is_workflow) {
    row.priority = wanted.priority.value_or(0);
    run.graph = std::make_unique<Graph>(definition.workflow());
  } else {
    row.handler = definition.job().task.handler;
    row.priority = wanted.priority.value_or(definition.job().task.priority);
  }
  row.after_run = wanted.after_run;
  const bool waits = row.after_run.is_set() || wanted.in_line;
  const bool is_later = wanted.start_at > turn.now;
  row.progress.state = waits         ? RunState::waiting
                       : is_later    ? RunState::scheduled
                       : is_workflow ? RunState::running
                                     : RunState::queued;
  row.progress.due = waits ? turn.now + limits::kWaitingMax : is_later ? wanted.start_at : turn.now;
  if (is_workflow && !waits && !is_later) {
    row.progress.started = turn.now;
  }
  if (!waits && !is_later) {
    start_clock(run, turn.now);
  }
  LiveRun& live = insert_live(std::move(run));
  turn.out.changes.emplace_back(InsertRun{live.row});
  note(turn, live,
       wanted.in_line ? "in line"
       : waits        ? "after run " + to_string(live.row.after_run)
                      : "");
  arm(live, turn.now);
  if (live.row.progress.state == RunState::queued) {
    list_in_queue(live);
  }
  return &live;
}

void Shard::Inside::move(LiveRun& run, RunEvent event) {
  const auto transition = run_transition(run.row.progress.state, event);
  check(transition.verdict == Verdict::move, "the run's table allows this move");
  run.row.progress.state = transition.to;
}

// The run is queued from now on; the row says since when.
void Shard::Inside::enter_queue(Turn& turn, LiveRun& run) {
  check(run.row.progress.state == RunState::queued, "only queued runs wait in a queue");
  run.row.progress.due = turn.now;
  if (!run.row.progress.deadline.is_set()) {
    start_clock(run, turn.now);
  }
  list_in_queue(run);
  write(turn, run);
}

void Shard::Inside::cancel(Turn& turn, Id id) {
  LiveRun* run = find_live(id);
  if (run == nullptr) {
    const RunRow* row = finished_run(turn, id);
    if (row == nullptr) {
      return;
    }
    if (row->progress.state == RunState::cancelled) {
      answer(turn, Reply{.id = id, .changed = false});
    } else {
      answer(turn, wrong_state(id, row->progress.state, "cancelled"));
    }
    return;
  }
  const bool changed = ask_cancel(turn, *run, "cancelled by " + turn.command.principal);
  answer(turn, Reply{.id = id, .changed = changed});
}

// Asks a live run to stop. It may be over, and forgotten, when this returns. False: it was asked
// before.
bool Shard::Inside::ask_cancel(Turn& turn, LiveRun& run, const std::string& why) {
  if (run.graph) {
    const auto transition = workflow_transition(run.row.progress.state, WorkflowEvent::ask_cancel);
    if (transition.verdict != Verdict::move) {
      return false;
    }
    move_workflow(run, WorkflowEvent::ask_cancel);
    run.row.progress.error_kind = "cancelled";
    run.row.progress.error = why;
    if (is_final(run.row.progress.state)) {
      finish(turn, run);
    } else {
      write(turn, run);
      advance(turn, run);
    }
    return true;
  }
  const auto transition = run_transition(run.row.progress.state, RunEvent::ask_cancel);
  if (transition.verdict != Verdict::move) {
    return false;
  }
  if (run.row.progress.state == RunState::queued) {
    leave_queue(run);
  }
  move(run, RunEvent::ask_cancel);
  RunProgress& progress = run.row.progress;
  progress.error_kind = "cancelled";
  progress.error = why;
  if (is_final(progress.state)) {
    finish(turn, run);
    return true;
  }
  progress.due = turn.now + limits::kCancelGrace;
  turn.out.effects.emplace_back(SendCancel{progress.incarnation, {run.row.id, progress.token}});
  write(turn, run);
  return true;
}

void Shard::Inside::retry(Turn& turn, const RetryRun& ask) {
  LiveRun* live = find_live(ask.run);
  if (live != nullptr && !live->graph) {
    answer(turn, wrong_state(ask.run, live->row.progress.state,
                             "retried: only a finished run can; cancel it first"));
    return;
  }
  if (live != nullptr) {
    retry_workflow(turn, *live, ask.from_steps);
    return;
  }
  const RunRow* row = finished_run(turn, ask.run);
  if (row == nullptr) {
    return;
  }
  if (row->kind == RunKind::step) {
    // A step is retried in its workflow run, with everything downstream of it.
    LiveRun* workflow = find_live(row->parent);
    if (workflow == nullptr) {
      workflow = revive_workflow(turn, row->parent);
    }
    if (workflow != nullptr) {
      retry_workflow(turn, *workflow, {row->step});
    }
    return;
  }
  if (row->kind == RunKind::workflow) {
    if (LiveRun* workflow = revive_workflow(turn, ask.run); workflow != nullptr) {
      retry_workflow(turn, *workflow, ask.from_steps);
    }
    return;
  }
  if (!ask.from_steps.empty()) {
    answer(turn, Problem{ProblemCode::invalid, "a job's run has no steps to retry from"});
    return;
  }
  if (run_transition(row->progress.state, RunEvent::retry_by_hand).verdict != Verdict::move) {
    answer(turn, wrong_state(ask.run, row->progress.state, "retried"));
    return;
  }
  if (auto plan = plan_of_finished(turn, *row)) {
    LiveRun run;
    run.row = *row;
    run.plan = std::move(plan);
    retry_task(turn, insert_live(std::move(run)));
    answer(turn, Reply{.id = ask.run});
  }
}

// A finished run of a job gets its next attempt (S5.3). The ended one moves to a row of its own.
void Shard::Inside::retry_task(Turn& turn, LiveRun& run) {
  keep_attempt(turn, run, ended_attempt(run.row.progress), Instant{});
  revived_for_backfill(turn, run.row, run.row.progress.state);
  move(run, RunEvent::retry_by_hand);
  RunProgress& progress = run.row.progress;
  progress.ended = Instant{};
  progress.deadline = Instant{};  // counts anew
  progress.progress = 0;
  progress.result.clear();
  progress.error_kind.clear();
  progress.error.clear();
  enter_queue(turn, run);
}

// The store refuses what this subject wants written: it ends here, with none of that (3b).
void Shard::Inside::set_aside(Turn& turn, const SetAside& ask) {
  const std::string why = "the store refused to write it (incident " + ask.incident + ")";
  if (ask.what == SetAside::What::trigger) {
    if (wake_trigger(turn, ask.subject).trigger != nullptr) {  // the load may have left it asleep
      set_aside_trigger(turn, ask.subject, why);
    }
    return;
  }
  if (ask.what == SetAside::What::backfill) {
    if (Backfill* backfill = find_backfill(ask.subject)) {
      hold_backfill(turn, *backfill, why);
    }
    return;
  }
  LiveRun* run = find_live(ask.subject);
  if (run == nullptr) {
    return;
  }
  if (run->graph) {
    set_aside_workflow(turn, *run, why);
    return;
  }
  RunProgress& progress = run->row.progress;
  if (progress.state == RunState::queued) {
    leave_queue(*run);
  } else if (progress.token.is_set()) {
    turn.out.effects.emplace_back(SendCancel{progress.incarnation, {ask.subject, progress.token}});
  }
  free_attempt(*run);
  move(*run, RunEvent::set_aside);
  progress.result.clear();
  progress.error_kind = kStoreRefused;
  progress.error = why;
  turn.goes_on_later = true;
  finish(turn, *run, why);
}

// A final state is reached: the row's end, the event, the workflow that waits for it. `run` is
// gone when this returns.
void Shard::Inside::finish(Turn& turn, LiveRun& run, const std::string& detail) {
  check(is_final(run.row.progress.state), "a finished run is in a final state");
  RunProgress& progress = run.row.progress;
  progress.ended = turn.now;
  progress.due = Instant{};
  if (progress.error.size() > limits::kErrorMessageBytes) {
    std::size_t end = limits::kErrorMessageBytes;
    while (end > 0 && (static_cast<unsigned char>(progress.error[end]) & 0xc0) == 0x80) {
      --end;  // never inside a UTF-8 character
    }
    progress.error.resize(end);
    progress.error += " … (cut)";
  }
  turn.out.changes.emplace_back(UpdateRun{run.row.id, progress});
  note(turn, run, detail.empty() ? progress.error_kind : detail);
  watched_run_ended(turn, run);
  if (run.row.kind == RunKind::step) {
    const RunRow row = run.row;
    forget(run);
    step_ended(turn, row);
    return;
  }
  tell_followers(turn, run);
  const Id definition = run.row.definition;
  const Id trigger = run.row.trigger;
  const Id backfill = run.row.backfilled ? run.row.occasion : Id{};
  const RunState ended_as = progress.state;
  forget(run);
  tell_backfills(turn, definition, backfill, ended_as);
  if (trigger.is_set() && !backfill.is_set()) {
    fired_run_ended(turn, definition, trigger);
  }
  if (const auto runs = runs_of_.find(definition);
      runs != runs_of_.end() && !runs->second.in_line.empty()) {
    turn.with_line.insert(definition);
  }
}

}  // namespace jobflow::engine
