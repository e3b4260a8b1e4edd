// The changes a decision may ask of the store. A value each; a later one sees the earlier.
#pragma once

#include "model/letter.h"
#include "model/rows.h"

#include <variant>

namespace jobflow {

struct InsertRun {
  RunRow row;
};
struct UpdateRun {
  Id run;
  RunProgress progress;
};
// A run's attempt that a retry replaces: from now on in a row of its own.
struct InsertAttempt {
  AttemptRow row;
};
// A new revision: becomes the current one. A deleted one keeps its row, `deleted` set.
struct SaveRevision {
  DefinitionRow row;
};
struct SaveTrigger {  // insert or replace by id
  TriggerRow row;
};
struct AdvanceTrigger {
  Id trigger;
  TriggerProgress progress;
};
struct DeleteTrigger {
  Id trigger;
};
struct SaveSkippedFiring {  // or extends the row that begins there: more instants, one reason
  SkippedFiringRow row;
  int added = 0;  // of its count: by this change, and they had been due
};
struct InsertBackfill {
  BackfillRow row;
};
struct AdvanceBackfill {
  Id backfill;
  BackfillProgress progress;
};
struct InsertIdempotency {  // replaces an older one of the same (definition, key)
  IdempotencyRow row;
};
struct InsertCommand {  // in the decision that carries it out: no id comes twice
  CommandRow row;
};
struct InsertLetter {
  LetterRow row;
};
struct DeleteLetters {  // of the pair, up to this number: they are applied
  ShardNumber from = 0, to = 0;
  Id up_to;
};
struct MarkLetter {  // insert or replace by (to, from)
  LetterMarkRow row;
};
struct SaveWatch {  // may be there already
  WatchRow row;
};
struct DeleteWatch {
  WatchRow row;
};
struct SaveFollow {  // insert or replace by (shard, trigger)
  FollowRow row;
};
struct DeleteFollow {  // may be gone already
  ShardNumber shard = 0;
  Id trigger;
};
struct SavePermit {  // insert or replace by (shard, ask)
  PermitRow row;
};
struct DeletePermit {  // may be gone already
  ShardNumber shard = 0;
  Id ask;
};
struct SaveHold {  // insert or replace by ask
  HoldRow row;
};
struct DeleteHold {
  Id ask;
};

using Change = std::variant<InsertRun,
                            UpdateRun,
                            InsertAttempt,
                            SaveRevision,
                            SaveTrigger,
                            AdvanceTrigger,
                            DeleteTrigger,
                            SaveSkippedFiring,
                            InsertBackfill,
                            AdvanceBackfill,
                            InsertIdempotency,
                            InsertCommand,
                            InsertLetter,
                            DeleteLetters,
                            MarkLetter,
                            SaveWatch,
                            DeleteWatch,
                            SaveFollow,
                            DeleteFollow,
                            SavePermit,
                            DeletePermit,
                            SaveHold,
                            DeleteHold>;

}  // namespace jobflow
