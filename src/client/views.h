// The public API's resources as a client reads them: values decoded from JSON answers.
//
// Reading is lenient: unknown fields are skipped, missing ones keep their defaults, so that a
// client works with a server one version away. JSON inside (params, result, documents) stays text.
#pragma once

#include "model/outcome.h"
#include "model/time.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::client {

struct RunView {
  std::string id, kind;          // "job" | "workflow" | "step"
  std::string name, name_space;  // of its job or workflow
  std::string parent_id, step, handler, state;
  int version = 1;
  int attempt = 0;
  std::string worker;
  double progress = 0;
  Instant created, due, started, ended;
  std::string params, result;  // JSON; "" = none
  std::string error_kind, error;
  std::string principal;
  bool is_final() const;
};

// Why a run does not run now.
struct ExplanationView {
  struct Reason {
    std::string code, text;
  };
  std::string run_id, state;
  std::vector<Reason> reasons;
  Instant earliest, bound;
};

struct StepView {
  std::string step, run_id, handler, state;
  std::vector<std::string> needs;
  int version = 1;
  int attempt = 0;
  std::string worker;
  double progress = 0;
  Instant due, started, ended;
  std::string error_kind, error;
};

struct AttemptView {
  int number = 0;
  std::string state, worker, error_kind, error;
  Instant started, ended, retry_at;
};

struct DefinitionView {
  std::string id, kind, name_space, name, title, handler, updated_by;
  int revision = 0;
  int steps = 0;
  int triggers = 0;
  int permits = 0;  // of a semaphore
  bool enabled = true;
  Instant created, updated;
  std::string document;  // JSON
};

// What became of a document that was saved.
struct SavedView {
  std::string kind, name_space, name, outcome;  // "created" | "updated" | "unchanged" | "failed"
  int revision = 0;
  std::string problem;
  std::vector<std::string> warnings;
};

struct TriggeredView {
  std::string id;
  bool created = true;
  std::string problem;  // a batch's item that was refused
};

struct WorkerView {
  std::string name, name_space, state, version;
  std::vector<std::string> tags, handlers;
  int slots = 0;
  int busy = 0;
  Instant connected, last_heard;
};

struct HandlerView {
  std::string name, version, description;
  std::vector<std::string> workers;
};

struct LogLineView {
  int attempt = 0;
  std::int64_t number = 0;
  Instant time;
  std::string level, text, fields;
  std::string json;  // all of it, as it came
};

// One event of the feed (S9.1). For run_changed, `run` holds what changed: id, parent, step, state,
// attempt, version, and `error` the reason; a snapshot has the run and its steps as they stand.
struct EventView {
  std::string type;
  Instant time;
  RunView run;
  std::vector<StepView> steps;
};

// Whether the ledger is whole, and what is not, each with its trigger ("job/trigger").
struct AuditFinding {
  std::string trigger, flaw;
  Instant from, to;
  std::int64_t count = 0;
};
struct AuditView {
  bool clean = false;
  Instant from, to;
  std::int64_t triggers = 0, due = 0, ran = 0, skipped = 0, wrong = 0;
  std::vector<AuditFinding> findings;
};

template <class View>
struct Page {
  std::vector<View> items;
  std::string next_cursor;      // "" = this was the last page
  std::int64_t next_from = -1;  // of log lines; -1 = the page was not full
};

struct TriggerView {
  std::string id, name, state, note, paused_by;
  Instant next_due;
};
struct DueView {
  Instant at;
  std::string local;  // what the zone's clock shows; "" without one
};
struct PreviewView {
  std::string kind, timezone, english, chinese;
  std::vector<std::string> warnings, notes, notes_chinese;
  std::vector<DueView> items;
};
struct FiringView {
  Instant from, to;
  std::int64_t count = 1;
  std::string outcome, run, state, reason;
};

struct BackfillView {
  std::string id, name;  // of its job or workflow
  std::string state, note, order;
  Instant from, to;
  int max_parallel = 1;
  std::int64_t total = 0, runs = 0, kept_off = 0, succeeded = 0, failed = 0;
};

struct PermitView {
  std::string run, state;  // "held" | "waiting"
  int priority = 0;
  Instant queued, granted;
};
struct PermitsView {
  std::int64_t permits = 0, held = 0, waiting = 0;
  std::vector<PermitView> items;
};

struct ForecastMinuteView {
  Instant at;
  std::int64_t firings = 0, skipped = 0, waiting = 0;
};
struct ForecastHandlerView {
  std::string name_space, handler;
  bool has_worker = false;
  std::int64_t tasks = 0, waited = 0, longest_wait_ms = 0;
};
struct ForecastTriggerView {
  std::string name_space, name, trigger;
  std::int64_t firings = 0;
};
struct ForecastView {
  Instant from, until, reached;
  bool complete = true;
  std::int64_t triggers = 0, firings = 0, skipped = 0, workers = 0, slots = 0;
  std::int64_t assumed = 0;  // definitions of which nobody knows how long they take
  std::vector<ForecastMinuteView> peaks, minutes;
  std::vector<ForecastHandlerView> handlers;
  std::vector<ForecastTriggerView> busiest;
};

Outcome<RunView> read_run(std::string_view json);
Outcome<Page<RunView>> read_runs(std::string_view json);
Outcome<Page<StepView>> read_steps(std::string_view json);
Outcome<ExplanationView> read_explanation(std::string_view json);
Outcome<Page<AttemptView>> read_attempts(std::string_view json);
Outcome<DefinitionView> read_definition(std::string_view json);
Outcome<Page<DefinitionView>> read_definitions(std::string_view json);
Outcome<SavedView> read_saved(std::string_view json);
Outcome<Page<SavedView>> read_applied(std::string_view json);
Outcome<TriggeredView> read_triggered(std::string_view json);
Outcome<Page<TriggeredView>> read_batch_answer(std::string_view json);
Outcome<Page<WorkerView>> read_workers(std::string_view json);
Outcome<Page<HandlerView>> read_handlers(std::string_view json);
Outcome<LogLineView> read_log_line(std::string_view json);
Outcome<Page<LogLineView>> read_log_lines(std::string_view json);
Outcome<EventView> read_event(std::string_view json);
Outcome<AuditView> read_audit(std::string_view json);
Outcome<PermitsView> read_permits(std::string_view json);
Outcome<ForecastView> read_forecast(std::string_view json);
Outcome<Page<TriggerView>> read_triggers(std::string_view json);
Outcome<PreviewView> read_preview(std::string_view json);
Outcome<Page<FiringView>> read_firings(std::string_view json);
Outcome<Page<BackfillView>> read_backfills(std::string_view json);
Outcome<BackfillView> read_backfill(std::string_view json);

}  // namespace jobflow::client
