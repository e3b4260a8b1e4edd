// Saving and deleting jobs and workflows, and their triggers (S2.2-S2.3, S4.7).
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

// What the triggers of an edited definition may write besides their firings: 64 of them, seven rows
// each at most.
constexpr std::size_t kRowsOfEdit = 500;

bool is_stopped(TriggerState state) {
  return state == TriggerState::paused || state == TriggerState::set_aside;
}

}  // namespace

std::string Shard::Inside::name_key(DefinitionKind kind,
                                    const std::string& name_space,
                                    const std::string& name) {
  return std::string(to_string(kind)) + '\0' + name_space + '\0' + name;
}

std::shared_ptr<Plan> Shard::Inside::make_plan(Id id,
                                               int revision,
                                               std::shared_ptr<const Definition> definition) {
  auto plan = std::make_shared<Plan>();
  plan->definition_id = id;
  plan->revision = revision;
  if (definition->kind == DefinitionKind::job) {
    const Task& task = definition->job().task;
    plan->lanes.push_back({&task, queues_.find(ask_of(definition->name_space, task))});
  } else if (definition->kind == DefinitionKind::workflow) {
    for (const StepSpec& step : definition->workflow().steps) {
      plan->lanes.push_back({&step.task, queues_.find(ask_of(definition->name_space, step.task))});
    }
  }
  plan->definition = std::move(definition);
  if (plans_.size() > 2 * known_.size() + 64) {
    std::erase_if(plans_, [](const auto& entry) { return entry.second.expired(); });
  }
  plans_[{id, revision}] = plan;
  return plan;
}

// The plan of a stored revision: the one in use, when there is one.
std::shared_ptr<Plan> Shard::Inside::plan_of(const DefinitionRow& row) {
  if (const auto found = plans_.find({row.id, row.revision}); found != plans_.end()) {
    if (auto plan = found->second.lock()) {
      return plan;
    }
  }
  auto decoded = decode_definition(row.kind, row.document);
  check(decoded.problems.empty(), "a stored definition is valid");
  decoded.definition.enabled = row.enabled;
  return make_plan(row.id, row.revision,
                   std::make_shared<const Definition>(std::move(decoded.definition)));
}

// The plan of a finished run that shall go on; null with an answer set when it must not, or with
// `reads`.
std::shared_ptr<Plan> Shard::Inside::plan_of_finished(Turn& turn, const RunRow& row) {
  if (wake(turn, {.id = row.definition}) == nullptr) {
    if (!turn.out.reads.empty()) {
      return nullptr;
    }
    answer(turn, Problem{ProblemCode::wrong_state,
                         "what run " + to_string(row.id) + " is a run of was deleted"});
    return nullptr;
  }
  for (const DefinitionRow& revision : turn.command.rows->revisions) {
    if (revision.id == row.definition && revision.revision == row.revision) {
      return plan_of(revision);
    }
  }
  answer(turn, Problem{ProblemCode::not_found, "the revision of this run is not kept any more"});
  return nullptr;
}

void Shard::Inside::save(Turn& turn, const SaveDefinition& ask) {
  const Definition& wanted = *ask.definition;
  Known* known = wake(turn, {{}, wanted.kind, wanted.name_space, wanted.name});
  if (!turn.out.reads.empty()) {
    return;
  }
  if (known != nullptr && ask.must_be_new) {
    answer(turn, Problem{ProblemCode::already_exists,
                         "there is a " + std::string(to_string(wanted.kind)) + " '" + wanted.name +
                             "' in namespace '" + wanted.name_space + "' already"});
    return;
  }
  if (ask.expected_revision != 0 &&
      (known == nullptr || known->row.revision != ask.expected_revision)) {
    answer(turn, Problem{ProblemCode::revision_mismatch,
                         "revision " + std::to_string(ask.expected_revision) +
                             " is not the current one: read it again, then save"});
    return;
  }
  const bool is_new = known == nullptr;
  if (!is_new && known->row.document == wanted.document && known->row.enabled == wanted.enabled) {
    answer(turn, Reply{.id = known->row.id,
                       .revision = known->row.revision,
                       .created = false,
                       .changed = false,
                       .name = wanted.name});
    return;
  }
  if (is_new) {
    const Id id = make_id(turn.now);
    const std::string key = name_key(wanted.kind, wanted.name_space, wanted.name);
    by_name_[key] = id;
    gone_names_.erase(key);
    known = &touch(known_[id]);
    known->row = {.id = id,
                  .kind = wanted.kind,
                  .name_space = wanted.name_space,
                  .name = wanted.name,
                  .revision = 0,
                  .created = turn.now};
  }
  leave_revision(turn, *known, wanted);
  const std::shared_ptr<Plan> before = known->plan;
  DefinitionRow& row = known->row;
  row.revision += 1;
  row.enabled = wanted.enabled;
  row.document = wanted.document;
  row.updated = stamp(turn);  // its triggers count from here, and so does the audit (S4.8)
  row.principal = turn.command.principal;
  known->plan = make_plan(row.id, row.revision, ask.definition);
  set_gate(*known);
  if (row.kind == DefinitionKind::semaphore) {
    unsettled_.semaphores.insert(name_key(row.kind, row.name_space, row.name));
  }
  turn.out.changes.emplace_back(SaveRevision{row});
  turn.out.events.push_back({.type = EventType::definition_saved,
                             .state = static_cast<std::uint8_t>(row.kind),
                             .subject = row.id,
                             .definition = row.id,
                             .version = row.revision,
                             .time = turn.now,
                             .text = row.name});
  enter_revision(turn, *known, before.get());
  answer(turn, Reply{.id = row.id,
                     .revision = row.revision,
                     .created = is_new,
                     .changed = true,
                     .name = row.name});
}

