// What is read back from the store into a shard's memory: whole shards, and single rows on demand.
#pragma once

#include "model/letter.h"
#include "model/rows.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jobflow {

// Everything a new owner needs to know of a shard at once, from one snapshot. Definitions sleep in
// the store unless something of theirs goes on: what else is due is read as its time comes near.
struct ShardImage {
  ShardNumber shard = 0;
  std::int64_t owner = 0;
  std::int64_t epoch = 1;
  Id last_id;
  std::int64_t next_event = 1;  // the next journal number
  Id last_command;         // the greatest id of all commands with a row, of whatever shard (S12.4)
  std::int64_t batch = 0;  // the reading member's batch number in that snapshot
  int shard_count = kShardsDefault;  // of the store
  // Current revisions, not deleted, of those with a live run, a trigger that follows others, or a
  // backfill that goes on.
  std::vector<DefinitionRow> definitions;
  std::vector<DefinitionRow> old_revisions;  // older or deleted ones that live runs still use
  std::vector<TriggerRow> triggers;          // theirs
  std::vector<RunRow> live_runs;             // not final, ordered by id
  std::vector<RunRow> ended_steps;           // final step runs of live workflow runs, ordered by id
  std::vector<LetterRow> letters;            // of this shard to others, ordered by (to, number)
  std::vector<LetterMarkRow> marks;          // what it has applied of others' letters
  std::vector<WatchRow> watches;             // who waits for its runs, ordered
  std::vector<BackfillRow> backfills;        // not final, ordered by id
  std::vector<FollowRow> follows;  // triggers that follow its jobs and workflows, by trigger
  std::vector<PermitRow> permits;  // of its semaphores, by the asks
  std::vector<HoldRow> holds;      // of its runs, by the asks
};

// Names a definition that may sleep in the store.
struct DefinitionKey {
  Id id;  // its own, or that of one of its triggers; unset = by name
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space, name;
  bool operator==(const DefinitionKey&) const = default;
};

// A shard's triggers in the order in which they are due.
struct DuePlace {
  Instant due;
  Id trigger;
  auto operator<=>(const DuePlace&) const = default;
};
// Its active triggers after that place that are due by then.
struct DueStretch {
  ShardNumber shard = 0;
  DuePlace after;
  Instant until;
  bool operator==(const DueStretch&) const = default;
};

// What a command names that is not in memory (house 3c), to be read in one snapshot.
struct CommandReads {
  std::vector<Id> runs;                          // with its steps, when it is a workflow run
  std::vector<std::pair<Id, std::string>> keys;  // (definition, idempotency key)
  std::vector<Id> commands;
  std::vector<DefinitionKey> definitions;
  std::optional<DueStretch> due;
  bool empty() const {
    return runs.empty() && keys.empty() && commands.empty() && definitions.empty() && !due;
  }
};

struct CommandRows {
  CommandReads asked;      // what was looked for; set by the hall
  std::int64_t batch = 0;  // the member's batch number in that snapshot
  std::vector<RunRow> runs;
  std::vector<RunRow> steps;             // of the workflow runs among them, ordered by id
  std::vector<DefinitionRow> revisions;  // the ones those runs use
  std::vector<IdempotencyRow> keys;      // unexpired or not
  std::vector<CommandRow> commands;
  // Those named, and those of triggers that are due, with all their triggers: current, not deleted,
  // each once. Of the stretch as many as limits::kLookAheadTriggers; up to here it was read.
  std::vector<DefinitionRow> definitions;
  std::vector<TriggerRow> triggers;
  DuePlace due_up_to;
};

}  // namespace jobflow
