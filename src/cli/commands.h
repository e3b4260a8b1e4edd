// What each client command does. Every function answers the exit code; options come parsed.
#pragma once

#include "cli/session.h"
#include "client/views.h"

#include <optional>
#include <string>
#include <vector>

namespace jobflow::cli {

struct ApplyOptions {
  std::vector<std::string> files;  // "-" = standard input
  bool dry_run = false;
};
ExitCode apply(Session& session, const ApplyOptions& options);

// `kind`: "job", "workflow", "semaphore" or "calendar".
struct DefinitionOptions {
  std::string kind;
  std::vector<std::string> names;
  std::string file;
  bool all_namespaces = false;
  int limit = 200;
  bool force = false;
};
ExitCode list_definitions(Session& session, const DefinitionOptions& options);
ExitCode show_definition(Session& session, const DefinitionOptions& options);
ExitCode create_definition(Session& session, const DefinitionOptions& options);
ExitCode edit_definition(Session& session, const DefinitionOptions& options);
ExitCode remove_definitions(Session& session, const DefinitionOptions& options);

struct CalendarOptions {
  std::string file;  // iCalendar
  std::string name, title, timezone;
};
ExitCode list_calendars(Session& session, const DefinitionOptions& options);
ExitCode list_semaphores(Session& session, const DefinitionOptions& options);
ExitCode list_permits(Session& session, const DefinitionOptions& options);
ExitCode import_calendar(Session& session, const CalendarOptions& options);

struct TriggerOptions {
  std::string name;
  bool job = false;
  bool workflow = false;
  std::vector<std::string> params;  // k=v
  std::string params_json;          // an object, or @FILE
  std::string delay, after_run, key, from_file;
  std::optional<int> priority;
  bool wait = false;
  bool follow = false;
  bool logs = false;
  std::string limit;  // of waiting
};
ExitCode trigger(Session& session, const TriggerOptions& options);

// A trigger of a job or workflow, or one that is only written down.
struct ScheduleOptions {
  std::string name, trigger;
  bool job = false;
  bool workflow = false;
  std::string note;
  std::string cron, every, at, timezone, dialect;
  std::string from;  // RFC 3339
  int count = 10;
  int limit = 20;
  // Of a backfill.
  std::string to;  // RFC 3339
  std::string params_json;
  int parallel = 1;
  bool newest_first = false;
  bool waits = false;
  bool pauses_on_failure = false;
};
ExitCode preview_trigger(Session& session, const ScheduleOptions& options);
ExitCode pause_trigger(Session& session, const ScheduleOptions& options);
ExitCode resume_trigger(Session& session, const ScheduleOptions& options);
ExitCode list_firings(Session& session, const ScheduleOptions& options);
ExitCode start_backfill(Session& session, const ScheduleOptions& options);

// What the program knows of itself.
struct ProgramFacts {
  std::string version, time_zones;
};
ExitCode doctor(Session& session, const ProgramFacts& program);

struct BackfillOptions {
  std::string id, note;
  bool all = false;  // also those that are over
  int limit = 50;
};
ExitCode list_backfills(Session& session, const BackfillOptions& options);
ExitCode show_backfill(Session& session, const BackfillOptions& options);
ExitCode pause_backfill(Session& session, const BackfillOptions& options);
ExitCode resume_backfill(Session& session, const BackfillOptions& options);
ExitCode cancel_backfill(Session& session, const BackfillOptions& options);
void print_backfill(Session& session, const client::BackfillView& one);

struct RunOptions {
  std::vector<std::string> runs;
  std::string job, workflow;
  std::vector<std::string> states;
  int limit = 20;
  bool follow = false;
  bool bare = false;
  std::string level;
  std::string grep;
  int attempt = 0;
  std::vector<std::string> from_steps;
  bool logs = false;
  std::string wait_limit;
};
ExitCode list_runs(Session& session, const RunOptions& options);
ExitCode show_run(Session& session, const RunOptions& options);
ExitCode list_steps(Session& session, const RunOptions& options);
ExitCode list_attempts(Session& session, const RunOptions& options);
ExitCode explain_run(Session& session, const RunOptions& options);
ExitCode show_logs(Session& session, const RunOptions& options);
ExitCode cancel_runs(Session& session, const RunOptions& options);
ExitCode retry_run(Session& session, const RunOptions& options);
ExitCode watch_run(Session& session, const RunOptions& options);

ExitCode show_command(Session& session, const std::string& id);

struct AuditOptions {
  std::string from, to;  // RFC 3339
  std::string job, workflow;
  bool all_namespaces = false;
};
ExitCode audit(Session& session, const AuditOptions& options);

struct ForecastOptions {
  int hours = 24;
  bool all_namespaces = false;
};
ExitCode forecast(Session& session, const ForecastOptions& options);

ExitCode list_workers(Session& session);
ExitCode list_handlers(Session& session);

// Of a job, a workflow or a calendar by its name.
std::string path_of(Session& session, const std::string& kind, const std::string& name);
// Sends a document, and says what became of it; `file` is where its problems are.
ExitCode save_document(Session& session, const client::Request& request, const std::string& file);

// Reads a file, or standard input for "-".
Outcome<std::string> read_input(Session& session, const std::string& file);
// Its name in messages.
std::string shown_file(const std::string& file);
// "" for one; what is asked, e.g. "3 steps".
std::string counted(std::size_t count, const std::string& noun);

}  // namespace jobflow::cli