// What came due before the edit is fired as it was then, also when the edit had to wait for its
// turn (S4.7): by nobody's order of turns may an edit swallow it. What the edit disables does not
// fire any more (S6.4).
void Shard::Inside::leave_revision(Turn& turn, Known& known, const Definition& next) {
  turn.goes_on_later = true;  // 64 triggers may fire: their workflows have no room here
  turn.rows_kept = kRowsOfEdit;
  for (Trigger& trigger : known.triggers) {
    leave_trigger(turn, known, trigger, next);
  }
  turn.rows_kept = 0;
}

void Shard::Inside::leave_trigger(Turn& turn,
                                  Known& known,
                                  Trigger& trigger,
                                  const Definition& next) {
  TriggerProgress& at = trigger.row.progress;
  const TriggerSpec& was = spec_of(known, trigger);
  const TriggerSpec* spec = next.find_trigger(trigger.row.name);
  const bool is_enabled = next.enabled && (spec == nullptr || spec->enabled);
  const bool is_same = spec != nullptr && spec->schedule == was.schedule;
  if (is_stopped(at.state)) {
    if (!is_same || (is_enabled && at.paused_by.empty())) {
      close_gap(turn, known, trigger);
    }
    return;
  }
  if (!is_enabled) {
    stop_trigger(turn, known, trigger, "disabled");
    return;
  }
  if (is_overdue(turn, trigger) && !settle(turn, known, trigger, latest(turn)) && !is_same) {
    // More than one decision may catch up with, and the edit does not wait.
    const DueInstants left = due_by(times_of(known, trigger), at.next_due, latest(turn));
    skip(turn, trigger, left.first, left.last, left.count, "superseded");
  }
  if (is_stopped(at.state)) {  // set aside, with what was due then
    close_gap(turn, known, trigger);
  }
  if (!is_same) {
    stop_following(turn, known, trigger, was);
  }
}

// A trigger is known by its name: unchanged ones keep their next instant, so that an edit neither
// repeats nor delays a firing (S4.7).
void Shard::Inside::enter_revision(Turn& turn, Known& known, const Plan* before) {
  std::vector<Trigger> kept;
  for (const TriggerSpec& spec : known.plan->definition->triggers()) {
    const auto old = std::find_if(known.triggers.begin(), known.triggers.end(),
                                  [&](const Trigger& one) { return one.row.name == spec.name; });
    const bool is_new = old == known.triggers.end();
    if (is_new) {
      const Id id = make_id(turn.now);
      trigger_owner_[id] = known.row.id;
      kept.push_back({.row = {.id = id,
                              .definition = known.row.id,
                              .name = spec.name,
                              .progress = {.state = TriggerState::paused}}});
    } else {
      kept.push_back(std::move(*old));
      known.triggers.erase(old);
    }
    enter_trigger(turn, known, kept.back(), before, is_new);
  }
  for (const Trigger& gone : known.triggers) {
    trigger_owner_.erase(gone.row.id);
    stop_backfills(turn, known.row.id, gone.row.id, "its trigger was deleted");
    turn.out.changes.emplace_back(DeleteTrigger{gone.row.id});
  }
  known.triggers = std::move(kept);
}

