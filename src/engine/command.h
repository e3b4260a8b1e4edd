// What somebody asked of one shard: the engine's input. A value, kept until its decision is durable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/definition.h"
#include "model/image.h"
#include "model/work.h"

namespace jobflow::engine {

// --- from people and programs

struct SaveDefinition {
  std::shared_ptr<const Definition> definition;
  bool must_be_new = false;
  int expected_revision = 0;  // 0 = any (If-Match)
};
struct DeleteDefinition {
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space, name;
  int expected_revision = 0;
};
struct TriggerRun {
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space, name;
  Id definition;          // instead of a name
  std::string params;     // JSON object, merged over the definition's; "" = none
  Instant start_at;       // unset = now; in the past = now
  std::optional<int> priority;
  std::string idempotency_key;
};
struct CancelRun {
  Id run;
};
// A job's or step's run: its next attempt. A workflow run: a new version, from `from_steps` and
// everything downstream of them, or from all steps that did not succeed when empty (S8.6).
struct RetryRun {
  Id run;
  std::vector<std::string> from_steps;
};

// --- from workers and links

struct AttemptEnded {
  FinishedReport report;
  Id incarnation;
};
struct ProgressMade {
  ProgressReport report;
};
// The incarnation is connected and states what it holds: what else it was given is sent again.
struct WorkerBack {
  Id incarnation;
  std::shared_ptr<const std::vector<Id>> holding;  // tokens, sorted
};
// The incarnation is gone, or was silent for a whole lease: its attempts are lost (S6.6).
struct WorkerGone {
  Id incarnation;
  std::string reason;
};
// The assignment did not leave the server (S6.7).
struct AssignmentUnsent {
  Id run;
  Id token;
};

// --- from the hall itself

struct TimersDue {};
// Queued runs look for workers, at most `most` of them.
struct DispatchWaiting {
  int most = 256;
};
// The store refuses what this run's report, or this trigger's firing, wants written (3b).
struct SetAside {
  Id subject;
  bool is_trigger = false;
  std::string incident;
};

using Request = std::variant<SaveDefinition, DeleteDefinition, TriggerRun, CancelRun, RetryRun,
                             AttemptEnded, ProgressMade, WorkerBack, WorkerGone, AssignmentUnsent,
                             TimersDue, DispatchWaiting, SetAside>;

struct Command {
  Request request;
  std::string principal;  // who asks: "token:admin", "worker:<name>", "system"
  Instant now;            // when the hall took it; a re-run of the command keeps it (3b)
  std::shared_ptr<const CommandRows> rows;  // what was read for it (3c)
};

}  // namespace jobflow::engine
