#include "engine/testing/row_table.h"

#include <algorithm>
#include <set>

namespace jobflow::engine::testing {
namespace {

std::string why_refused(const RunRow& row, const RunProgress& progress) {
  if (is_final(progress.state) != progress.ended.is_set()) {
    return "final_means_ended";
  }
  if (progress.state == RunState::running && row.kind != RunKind::workflow &&
      !progress.token.is_set()) {
    return "running_needs_token";
  }
  if ((row.kind == RunKind::step) != row.parent.is_set()) {
    return "steps_have_parents";
  }
  if (row.trigger.is_set() != row.planned.is_set()) {
    return "fired_means_planned";
  }
  return progress.attempt < 0 ? "attempt" : "";
}

}  // namespace

std::string RowTable::insert_run(const RunRow& row) {
  const auto is_its_occasion = [&](const auto& entry) {
    return entry.second.trigger == row.trigger && entry.second.planned == row.planned;
  };
  if (row.trigger.is_set() && std::any_of(runs.begin(), runs.end(), is_its_occasion)) {
    return "one_an_occasion";
  }
  if (!runs.emplace(row.id, row).second) {
    return "run is there";
  }
  return why_refused(row, row.progress);
}

std::string RowTable::apply(const Change& change) {
  if (const auto* insert = std::get_if<InsertRun>(&change)) {
    return insert_run(insert->row);
  }
  if (const auto* update = std::get_if<UpdateRun>(&change)) {
    const auto found = runs.find(update->run);
    if (found == runs.end()) {
      return "no such run";
    }
    found->second.progress = update->progress;
    return why_refused(found->second, update->progress);
  }
  if (const auto* attempt = std::get_if<InsertAttempt>(&change)) {
    const AttemptRow& row = attempt->row;
    if (row.number <= 0 || !row.token.is_set() || !runs.contains(row.run)) {
      return "attempt";
    }
    return attempts.emplace(std::pair(row.run, row.number), row).second ? "" : "attempt is there";
  }
  if (const auto* save = std::get_if<SaveRevision>(&change)) {
    const DefinitionRow& row = save->row;
    if (row.revision != current[row.id] + 1) {
      return "revision";
    }
    current[row.id] = row.revision;
    revisions[{row.id, row.revision}] = row;
    return "";
  }
  if (const auto* save = std::get_if<SaveTrigger>(&change)) {
    triggers[save->row.id] = save->row;
    return (save->row.state == TriggerState::active) == save->row.next_due.is_set()
               ? ""
               : "active_means_due";
  }
  if (const auto* advance = std::get_if<AdvanceTrigger>(&change)) {
    const auto found = triggers.find(advance->trigger);
    if (found == triggers.end()) {
      return "no such trigger";
    }
    found->second.state = advance->state;
    found->second.next_due = advance->next_due;
    found->second.note = advance->note;
    return (advance->state == TriggerState::active) == advance->next_due.is_set()
               ? ""
               : "active_means_due";
  }
  if (const auto* gone = std::get_if<DeleteTrigger>(&change)) {
    return triggers.erase(gone->trigger) == 1 ? "" : "no such trigger";
  }
  if (const auto* firing = std::get_if<InsertSkippedFiring>(&change)) {
    const SkippedFiringRow& row = firing->row;
    if (row.count <= 0 || row.to < row.from) {
      return "count";
    }
    return skipped.emplace(std::pair(row.trigger, row.from), row).second ? "" : "firing is there";
  }
  const IdempotencyRow& row = std::get<InsertIdempotency>(change).row;
  keys[{row.definition, row.key}] = row;
  return "";
}

bool RowTable::is_deleted(Id definition) const {
  const auto newest = current.find(definition);
  return newest == current.end() || revisions.at({definition, newest->second}).deleted;
}

ShardImage RowTable::image(ShardNumber shard, Id last_id, std::int64_t batch) const {
  ShardImage image{.shard = shard, .epoch = 1, .last_id = last_id, .batch = batch};
  for (const auto& [id, revision] : current) {
    if (!is_deleted(id)) {
      image.definitions.push_back(revisions.at({id, revision}));
    }
  }
  for (const auto& [id, row] : triggers) {
    image.triggers.push_back(row);
  }
  std::set<std::pair<Id, int>> old;
  for (const auto& [id, row] : runs) {
    if (!is_final(row.progress.state)) {
      image.live_runs.push_back(row);
      if (is_deleted(row.definition) || current.at(row.definition) != row.revision) {
        old.emplace(row.definition, row.revision);
      }
    } else if (row.parent.is_set() && !is_final(runs.at(row.parent).progress.state)) {
      image.ended_steps.push_back(row);
    }
  }
  for (const auto& key : old) {
    image.old_revisions.push_back(revisions.at(key));
  }
  return image;
}

CommandRows RowTable::read(const CommandReads& reads, std::int64_t batch) const {
  CommandRows rows{
      .asked = reads, .batch = batch, .runs = {}, .steps = {}, .revisions = {}, .keys = {}};
  for (const Id id : reads.runs) {
    const auto found = runs.find(id);
    if (found == runs.end()) {
      continue;
    }
    rows.runs.push_back(found->second);
    rows.revisions.push_back(revisions.at({found->second.definition, found->second.revision}));
    for (const auto& [step, row] : runs) {
      if (row.parent == id) {
        rows.steps.push_back(row);
      }
    }
  }
  for (const auto& key : reads.keys) {
    if (const auto found = keys.find(key); found != keys.end()) {
      rows.keys.push_back(found->second);
    }
  }
  return rows;
}

}  // namespace jobflow::engine::testing