void Shard::Inside::enter_trigger(
    Turn& turn, Known& known, Trigger& trigger, const Plan* before, bool is_new) {
  TriggerProgress& at = trigger.row.progress;
  const TriggerSpec& spec = spec_of(known, trigger);
  const TriggerSpec* was = is_new ? nullptr : before->definition->find_trigger(trigger.row.name);
  const bool is_same = was != nullptr && was->schedule == spec.schedule;
  const bool is_wanted = spec.enabled && known.row.enabled && at.paused_by.empty();
  if (!is_same) {
    trigger.row.schedule = to_json(spec.schedule);
    trigger.times.reset();
    at.anchor = known.row.updated;
    at.skip_from = Instant{};
    at.skip_count = 0;
    at.skip_reason.clear();
  }
  const bool has_params = trigger.row.params == spec.params;
  trigger.row.params = spec.params;
  if (is_wanted && (is_stopped(at.state) || !is_same)) {
    plan_trigger(turn, known, trigger);
    note_trigger(turn, trigger.row);
  } else if (!is_wanted && (is_new || (at.paused_by.empty() && at.state != TriggerState::paused))) {
    move_trigger(trigger, TriggerEvent::pause);
    at.since = is_new ? stamp(turn) : at.since;
    at.note.clear();
    note_trigger(turn, trigger.row);
  } else if (is_same && has_params) {
    return;
  }
  turn.out.changes.emplace_back(SaveTrigger{trigger.row});
}

void Shard::Inside::remove(Turn& turn, const DeleteDefinition& ask) {
  Known* known = wake(turn, {{}, ask.kind, ask.name_space, ask.name});
  if (!turn.out.reads.empty()) {
    return;
  }
  if (known == nullptr) {
    answer(turn, Problem{ProblemCode::not_found, "there is no " + std::string(to_string(ask.kind)) +
                                                     " '" + ask.name + "' in namespace '" +
                                                     ask.name_space + "'"});
    return;
  }
  if (ask.expected_revision != 0 && known->row.revision != ask.expected_revision) {
    answer(turn, Problem{ProblemCode::revision_mismatch,
                         "revision " + std::to_string(ask.expected_revision) +
                             " is not the current one: read it again, then delete"});
    return;
  }
  const std::string key = name_key(ask.kind, ask.name_space, ask.name);
  if (const auto used = semaphores_.find(key); used != semaphores_.end() && !ask.force) {
    answer(turn, Problem{ProblemCode::wrong_state,
                         "semaphore '" + ask.name + "' is in use (runs that hold it: " +
                             std::to_string(used->second.held()) +
                             ", that wait: " + std::to_string(used->second.waiting()) +
                             "): delete it by force, and those that wait do so until it is there "
                             "again"});
    return;
  }
  DefinitionRow row = known->row;
  row.revision += 1;
  row.deleted = true;
  row.updated = stamp(turn);
  row.principal = turn.command.principal;
  turn.out.changes.emplace_back(SaveRevision{row});
  for (Trigger& trigger : known->triggers) {
    stop_trigger(turn, *known, trigger, "deleted");
    trigger_owner_.erase(trigger.row.id);
    gone_ids_[trigger.row.id] = gathering_;
    stop_backfills(turn, row.id, trigger.row.id, "its trigger was deleted");
    turn.out.changes.emplace_back(DeleteTrigger{trigger.row.id});
  }
  turn.out.events.push_back({.type = EventType::definition_deleted,
                             .state = static_cast<std::uint8_t>(row.kind),
                             .subject = row.id,
                             .definition = row.id,
                             .version = row.revision,
                             .time = turn.now,
                             .text = row.name});
  gone_names_[key] = gathering_;
  gone_ids_[row.id] = gathering_;
  by_name_.erase(key);
  known_.erase(row.id);
  answer(turn, Reply{.id = row.id, .revision = row.revision, .changed = true, .name = row.name});
  continue_delete(turn, {.definition = row.id});
}

// Live runs of a deleted definition are cancelled (S2.3), as many as one decision may. Nobody can
// start another one, so a slice need not look at those before it again.
void Shard::Inside::continue_delete(Turn& turn, const ContinueDelete& ask) {
  const auto runs = runs_of_.find(ask.definition);
  if (runs == runs_of_.end()) {
    gates_.erase(ask.definition);
    return;
  }
  std::vector<Id> slice;
  const std::set<Id>& all = runs->second.all;
  for (auto run = all.upper_bound(ask.after);
       run != all.end() && slice.size() < limits::kDecisionRows; ++run) {
    slice.push_back(*run);
  }
  Id after = ask.after;
  for (const Id id : slice) {
    if (!turn.has_row_budget()) {
      break;
    }
    ask_cancel(turn, *find_live(id), "cancelled: what it is a run of was deleted");
    after = id;
  }
  if (!slice.empty() && (after != slice.back() || slice.size() == limits::kDecisionRows)) {
    turn.out.more.emplace_back(ContinueDelete{ask.definition, after});
  }
}

}  // namespace jobflow::engine
