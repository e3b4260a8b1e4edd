// The changes a decision may ask of the store. A value each; a later one sees the earlier.
#pragma once

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
  TriggerState state = TriggerState::active;
  Instant next_due;
  std::string note;
};
struct DeleteTrigger {
  Id trigger;
};
struct InsertSkippedFiring {
  SkippedFiringRow row;
};
struct InsertIdempotency {  // replaces an older one of the same (definition, key)
  IdempotencyRow row;
};

using Change = std::variant<InsertRun,
                            UpdateRun,
                            InsertAttempt,
                            SaveRevision,
                            SaveTrigger,
                            AdvanceTrigger,
                            DeleteTrigger,
                            InsertSkippedFiring,
                            InsertIdempotency>;

}  // namespace jobflow
