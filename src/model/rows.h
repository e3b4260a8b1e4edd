// The rows of the store, as values: what is durable, and nothing else.
// Texts marked JSON are canonical JSON; "" in an optional text means "none".
#pragma once

#include "model/id.h"
#include "model/states.h"
#include "model/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jobflow {

// A revision of a job or workflow. The newest revision is the definition's current one.
struct DefinitionRow {
  Id id;  // its shard is home_shard(namespace, kind, name)
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space;
  std::string name;
  int revision = 1;
  bool enabled = true;
  bool deleted = false;
  std::string document;   // JSON
  Instant created;        // of revision 1
  Instant updated;        // of this revision
  std::string principal;  // who saved this revision
  bool operator==(const DefinitionRow&) const = default;
};

// Where a trigger stands: the columns that change. One UPDATE writes exactly these.
struct TriggerProgress {
  TriggerState state = TriggerState::active;
  Instant next_due;  // the first planned instant that is not in the ledger; unless active unset
  Instant anchor;    // what its schedule counts from: its saving; a delay's: the last end
  Id follow;         // after_run: the number under which its upstream's ends are told to it
  Instant since;     // paused or set aside: up to here its ledger is written
  std::string
      paused_by;     // a person, who resumes it; "" = its definition says whether it is enabled
  std::string note;  // why it is paused or set aside
  // The ledger's newest row, when its newest instant did not run: neighbours extend it (S4.8).
  Instant skip_from;
  int skip_count = 0;
  std::string skip_reason;
  bool operator==(const TriggerProgress&) const = default;
};

struct TriggerRow {
  Id id;
  Id definition;
  std::string name;      // unique in the definition
  std::string schedule;  // JSON: a trigger of the definition file, its schedule's members alone
  std::string params;    // JSON
  TriggerProgress progress;
  bool operator==(const TriggerRow&) const = default;
};

// Where a run stands: the columns that change. One UPDATE writes exactly these.
struct RunProgress {
  RunState state = RunState::queued;
  int version = 1;  // workflow runs: grows with each retry (S8.6)
  int attempt = 0;  // number of the current or last attempt, 0 before the first
  Id token;         // of that attempt (S1.3)
  std::string worker;
  Id incarnation;    // of that worker
  Instant due;       // scheduled: when it may start
  Instant started;   // of the current attempt: when it was assigned
  Instant deadline;  // when its total timeout is over; unset: it has none, or has not begun
  Instant ended;
  double progress = 0;
  std::string result;      // JSON
  std::string error_kind;  // "", "handler", "timeout", "lost", "expression", "store_refused", ...
  std::string error;       // message
  std::string versions;    // JSON, workflow runs: [{"version":2,"from":["a"]}]
  bool operator==(const RunProgress&) const = default;
};

// One execution of a job or workflow, or of a step. Its first attempt lives here (house 3.5).
struct RunRow {
  Id id;
  RunKind kind = RunKind::job;
  Id definition;
  int revision = 1;
  Id parent;         // steps: the workflow run
  std::string step;  // steps: the step's id
  std::string handler;
  std::string params;  // JSON; a workflow run's inputs
  int priority = 0;
  Instant created;
  Id trigger;       // the trigger that fired it
  Instant planned;  // its occasion (I2): the planned instant
  Id occasion;      // and, when that is not all, the upstream run whose end it was, or the backfill
  bool backfilled = false;  // it is a backfill
  int hops = 0;  // so many ends of runs led to it, one by the other, each of a run of no time
  std::string idempotency_key;
  std::string principal;
  Id after_run;  // it waits until that one has ended
  RunProgress progress;
  bool operator==(const RunRow&) const = default;
};

// A try of a run. The current one is in the run's row; ended ones before it get rows when a
// retry replaces them.
struct AttemptRow {
  Id run;
  int number = 1;
  Id token;
  AttemptState state = AttemptState::assigned;
  std::string worker;
  Id incarnation;
  Instant started;
  Instant ended;
  std::string error_kind;
  std::string error;
  Instant retry_at;  // when the next attempt is due; unset = none
  bool operator==(const AttemptRow&) const = default;
};

// Neighbouring planned instants of a trigger that did not run, and why (S4.8).
// Reasons: misfire, overlap, calendar, refused (no run could be made of it), superseded (an edit
// came first), loop (ends of runs that took no time led to each other), paused, disabled, deleted,
// set_aside.
struct SkippedFiringRow {
  Id trigger;
  Instant from;
  Instant to;
  int count = 1;
  std::string reason;
  bool operator==(const SkippedFiringRow&) const = default;
};

// Where a backfill stands: the columns that change. One UPDATE writes exactly these.
struct BackfillProgress {
  BackfillState state = BackfillState::running;
  Instant cursor;     // the planned instant that was settled last; unset = none yet
  int made = 0;       // instants that became runs
  int kept_off = 0;   // instants that calendars kept from running
  int succeeded = 0;  // of the runs
  int failed = 0;     // of the runs: ended in any other way
  Instant ended;
  std::string note;  // why it is paused or cancelled
  bool operator==(const BackfillProgress&) const = default;
};

// Past planned instants of a trigger that somebody wants run, whatever became of them then.
struct BackfillRow {
  Id id;  // in its definition's shard
  Id trigger;
  Id definition;
  Instant from, until;        // planned instants from here on, and before that
  int total = 0;              // so many are due between them
  bool newest_first = false;  // else oldest first
  int max_parallel = 1;       // runs of it that are live
  // Its runs begin only while no other run of the job is live, and hold up its firings as any run
  // does. Else they stand aside (S3.4).
  bool waits = false;
  bool pauses_on_failure = false;
  std::string schedule;  // JSON, the trigger's when it was begun: edits do not change it
  Instant anchor;        // the trigger's then
  std::string params;    // JSON, the trigger's then with those of the backfill merged over
  Instant created;
  std::string principal;
  BackfillProgress progress;
  bool operator==(const BackfillRow&) const = default;
};

// A repeat of the same key within its window answers with the first run (S5.2).
struct IdempotencyRow {
  Id definition;
  std::string key;
  Id run;
  Instant expires;
  bool operator==(const IdempotencyRow&) const = default;
};

// What became of a command that changed something, under the id it got at the door (S12.4).
struct CommandRow {
  Id id;
  ShardNumber shard = 0;  // that carried it out
  Instant at;
  // The answer.
  Id subject;  // the run or definition
  int revision = 0;
  bool created = false;
  bool changed = true;
  std::string name;
  bool operator==(const CommandRow&) const = default;
};

// A revision of a calendar (S4.5). The newest is the current one; the others stay, for the ledger's
// audit asks which one held at an instant. No home: written by small transactions.
struct CalendarRow {
  std::int64_t number = 0;  // grows with every change of any calendar; given by the store
  std::string name_space;
  std::string name;
  int revision = 1;
  bool deleted = false;
  std::string title;
  std::string document;  // JSON: {"metadata": {...}, "spec": {...}}
  Instant updated;       // it holds from here on
  std::string principal;
  bool operator==(const CalendarRow&) const = default;
};

// An access token, hashed (S13.2). No home: written by small transactions.
struct TokenRow {
  Id id;
  std::string name;
  std::string role;        // "admin" | "worker" | ...
  std::string sha256_hex;  // of the secret
  Instant created;
  Instant expires;  // unset = never
  bool operator==(const TokenRow&) const = default;
};

}  // namespace jobflow
