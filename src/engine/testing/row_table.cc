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

std::string why_refused(const TriggerRow& row) {
  const TriggerProgress& at = row.progress;
  return (at.state == TriggerState::active) == at.next_due.is_set() ? "" : "active_means_due";
}

}  // namespace

std::string RowTable::apply(const Change& change) {
  return std::visit([this](const auto& one) { return write(one); }, change);
}

std::string RowTable::write(const InsertRun& insert) {
  const RunRow& row = insert.row;
  const auto is_its_occasion = [&](const auto& entry) {
    return entry.second.trigger == row.trigger && entry.second.planned == row.planned &&
           entry.second.occasion == row.occasion;
  };
  if (row.trigger.is_set() && std::any_of(runs.begin(), runs.end(), is_its_occasion)) {
    return "one_an_occasion";
  }
  if (!runs.emplace(row.id, row).second) {
    return "run is there";
  }
  return why_refused(row, row.progress);
}

std::string RowTable::write(const UpdateRun& update) {
  const auto found = runs.find(update.run);
  if (found == runs.end()) {
    return "no such run";
  }
  found->second.progress = update.progress;
  return why_refused(found->second, update.progress);
}

std::string RowTable::write(const InsertAttempt& insert) {
  const AttemptRow& row = insert.row;
  if (row.number <= 0 || !row.token.is_set() || !runs.contains(row.run)) {
    return "attempt";
  }
  return attempts.emplace(std::pair(row.run, row.number), row).second ? "" : "attempt is there";
}

std::string RowTable::write(const SaveRevision& save) {
  const DefinitionRow& row = save.row;
  if (row.revision != current[row.id] + 1) {
    return "revision";
  }
  current[row.id] = row.revision;
  revisions[{row.id, row.revision}] = row;
  return "";
}

std::string RowTable::write(const SaveTrigger& save) {
  triggers[save.row.id] = save.row;
  return why_refused(save.row);
}

std::string RowTable::write(const AdvanceTrigger& advance) {
  const auto found = triggers.find(advance.trigger);
  if (found == triggers.end()) {
    return "no such trigger";
  }
  found->second.progress = advance.progress;
  return why_refused(found->second);
}

std::string RowTable::write(const DeleteTrigger& gone) {
  return triggers.erase(gone.trigger) == 1 ? "" : "no such trigger";
}

std::string RowTable::write(const SaveSkippedFiring& firing) {
  const SkippedFiringRow& row = firing.row;
  if (row.count <= 0 || row.to < row.from) {
    return "count";
  }
  const auto [place, is_new] = skipped.emplace(std::pair(row.trigger, row.from), row);
  const SkippedFiringRow before = std::exchange(place->second, row);
  const bool grows = before.to < row.to && before.count < row.count && before.reason == row.reason;
  return is_new || grows ? "" : "firing is there";
}

std::string RowTable::write(const InsertIdempotency& insert) {
  keys[{insert.row.definition, insert.row.key}] = insert.row;
  return "";
}

std::string RowTable::write(const InsertCommand& insert) {
  return commands.emplace(insert.row.id, insert.row).second ? "" : "command is there";
}

std::string RowTable::write(const InsertLetter& insert) {
  const LetterRow& row = insert.row;
  if (row.after >= row.number) {
    return "after";
  }
  return letters.emplace(std::pair(row.to, row.number), row).second ? "" : "letter is there";
}

std::string RowTable::write(const DeleteLetters& gone) {
  std::erase_if(letters, [&](const auto& entry) {
    return entry.second.to == gone.to && entry.second.number <= gone.up_to;
  });
  return "";
}

std::string RowTable::write(const MarkLetter& mark) {
  const Id before = std::exchange(marks[mark.row.from], mark.row).number;
  return before < mark.row.number ? "" : "a mark goes back";
}

std::string RowTable::write(const SaveWatch& save) {
  watches.emplace(save.row.run, save.row.watcher);
  return "";
}

std::string RowTable::write(const DeleteWatch& gone) {
  return watches.erase({gone.row.run, gone.row.watcher}) == 1 ? "" : "no such watch";
}

std::string RowTable::write(const SaveFollow& save) {
  follows[save.row.trigger] = save.row;
  return save.row.follow.is_set() ? "" : "follow";
}

std::string RowTable::write(const DeleteFollow& gone) {
  follows.erase(gone.trigger);
  return "";
}

// It is asked for, then granted, then gone.
std::string RowTable::write(const SavePermit& save) {
  const auto [place, is_new] = permits.emplace(save.row.ask, save.row);
  const PermitRow before = std::exchange(place->second, save.row);
  return is_new || (!before.granted.is_set() && save.row.granted.is_set()) ? "" : "permit";
}

std::string RowTable::write(const DeletePermit& gone) {
  return permits.erase(gone.ask) == 1 ? "" : "no such permit";
}

std::string RowTable::write(const SaveHold& save) {
  const auto [place, is_new] = holds.emplace(save.row.ask, save.row);
  const HoldRow before = std::exchange(place->second, save.row);
  return is_new ? (save.row.granted ? "held before it was asked for" : "")
                : (!before.granted && save.row.granted ? "" : "hold");
}

