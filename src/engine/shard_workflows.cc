// Workflow runs: which step next, when all is over, and new versions (S8.3, S8.5, S8.6).
#include "engine/expression.h"
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {

void Shard::Inside::move_workflow(LiveRun& run, WorkflowEvent event) {
  const auto transition = workflow_transition(run.row.progress.state, event);
  check(transition.verdict == Verdict::move, "the workflow run's table allows this move");
  run.row.progress.state = transition.to;
}

// Its start instant, or what it waited for, is here.
void Shard::Inside::begin_workflow(Turn& turn, LiveRun& workflow) {
  move_workflow(workflow, WorkflowEvent::begin);
  workflow.row.progress.started = turn.now;
  start_clock(workflow, turn.now);
  write(turn, workflow);
  advance(turn, workflow);
}

// Starts and skips what can be decided, as much as one decision may write; asks to be called again
// for the rest. Concludes the run when all is over; then `workflow` is gone on return.
void Shard::Inside::advance(Turn& turn, LiveRun& workflow) {
  const Id id = workflow.row.id;
  const RunState state = workflow.row.progress.state;
  if (turn.goes_on_later) {
    turn.out.more.emplace_back(ContinueRun{id});
    return;
  }
  if (state == RunState::cancelling) {
    cancel_steps(turn, workflow);
    return;
  }
  if (state != RunState::running) {
    return;
  }
  Graph& graph = *workflow.graph;
  for (int step = graph.next_decidable(); step >= 0; step = graph.next_decidable()) {
    if (!turn.has_row_budget()) {
      turn.out.more.emplace_back(ContinueRun{id});
      return;
    }
    if (graph.must_skip(step)) {
      skip_step(turn, workflow, step);
    } else {
      start_step(turn, workflow, step);
    }
  }
  if (graph.over()) {
    conclude(turn, workflow);
  }
}

RunRow Shard::Inside::step_row(Turn& turn, LiveRun& workflow, int step) {
  const StepSpec& spec =
      workflow.plan->definition->workflow().steps[static_cast<std::size_t>(step)];
  RunRow row;
  row.id = make_id(turn.now);
  row.kind = RunKind::step;
  row.definition = workflow.row.definition;
  row.revision = workflow.row.revision;
  row.parent = workflow.row.id;
  row.step = spec.id;
  row.handler = spec.task.handler;
  row.params = "{}";
  row.priority = std::clamp(spec.task.priority + workflow.row.priority, -100, 100);
  row.created = turn.now;
  row.principal = workflow.row.principal;
  row.progress.version = workflow.row.progress.version;
  return row;
}

void Shard::Inside::start_step(Turn& turn, LiveRun& workflow, int step) {
  const WorkflowSpec& spec = workflow.plan->definition->workflow();
  const Graph& graph = *workflow.graph;
  RunRow row = step_row(turn, workflow, step);
  auto params =
      fill_templates(spec.steps[static_cast<std::size_t>(step)].task.params,
                     {.inputs = workflow.row.params, .step_output = [&](std::string_view id) {
                        const int other = spec.step_index(id);
                        return other < 0 ? nullptr : graph.output(other);
                      }});
  if (params && params->size() > limits::kParamsBytes) {
    params = Problem{ProblemCode::too_large, "the step's params are over the limit of " +
                                                 std::to_string(limits::kParamsBytes) + " bytes"};
  }
  if (!params) {
    fail_new_step(turn, workflow, step, std::move(row), params.problem());
    return;
  }
  row.params = std::move(params).value();
  row.progress.state = RunState::queued;
  row.progress.due = turn.now;
  workflow.graph->start(step, row.id);
  LiveRun run;
  run.row = std::move(row);
  run.plan = workflow.plan;
  run.lane = step;
  start_clock(run, turn.now);
  LiveRun& live = insert_live(std::move(run));
  turn.out.changes.emplace_back(InsertRun{live.row});
  note(turn, live);
  arm(live, turn.now);
  list_in_queue(live);
}

// Its templates could not be filled: it fails without an attempt.
void Shard::Inside::fail_new_step(
    Turn& turn, LiveRun& workflow, int step, RunRow row, const Problem& problem) {
  row.progress.state = RunState::failed;
  row.progress.ended = turn.now;
  row.progress.error_kind = "expression";
  row.progress.error = problem.detail;
  workflow.graph->fail(step, row);
  LiveRun run;
  run.row = std::move(row);
  turn.out.changes.emplace_back(InsertRun{run.row});
  note(turn, run, run.row.progress.error_kind);
}

void Shard::Inside::skip_step(Turn& turn, LiveRun& workflow, int step) {
  RunRow row = step_row(turn, workflow, step);
  row.progress.state = RunState::skipped;
  row.progress.ended = turn.now;
  row.progress.error_kind = "upstream";
  row.progress.error = "a step it needs did not succeed";
  workflow.graph->fail(step, row);
  LiveRun run;
  run.row = std::move(row);
  turn.out.changes.emplace_back(InsertRun{run.row});
  note(turn, run, run.row.progress.error_kind);
}

// A step's run came to its end: its workflow goes on.
void Shard::Inside::step_ended(Turn& turn, const RunRow& row) {
  LiveRun* workflow = find_live(row.parent);
  if (workflow == nullptr || !workflow->graph) {
    return;  // set aside in the meantime
  }
  const int step = workflow->plan->definition->workflow().step_index(row.step);
  if (step < 0 || workflow->graph->run_of(step) != row.id) {
    return;  // replaced by a later version
  }
  const RunProgress& progress = row.progress;
  if (progress.state == RunState::succeeded) {
    workflow->graph->succeed(step, row.id, progress.result);
  } else {
    workflow->graph->fail(step, row);
  }
  if (workflow->row.progress.state == RunState::cancelling && !turn.goes_on_later) {
    all_cancelled(turn, *workflow);
  } else {
    advance(turn, *workflow);
  }
}

void Shard::Inside::conclude(Turn& turn, LiveRun& workflow) {
  const WorkflowSpec& spec = workflow.plan->definition->workflow();
  Graph& graph = *workflow.graph;
  RunProgress& progress = workflow.row.progress;
  if (graph.failed()) {
    move_workflow(workflow, WorkflowEvent::complete_failed);
    progress.error_kind = "step";
    progress.error = graph.first_failure();
    finish(turn, workflow);
    return;
  }
  auto output = fill_templates(
      spec.output, {.inputs = workflow.row.params, .step_output = [&](std::string_view id) {
                      const int step = spec.step_index(id);
                      return step < 0 ? nullptr : graph.output(step);
                    }});
  if (output && output->size() > limits::kResultBytes) {
    output = Problem{ProblemCode::too_large, "the workflow's output is over the limit of " +
                                                 std::to_string(limits::kResultBytes) + " bytes"};
  }
  if (!output) {
    move_workflow(workflow, WorkflowEvent::complete_failed);
    progress.error_kind = "expression";
    progress.error = "output: " + output.problem().detail;
    finish(turn, workflow);
    return;
  }
  move_workflow(workflow, WorkflowEvent::complete);
  progress.result = std::move(output).value();
  progress.progress = 1;
  progress.error_kind.clear();
  progress.error.clear();
  finish(turn, workflow);
}

// Every live step is asked to stop, as many as one decision may; when the last one ended, the run
// is over, and `workflow` gone.
void Shard::Inside::cancel_steps(Turn& turn, LiveRun& workflow) {
  if (workflow.graph->live() == 0) {
    all_cancelled(turn, workflow);
    return;
  }
  const Id id = workflow.row.id;
  const std::string why = (is_set_aside(workflow) ? "cancelled with its workflow run: " : "") +
                          workflow.row.progress.error;
  const auto& steps = workflow.plan->definition->workflow().steps;
  for (int step = 0; step < static_cast<int>(steps.size()); ++step) {
    if (workflow.graph->standing(step) != StepStanding::live) {
      continue;
    }
    LiveRun& run = live_.at(workflow.graph->run_of(step));
    if (run.row.progress.state == RunState::cancelling) {
      continue;
    }
    if (!turn.has_row_budget()) {
      turn.out.more.emplace_back(ContinueRun{id});
      return;
    }
    ask_cancel(turn, run, why);
    if (find_live(id) == nullptr) {
      return;  // that was the last one
    }
  }
}

void Shard::Inside::all_cancelled(Turn& turn, LiveRun& workflow) {
  if (workflow.graph->live() == 0) {
    move_workflow(workflow, is_set_aside(workflow) ? WorkflowEvent::complete_failed
                            : workflow.row.progress.error_kind == kTimeout
                                ? WorkflowEvent::all_timed_out
                                : WorkflowEvent::all_cancelled);
    finish(turn, workflow);
  }
}

// Its total timeout is over: no step begins any more, the live ones are cancelled (S3.3).
void Shard::Inside::time_out_workflow(Turn& turn, LiveRun& workflow) {
  move_workflow(workflow, WorkflowEvent::time_out);
  workflow.row.progress.error_kind = kTimeout;
  workflow.row.progress.error = "the workflow run did not end within its total timeout";
  write(turn, workflow);
  advance(turn, workflow);
}

bool Shard::Inside::is_set_aside(const LiveRun& workflow) {
  return workflow.row.progress.state == RunState::cancelling &&
         workflow.row.progress.error_kind == kStoreRefused;
}

// The row says why at once, and no more is written; what follows cancels the live steps, for its
// end shall be the end of them all. Were that refused as well, it would be for ever: the second
// time it ends where it stands, and its steps by themselves.
void Shard::Inside::set_aside_workflow(Turn& turn, LiveRun& workflow, const std::string& why) {
  const bool was_set_aside = is_set_aside(workflow);
  RunProgress& progress = workflow.row.progress;
  move_workflow(workflow, WorkflowEvent::set_aside);
  progress.result.clear();
  progress.error_kind = kStoreRefused;
  progress.error = why;
  if (is_set_aside(workflow) && (was_set_aside || workflow.graph->live() == 0)) {
    move_workflow(workflow, WorkflowEvent::complete_failed);
  }
  if (is_final(progress.state)) {
    finish(turn, workflow, why);
    return;
  }
  turn.out.more.emplace_back(ContinueRun{workflow.row.id});
  write(turn, workflow, why);
}

// A new version: the chosen steps and everything downstream run again, all others are carried.
void Shard::Inside::retry_workflow(Turn& turn,
                                   LiveRun& workflow,
                                   const std::vector<std::string>& from) {
  const Id id = workflow.row.id;
  const WorkflowSpec& spec = workflow.plan->definition->workflow();
  RunProgress& progress = workflow.row.progress;
  const bool was_final = is_final(progress.state);
  const auto refuse = [&](Problem problem) {
    answer(turn, std::move(problem));
    if (was_final) {
      drop(workflow);  // it was only brought back for this
    }
  };
  if (workflow_transition(progress.state, WorkflowEvent::retry_by_hand).verdict != Verdict::move) {
    refuse({ProblemCode::wrong_state, "run " + to_string(id) + " is " +
                                          std::string(to_string(progress.state)) +
                                          ": it cannot be retried now"});
    return;
  }
  std::vector<int> chosen;
  for (const std::string& step : from) {
    const int index = spec.step_index(step);
    if (index < 0) {
      refuse({ProblemCode::invalid, "the workflow has no step '" + step + "'"});
      return;
    }
    chosen.push_back(index);
  }
  int live_step = -1;
  const std::vector<int> replaced = workflow.graph->replaced_by_retry(chosen, live_step);
  if (live_step >= 0) {
    refuse({ProblemCode::wrong_state,
            "step '" + spec.steps[static_cast<std::size_t>(live_step)].id +
                "' would be replaced and still runs: cancel it first, or wait for it"});
    return;
  }
  // One that was cancelled between its steps goes on with those it never came to.
  if (replaced.empty() && (!was_final || workflow.graph->over())) {
    refuse({ProblemCode::wrong_state, was_final
                                          ? "every step succeeded: name the steps to retry from"
                                          : "no step has failed: name the steps to retry from"});
    return;
  }
  std::vector<std::string> names;
  for (const int step : replaced) {
    names.push_back(spec.steps[static_cast<std::size_t>(step)].id);
  }
  if (was_final) {
    revived_for_backfill(turn, workflow.row, progress.state);
  }
  move_workflow(workflow, WorkflowEvent::retry_by_hand);
  progress.version += 1;
  progress.versions = add_version(progress.versions, progress.version, names);
  progress.ended = Instant{};
  progress.progress = 0;
  if (!progress.started.is_set()) {
    progress.started = turn.now;
  }
  start_clock(workflow, turn.now);
  progress.result.clear();
  progress.error_kind.clear();
  progress.error.clear();
  workflow.graph->reopen(replaced);
  write(turn, workflow, "version " + std::to_string(progress.version));
  answer(turn, Reply{.id = id, .revision = progress.version});
  advance(turn, workflow);
}

// A finished workflow run comes back into memory, from the rows read for this command.
Shard::Inside::LiveRun* Shard::Inside::revive_workflow(Turn& turn, Id id) {
  const RunRow* row = finished_run(turn, id);
  if (row == nullptr) {
    return nullptr;
  }
  std::vector<RunRow> steps;
  for (const RunRow& step : turn.command.rows->steps) {
    if (step.parent != id) {
      continue;
    }
    // One that was set aside may have left steps live: they are what they are in memory.
    const LiveRun* live = find_live(step.id);
    if (live == nullptr && !is_final(step.progress.state)) {
      turn.out.reads.runs = turn.command.rows->asked.runs;  // it ended since
      return nullptr;
    }
    steps.push_back(live == nullptr ? step : live->row);
  }
  auto plan = plan_of_finished(turn, *row);
  if (plan == nullptr) {
    return nullptr;
  }
  load_run(*row, std::move(steps), plan);
  return find_live(id);
}

}  // namespace jobflow::engine
