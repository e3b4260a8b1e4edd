// Saving and deleting jobs and workflows, and their triggers (S2.2-S2.3, S4.7).
#include "engine/cron.h"
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

std::string name_key(DefinitionKind kind, const std::string& name_space, const std::string& name) {
  return std::string(to_string(kind)) + '\0' + name_space + '\0' + name;
}

Instant next_firing(const std::string& expression, Instant after) {
  const auto cron = Cron::parse(expression);
  check(cron.ok(), "a saved cron expression parses");
  return cron->next_after(after);
}

}  // namespace

Shard::Inside::Known* Shard::Inside::find_known(DefinitionKind kind,
                                                const std::string& name_space,
                                                const std::string& name) {
  const auto id = by_name_.find(name_key(kind, name_space, name));
  return id == by_name_.end() ? nullptr : &known_.at(id->second);
}

std::shared_ptr<Plan> Shard::Inside::make_plan(Id id,
                                               int revision,
                                               std::shared_ptr<const Definition> definition) {
  auto plan = std::make_shared<Plan>();
  plan->definition_id = id;
  plan->revision = revision;
  if (definition->kind == DefinitionKind::job) {
    const Task& task = definition->job().task;
    plan->lanes.push_back({&task, queues_.find(definition->name_space, task)});
  } else {
    for (const StepSpec& step : definition->workflow().steps) {
      plan->lanes.push_back({&step.task, queues_.find(definition->name_space, step.task)});
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

// The plan of a finished run that shall go on; null with an answer set when it must not.
std::shared_ptr<Plan> Shard::Inside::plan_of_finished(Turn& turn, const RunRow& row) {
  if (!known_.contains(row.definition)) {
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
  Known* known = find_known(wanted.kind, wanted.name_space, wanted.name);
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
    by_name_[name_key(wanted.kind, wanted.name_space, wanted.name)] = id;
    known = &known_[id];
    known->row = {.id = id,
                  .kind = wanted.kind,
                  .name_space = wanted.name_space,
                  .name = wanted.name,
                  .revision = 0,
                  .created = turn.now};
  }
  fire_before_edit(turn, *known, wanted);
  const bool was_enabled = is_new || known->row.enabled;
  DefinitionRow& row = known->row;
  row.revision += 1;
  row.enabled = wanted.enabled;
  row.document = wanted.document;
  row.updated = turn.now;
  row.principal = turn.command.principal;
  known->plan = make_plan(row.id, row.revision, ask.definition);
  turn.out.changes.emplace_back(SaveRevision{row});
  turn.out.events.push_back({.type = EventType::definition_saved,
                             .state = static_cast<std::uint8_t>(row.kind),
                             .subject = row.id,
                             .definition = row.id,
                             .version = row.revision,
                             .time = turn.now,
                             .text = row.name});
  save_triggers(turn, *known, was_enabled);
  answer(turn, Reply{.id = row.id,
                     .revision = row.revision,
                     .created = is_new,
                     .changed = true,
                     .name = row.name});
}

// What came due before the edit is fired as it was then, also when the edit had to wait for its
// turn (S4.7): by nobody's order of turns may an edit swallow it. What the edit disables does not
// fire any more (S6.4).
void Shard::Inside::fire_before_edit(Turn& turn, Known& known, const Definition& wanted) {
  turn.goes_on_later = true;  // 64 triggers may fire: their workflows have no room here
  for (TriggerRow& trigger : known.triggers) {
    const auto& specs = wanted.triggers();
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const TriggerSpec& one) {
      return one.name == trigger.name;
    });
    const bool disables = !wanted.enabled || (spec != specs.end() && !spec->enabled);
    if (!disables && is_overdue(turn, trigger)) {
      fire(turn, known, trigger, latest(turn));
    }
  }
}

// A trigger is known by its name: unchanged ones keep their next instant, so that an edit neither
// repeats nor delays a firing (S4.7).
void Shard::Inside::save_triggers(Turn& turn, Known& known, bool was_enabled) {
  std::vector<TriggerRow> kept;
  for (const TriggerSpec& spec : known.plan->definition->triggers()) {
    const auto old = std::find_if(known.triggers.begin(), known.triggers.end(),
                                  [&](const TriggerRow& row) { return row.name == spec.name; });
    const bool enabled = spec.enabled && known.row.enabled;
    TriggerRow row;
    if (old == known.triggers.end()) {
      row = {.id = make_id(turn.now),
             .definition = known.row.id,
             .name = spec.name,
             .state = TriggerState::paused};
      trigger_owner_[row.id] = known.row.id;
    } else {
      row = *old;
      const bool keeps_its_time =
          was_enabled && enabled && old->cron == spec.cron &&
          (old->state == TriggerState::active || old->state == TriggerState::finished);
      if (keeps_its_time && old->params == spec.params) {
        kept.push_back(std::move(row));
        continue;
      }
      if (keeps_its_time) {
        row.params = spec.params;
        turn.out.changes.emplace_back(SaveTrigger{row});
        kept.push_back(std::move(row));
        continue;
      }
    }
    skip_overdue(turn, row, "disabled");
    row.cron = spec.cron;
    row.params = spec.params;
    row.note.clear();
    plan_trigger(turn, row, enabled);
    kept.push_back(std::move(row));
  }
  for (const TriggerRow& old : known.triggers) {
    const bool is_kept = std::any_of(kept.begin(), kept.end(),
                                     [&](const TriggerRow& row) { return row.id == old.id; });
    if (!is_kept) {
      skip_overdue(turn, old, "disabled");
      trigger_owner_.erase(old.id);
      turn.out.changes.emplace_back(DeleteTrigger{old.id});
    }
  }
  known.triggers = std::move(kept);
}

// Plans a new or edited trigger from now on: the past never fires (S4.7).
void Shard::Inside::plan_trigger(Turn& turn, TriggerRow& row, bool enabled) {
  const auto move = [&](TriggerEvent event) {
    const auto transition = trigger_transition(row.state, event);
    if (transition.verdict == Verdict::move) {
      row.state = transition.to;
    }
  };
  move(enabled ? TriggerEvent::resume : TriggerEvent::pause);
  row.next_due = Instant{};
  if (row.state == TriggerState::active) {
    const Instant next = next_firing(row.cron, latest(turn));
    if (next == kNever) {
      move(TriggerEvent::run_out);
    } else {
      row.next_due = next;
      wheel_.arm({next, row.id, TimerSubject::trigger});
    }
  }
  turn.out.changes.emplace_back(SaveTrigger{row});
  note_trigger(turn, row);
}

void Shard::Inside::remove(Turn& turn, const DeleteDefinition& ask) {
  Known* known = find_known(ask.kind, ask.name_space, ask.name);
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
  DefinitionRow row = known->row;
  row.revision += 1;
  row.deleted = true;
  row.updated = turn.now;
  row.principal = turn.command.principal;
  turn.out.changes.emplace_back(SaveRevision{row});
  for (const TriggerRow& trigger : known->triggers) {
    skip_overdue(turn, trigger, "deleted");
    trigger_owner_.erase(trigger.id);
    turn.out.changes.emplace_back(DeleteTrigger{trigger.id});
  }
  turn.out.events.push_back({.type = EventType::definition_deleted,
                             .state = static_cast<std::uint8_t>(row.kind),
                             .subject = row.id,
                             .definition = row.id,
                             .version = row.revision,
                             .time = turn.now,
                             .text = row.name});
  by_name_.erase(name_key(ask.kind, ask.name_space, ask.name));
  known_.erase(row.id);
  answer(turn, Reply{.id = row.id, .revision = row.revision, .changed = true, .name = row.name});
  continue_delete(turn, {.definition = row.id});
}

// Live runs of a deleted definition are cancelled (S2.3), as many as one decision may. Nobody can
// start another one, so a slice need not look at those before it again.
void Shard::Inside::continue_delete(Turn& turn, const ContinueDelete& ask) {
  const auto runs = runs_of_.find(ask.definition);
  if (runs == runs_of_.end()) {
    return;
  }
  std::vector<Id> slice;
  for (auto run = runs->second.upper_bound(ask.after);
       run != runs->second.end() && slice.size() < limits::kDecisionRows; ++run) {
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
