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
};

}  // namespace jobflow::store