std::string RowTable::write(const DeleteHold& gone) {
  return holds.erase(gone.ask) == 1 ? "" : "no such hold";
}

std::string RowTable::write(const InsertBackfill& insert) {
  return backfills.emplace(insert.row.id, insert.row).second ? "" : "there is a backfill";
}

std::string RowTable::write(const AdvanceBackfill& advance) {
  const auto found = backfills.find(advance.backfill);
  if (found == backfills.end()) {
    return "no such backfill";
  }
  const BackfillProgress& at = found->second.progress = advance.progress;
  const bool is_counted = at.made + at.kept_off <= found->second.total && at.succeeded >= 0 &&
                          at.failed >= 0 && at.succeeded + at.failed <= at.made;
  return !is_counted                               ? "counts"
         : is_final(at.state) == at.ended.is_set() ? ""
                                                   : "final_means_ended";
}

bool RowTable::is_deleted(Id definition) const {
  const auto newest = current.find(definition);
  return newest == current.end() || revisions.at({definition, newest->second}).deleted;
}

// The definitions that a shard loads: those with something unfinished, or all.
std::set<Id> RowTable::loaded(bool with_sleepers) const {
  std::set<Id> awake;
  for (const auto& [id, revision] : current) {
    if (with_sleepers) {
      awake.insert(id);
    }
  }
  for (const auto& [id, row] : runs) {
    if (!is_final(row.progress.state)) {
      awake.insert(row.definition);
    }
  }
  for (const auto& [id, row] : triggers) {
    if (row.progress.follow.is_set()) {
      awake.insert(row.definition);
    }
  }
  for (const auto& [id, row] : backfills) {
    if (!is_final(row.progress.state)) {
      awake.insert(row.definition);
    }
  }
  return awake;
}

ShardImage RowTable::image(ShardNumber shard,
                           Id last_id,
                           std::int64_t batch,
                           bool with_sleepers) const {
  ShardImage image{.shard = shard,
                   .epoch = 1,
                   .last_id = last_id,
                   .last_command = commands.empty() ? Id{} : commands.rbegin()->first,
                   .batch = batch,
                   .shard_count = shard_count};
  for (const Id id : loaded(with_sleepers)) {
    list(id, image.definitions, image.triggers);
  }
  for (const auto& [id, row] : backfills) {
    if (!is_final(row.progress.state)) {
      image.backfills.push_back(row);
    }
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
  for (const auto& [place, row] : letters) {
    image.letters.push_back(row);
  }
  for (const auto& [from, row] : marks) {
    image.marks.push_back(row);
  }
  for (const auto& [run, watcher] : watches) {
    image.watches.push_back({.run = run, .watcher = watcher});
  }
  for (const auto& [trigger, row] : follows) {
    image.follows.push_back(row);
  }
  for (const auto& [ask, row] : permits) {
    image.permits.push_back(row);
  }
  for (const auto& [ask, row] : holds) {
    image.holds.push_back(row);
  }
  return image;
}

// A definition as it is now, unless it is deleted, and its triggers.
void RowTable::list(Id id,
                    std::vector<DefinitionRow>& definitions,
                    std::vector<TriggerRow>& of_them) const {
  if (is_deleted(id)) {
    return;
  }
  definitions.push_back(revisions.at({id, current.at(id)}));
  for (const auto& [trigger, row] : triggers) {
    if (row.definition == id) {
      of_them.push_back(row);
    }
  }
}

void RowTable::read_sleepers(const CommandReads& reads, CommandRows& rows) const {
  std::set<Id> named;
  for (const DefinitionKey& key : reads.definitions) {
    for (const auto& [id, revision] : current) {
      const DefinitionRow& row = revisions.at({id, revision});
      const auto trigger = triggers.find(key.id);
      const bool is_it =
          key.id.is_set()
              ? id == key.id || (trigger != triggers.end() && trigger->second.definition == id)
              : row.kind == key.kind && row.name_space == key.name_space && row.name == key.name;
      if (is_it) {
        named.insert(id);
      }
    }
  }
  if (reads.due) {
    rows.due_up_to = {reads.due->until, Id{INT64_MAX}};
    for (const auto& [id, row] : triggers) {
      const DuePlace place{row.progress.next_due, id};
      if (row.progress.state == TriggerState::active && place > reads.due->after &&
          place <= rows.due_up_to) {
        named.insert(row.definition);
      }
    }
  }
  for (const Id id : named) {
    list(id, rows.definitions, rows.triggers);
  }
}

CommandRows RowTable::read(const CommandReads& reads, std::int64_t batch) const {
  CommandRows rows{.asked = reads,
                   .batch = batch,
                   .runs = {},
                   .steps = {},
                   .revisions = {},
                   .keys = {},
                   .commands = {},
                   .definitions = {},
                   .triggers = {},
                   .due_up_to = {}};
  read_sleepers(reads, rows);
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
  for (const Id id : reads.commands) {
    if (const auto found = commands.find(id); found != commands.end()) {
      rows.commands.push_back(found->second);
    }
  }
  return rows;
}

}  // namespace jobflow::engine::testing
