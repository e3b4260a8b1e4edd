// What servers and workers say to each other, as values; link turns them into protocol messages.
#pragma once

#include "model/id.h"
#include "model/time.h"

#include <optional>
#include <string>
#include <vector>

namespace jobflow {

// A worker's process: new at each start (S6.5).
struct WorkerHello {
  std::string name;
  Id incarnation;  // made by the worker: start time in the id's layout, random low bits
  std::string name_space = "default";
  std::vector<std::string> tags;
  int slots = 1;
  std::string version;
  struct Handler {
    std::string name, version, description;
  };
  std::vector<Handler> handlers;
  struct Holding {
    Id run, token;
  };
  std::vector<Holding> holding;  // runs in its hands, ended but unacknowledged ones included
  std::int64_t connection = 0;   // of this process, 1 = its first: the newest counts; 0 = not said
};

// Do this. Sending it again is harmless (S6.5).
struct Assignment {
  Id run;
  Id token;
  int attempt = 1;
  std::int64_t epoch = 1;  // of the shard
  std::string handler;
  std::string params;  // JSON
  Span timeout;        // execution timeout of the body; zero = none
  std::string job;     // name, for the body's eyes
  std::string idempotency_key;
  // An earlier sending may have arrived, and only the worker knows: it gets this one, too, whether
  // there is room or not. For the members on the way; not told to the worker.
  bool sent_before = false;
};

struct CancelOrder {
  Id run;
  Id token;
};

enum class ReportOutcome : unsigned char {
  succeeded = 0,
  failed = 1,
  cancelled = 2,
  timed_out = 3,
  refused =
      4,  // never started here: unknown handler, old epoch, draining, no slot (no attempt, S6.7)
};

// What the processes of an attempt used, and how the first of them ended (S7.5).
struct ProcessUsage {
  Span cpu_user, cpu_system;
  std::int64_t peak_memory_bytes = 0;  // 0 = not known: less than the worker's own
  int exit_code = 0;
  int exit_signal = 0;  // 0 = it exited by itself
};

// An attempt ended. Re-sent until acknowledged (S7.3).
struct FinishedReport {
  Id run;
  Id token;
  ReportOutcome outcome = ReportOutcome::succeeded;
  std::string result;      // JSON or empty
  std::string error_kind;  // "handler", "exit_code", "signal", "result_too_large", ...
  std::string error;
  bool do_not_retry = false;
  Span retry_after;                   // zero = by policy
  std::optional<ProcessUsage> usage;  // of a body that was a process
};

struct ProgressReport {
  Id run;
  Id token;
  double progress = 0;  // 0 to 1
};

enum class LogLevel : unsigned char { debug = 0, info = 1, warn = 2, error = 3 };

struct LogLine {
  Instant time;
  LogLevel level = LogLevel::info;
  std::string text;
  std::string fields;  // JSON object or empty
};

// Lines of one attempt; `offset` is the number of the first line within (run, attempt).
// The same (run, attempt, offset) again is harmless.
struct LogChunk {
  Id run;
  int attempt = 1;
  std::int64_t offset = 0;
  std::vector<LogLine> lines;
};

}  // namespace jobflow
