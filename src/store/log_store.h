// The second writer: log lines, apart from run state (S10.2). Same calling rules as Store.
#pragma once

#include "model/work.h"
#include "store/store.h"

#include <string>
#include <vector>

namespace jobflow::store {

struct LogQuery {
  Id run;
  int attempt = 0;        // 0 = all, in order
  std::int64_t from = 0;  // first line number (needs `attempt`), or lines to skip without one
  int limit = 1000;       // lines
  LogLevel min_level = LogLevel::debug;
  std::string text = {};  // only lines whose text or fields hold it; A to Z as a to z
};

// The age of lines is the server's to say: each trim marks what has been appended by then, at most
// one mark in kLogMarkEvery, and what lies at or before a mark goes once the mark is `kept` old.
struct LogTrim {
  Instant now;
  Span kept;
  int chunks = 500;              // at most that many a call,
  std::int64_t bytes = 4 << 20;  // and no more once it has been as much as that
};
inline constexpr Span kLogMarkEvery = hours(1);

struct LogTrimmed {
  int chunks = 0;  // that went; ask again until it is 0
  Span behind;     // by how much what is still there is too old
};

struct StoredLine {
  int attempt = 1;
  std::int64_t number = 0;  // within the attempt
  LogLine line;
};

class LogStore {
 public:
  virtual ~LogStore() = default;
  // Durable when answered. A chunk that is there already (run, attempt, offset) changes nothing.
  virtual void append(std::vector<LogChunk> chunks, Callback<Outcome<Done>> done) = 0;
  virtual void read(LogQuery query, Callback<Outcome<std::vector<StoredLine>>> done) = 0;
  // Deletes what is past its time, a bounded piece a call (S11.1).
  virtual void trim(LogTrim limits, Callback<Outcome<LogTrimmed>> done) = 0;
};

}  // namespace jobflow::store
