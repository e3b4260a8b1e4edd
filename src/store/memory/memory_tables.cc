#include "store/memory/memory_tables.h"

#include "model/sabotage.h"
#include "store/row_rules.h"

#include <algorithm>
#include <ranges>

namespace jobflow::store::memory {
namespace {

template <class... Row>
void expect(const Row&... row) {
  if (std::string why = why_refused(row...); !why.empty()) {
    throw Refusal{std::move(why)};
  }
}

void expect(bool holds, const char* what, Id id) {
  if (!holds) {
    throw Refusal{std::string(what) + " " + to_string(id)};
  }
}

std::tuple<std::string, std::string, DefinitionKind> name_of(const DefinitionRow& row) {
  return {row.name_space, row.name, row.kind};
}

}  // namespace

Transaction::~Transaction() {
  for (const auto& undo : undo_ | std::views::reverse) {
    undo();
  }
}

template <class Map>
void Transaction::put(Map& map,
                      const typename Map::key_type& key,
                      typename Map::mapped_type value) {
  const auto found = map.find(key);
  if (found == map.end()) {
    map.emplace(key, std::move(value));
    undo_.push_back([&map, key] { map.erase(key); });
    return;
  }
  undo_.push_back([&map, key, before = std::move(found->second)]() mutable {
    map.insert_or_assign(key, std::move(before));
  });
  found->second = std::move(value);
}

template <class Map>
void Transaction::drop(Map& map, const typename Map::key_type& key) {
  if (auto node = map.extract(key); !node.empty()) {
    undo_.push_back([&map, key, before = std::move(node.mapped())]() mutable {
      map.insert_or_assign(key, std::move(before));
    });
  }
}

template <class Set>
void Transaction::add(Set& set, const typename Set::value_type& value) {
  if (set.insert(value).second) {
    undo_.push_back([&set, value] { set.erase(value); });
  }
}

template <class Set>
void Transaction::remove(Set& set, const typename Set::value_type& value) {
  if (set.erase(value) != 0) {
    undo_.push_back([&set, value] { set.insert(value); });
  }
}

bool Transaction::place(MemberRow& writer, const Placement& placement) {
  const auto change = [this](auto& field, auto value) {
    undo_.push_back([&field, before = field] { field = before; });
    field = value;
  };
  for (const Placement::Revoked& dead : placement.revoked) {
    const auto found = tables_.members.find(dead.member);
    if (found == tables_.members.end() || found->second.term != dead.term ||
        found->second.batch != dead.batch) {
      return false;
    }
    change(found->second.term, dead.term + 1);
    change(found->second.state, MemberState::gone);
  }
  for (const Placement::Move& move : placement.moves) {
    const auto found = tables_.shards.find(move.shard);
    if (found == tables_.shards.end() || found->second.owner != move.from ||
        found->second.epoch != move.epoch) {
      return false;
    }
    change(found->second.owner, move.to);
    change(found->second.epoch, move.epoch + 1);
  }
  if (placement.generation != 0) {
    if (tables_.generation != placement.generation) {
      return false;
    }
    change(tables_.generation, placement.next_generation);
  }
  if (writer.state != placement.own_state) {
    change(writer.state, placement.own_state);
  }
  return true;
}

void Transaction::hand_over(const ShardPart& part) {
  if (part.hand_to != 0) {
    const std::int64_t epoch = part.epoch + (sabotaged(Sabotage::handed_without_epoch) ? 0 : 1);
    put(tables_.shards, part.shard,
        ShardOwner{.shard = part.shard, .owner = part.hand_to, .epoch = epoch});
    ++tables_.rows_written;
  }
}

void Transaction::raise_batch(MemberRow& member) {
  ++member.batch;
  ++tables_.rows_written;
  undo_.push_back([&member, &tables = tables_] {
    --member.batch;
    --tables.rows_written;
  });
}

void Transaction::write_runs(const Batch& batch) {
  std::vector<RunWrite> writes;
  fold_run_writes(batch, writes);
  for (const RunWrite& write : writes) {
    expect(!write.wrong_order, "inserted after its first change: run", write.run);
    write_run(write);
  }
}

void Transaction::write_run(const RunWrite& write) {
  const auto found = tables_.runs.find(write.run);
  const bool is_new = write.inserted != nullptr;
  expect(is_new == (found == tables_.runs.end()),
         is_new ? "there is a run" : "no such run:", write.run);
  RunRow row = is_new ? *write.inserted : found->second;
  row.progress = *write.progress;
  expect(row, row.progress);
  if (is_new && row.trigger.is_set()) {
    expect(!tables_.occasions.contains({row.planned, row.trigger, row.occasion}),
           "this occasion has its run already: trigger", row.trigger);
    add(tables_.occasions, {row.planned, row.trigger, row.occasion});
  }
  if (is_new && row.parent.is_set()) {
    add(tables_.steps[row.parent], row.id);
  }
  auto& live = tables_.live_runs[row.id.shard()];
  if (is_final(row.progress.state)) {
    remove(live, row.id);
  } else {
    add(live, row.id);
  }
  put(tables_.runs, write.run, std::move(row));
  ++tables_.rows_written;
}

void Transaction::write(const Change& change) {
  if (std::holds_alternative<InsertRun>(change) || std::holds_alternative<UpdateRun>(change)) {
    return;  // write_runs() folds them
  }
  ++tables_.rows_written;
  if (const auto* attempt = std::get_if<InsertAttempt>(&change)) {
    const AttemptRow& row = attempt->row;
    expect(row);
    expect(!tables_.attempts.contains({row.run, row.number}), "attempt is there: run", row.run);
    put(tables_.attempts, {row.run, row.number}, row);
  } else if (const auto* revision = std::get_if<SaveRevision>(&change)) {
    save_revision(revision->row);
  } else if (const auto* save = std::get_if<SaveTrigger>(&change)) {
    save_trigger(save->row);
  } else if (const auto* advance = std::get_if<AdvanceTrigger>(&change)) {
    const auto found = tables_.triggers.find(advance->trigger);
    expect(found != tables_.triggers.end(), "no such trigger:", advance->trigger);
    TriggerRow row = found->second;
    row.progress = advance->progress;
    expect(row);
    put_trigger(row);
  } else if (const auto* gone = std::get_if<DeleteTrigger>(&change)) {
    drop_trigger(gone->trigger);
  } else if (const auto* skipped = std::get_if<SaveSkippedFiring>(&change)) {
    const SkippedFiringRow& row = skipped->row;
    expect(row);
    const auto before = tables_.skipped.find({row.trigger, row.from});
    expect(before == tables_.skipped.end() ||
               (before->second.to < row.to && before->second.count < row.count &&
                before->second.reason == row.reason),
           "a firing is there: trigger", row.trigger);
    put(tables_.skipped, {row.trigger, row.from}, row);
  } else if (const auto* begun = std::get_if<InsertBackfill>(&change)) {
    expect(begun->row);
    expect(!tables_.backfills.contains(begun->row.id), "there is a backfill", begun->row.id);
    put(tables_.backfills, begun->row.id, begun->row);
  } else if (const auto* on = std::get_if<AdvanceBackfill>(&change)) {
    const auto before = tables_.backfills.find(on->backfill);
    expect(before != tables_.backfills.end(), "no such backfill:", on->backfill);
    BackfillRow row = before->second;
    row.progress = on->progress;
    expect(row);
    put(tables_.backfills, on->backfill, std::move(row));
  } else if (const auto* key = std::get_if<InsertIdempotency>(&change)) {
    put(tables_.keys, {key->row.definition, key->row.key}, key->row);
  } else if (const auto* command = std::get_if<InsertCommand>(&change)) {
    expect(command->row);
    expect(!tables_.commands.contains(command->row.id) || sabotaged(Sabotage::commands_forgotten),
           "carried out before: command", command->row.id);
    put(tables_.commands, command->row.id, command->row);
  } else {
    write_letters(change);
  }
}

void Transaction::write_letters(const Change& change) {
  if (const auto* letter = std::get_if<InsertLetter>(&change)) {
    const LetterRow& row = letter->row;
    expect(row);
    expect(!tables_.letters.contains({row.from, row.to, row.number}), "there is a letter",
           row.number);
    put(tables_.letters, {row.from, row.to, row.number}, row);
  } else if (const auto* gone = std::get_if<DeleteLetters>(&change)) {
    --tables_.rows_written;  // counted one by one
    for (auto next = tables_.letters.lower_bound({gone->from, gone->to, Id{}});
         next != tables_.letters.end() && next->second.from == gone->from &&
         next->second.to == gone->to && next->second.number <= gone->up_to;) {
      const auto key = next++->first;
      drop(tables_.letters, key);
      ++tables_.rows_written;
    }
  } else if (const auto* mark = std::get_if<MarkLetter>(&change)) {
    expect(mark->row);
    put(tables_.marks, {mark->row.to, mark->row.from}, mark->row);
  } else if (const auto* watch = std::get_if<SaveWatch>(&change)) {
    expect(watch->row);
    auto& watches = tables_.watches[watch->row.run.shard()];
    tables_.rows_written -= watches.contains({watch->row.run, watch->row.watcher}) ? 1 : 0;
    add(watches, {watch->row.run, watch->row.watcher});
  } else if (const auto* over = std::get_if<DeleteWatch>(&change)) {
    remove(tables_.watches[over->row.run.shard()], {over->row.run, over->row.watcher});
  } else if (const auto* follow = std::get_if<SaveFollow>(&change)) {
    expect(follow->row);
    put(tables_.follows, {follow->row.shard, follow->row.trigger}, follow->row);
  } else if (const auto* left = std::get_if<DeleteFollow>(&change)) {
    tables_.rows_written -= tables_.follows.contains({left->shard, left->trigger}) ? 0 : 1;
    drop(tables_.follows, {left->shard, left->trigger});
  } else {
    write_permits(change);
  }
}

void Transaction::write_permits(const Change& change) {
  if (const auto* permit = std::get_if<SavePermit>(&change)) {
    expect(permit->row);
    put(tables_.permits, {permit->row.shard, permit->row.ask}, permit->row);
  } else if (const auto* back = std::get_if<DeletePermit>(&change)) {
    tables_.rows_written -= tables_.permits.contains({back->shard, back->ask}) ? 0 : 1;
    drop(tables_.permits, {back->shard, back->ask});
  } else if (const auto* hold = std::get_if<SaveHold>(&change)) {
    expect(hold->row);
    put(tables_.holds, {hold->row.ask.shard(), hold->row.ask}, hold->row);
  } else if (const auto* loose = std::get_if<DeleteHold>(&change)) {
    tables_.rows_written -= tables_.holds.contains({loose->ask.shard(), loose->ask}) ? 0 : 1;
    drop(tables_.holds, {loose->ask.shard(), loose->ask});
  }
}

void Transaction::save_revision(const DefinitionRow& row) {
  expect(row);
  const auto found = tables_.definitions.find(row.id);
  Definition definition = found == tables_.definitions.end() ? Definition{row, {}} : found->second;
  expect(row.revision >= definition.head.revision && name_of(row) == name_of(definition.head),
         "a revision older than the current one, or of another name, of definition", row.id);
  const auto holder = tables_.names.find(name_of(row));
  expect(row.deleted || holder == tables_.names.end() || holder->second == row.id,
         "the name is taken: definition", row.id);
  if (row.deleted) {
    if (holder != tables_.names.end() && holder->second == row.id) {
      drop(tables_.names, name_of(row));
    }
  } else {
    put(tables_.names, name_of(row), row.id);
  }
  const Instant created = definition.head.created;
  definition.head = row;
  definition.head.created = created;
  definition.head.document.clear();
  definition.revisions[row.revision] = row;
  definition.revisions[row.revision].created = created;
  put(tables_.definitions, row.id, std::move(definition));
}

void Transaction::save_trigger(const TriggerRow& row) {
  expect(row);
  const auto holder = tables_.trigger_names.find({row.definition, row.name});
  expect(holder == tables_.trigger_names.end() || holder->second == row.id,
         "trigger name is taken: definition", row.definition);
  drop_trigger_name(row.id);
  put(tables_.trigger_names, {row.definition, row.name}, row.id);
  put_trigger(row);
}

void Transaction::put_trigger(const TriggerRow& row) {
  if (const auto before = tables_.triggers.find(row.id); before != tables_.triggers.end()) {
    remove(tables_.due, {row.id.shard(), {before->second.progress.next_due, row.id}});
  }
  put(tables_.triggers, row.id, row);
  if (row.progress.next_due.is_set()) {
    add(tables_.due, {row.id.shard(), {row.progress.next_due, row.id}});
  }
}

void Transaction::drop_trigger(Id trigger) {
  if (const auto before = tables_.triggers.find(trigger); before != tables_.triggers.end()) {
    remove(tables_.due, {trigger.shard(), {before->second.progress.next_due, trigger}});
  }
  drop_trigger_name(trigger);
  drop(tables_.triggers, trigger);
}

void Transaction::drop_trigger_name(Id trigger) {
  if (const auto before = tables_.triggers.find(trigger); before != tables_.triggers.end()) {
    drop(tables_.trigger_names, {before->second.definition, before->second.name});
  }
}

bool Transaction::write_journal(const Batch& batch, const ShardPart& part) {
  auto& rows = tables_.journal[part.journal.source];
  std::int64_t newest = 0;
  Id newest_id;
  if (!rows.empty()) {
    const auto& [first, row] = *rows.rbegin();
    newest = first + static_cast<std::int64_t>(row.events.size()) - 1;
    newest_id = row.last_id;
  }
  const bool goes_back = part.last_id < newest_id && !sabotaged(Sabotage::ids_from_clock);
  if (newest != part.journal.first - 1 || goes_back) {
    return false;
  }
  if (!part.journal.events.empty() || part.last_id != newest_id) {
    put(rows, part.journal.first, JournalRow{part.last_id, batch.time, part.journal.events});
    tables_.journal_volume.add(batch.time, part.journal.events.size() * sizeof(Event));
    ++tables_.rows_written;
  }
  return true;
}

}  // namespace jobflow::store::memory
