// Log chunks as stores keep them: pieces of bounded length, lines packed into bytes.
#pragma once

#include "store/log_store.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::store {

// A stored chunk holds at most that many lines: a longer one is cut at multiples of it, the same
// way each time it is sent. So a page finds where to begin without reading what lies before.
inline constexpr std::int64_t kChunkLines = 1000;

struct PackedChunk {
  Id run;
  int attempt = 1;
  std::int64_t first = 0;
  std::int64_t count = 0;
  LogLevel worst = LogLevel::debug;  // of its lines
  std::string lines;
};

// One pass over a line: level, time since the line before, text, fields; lengths as varints.
std::vector<PackedChunk> pack(const LogChunk& chunk);
// What pack() made; anything else is a Problem.
Outcome<std::vector<LogLine>> unpack(std::string_view bytes, std::int64_t count);

// Gathers a page from chunks that come in order of (attempt, first). Lines that overlapping chunks
// hold twice are taken once.
class LogPage {
 public:
  explicit LogPage(const LogQuery& query);

  bool full() const { return static_cast<int>(lines_.size()) >= query_.limit; }
  Outcome<Done> add(
      int attempt, std::int64_t first, std::int64_t count, LogLevel worst, std::string_view packed);
  std::vector<StoredLine> take() { return std::move(lines_); }

 private:
  bool matches(const LogLine& line) const;

  const LogQuery& query_;
  std::string text_;  // query_.text, in small letters
  int attempt_ = 0;
  std::int64_t next_ = 0;     // the next line of attempt_
  std::int64_t skipped_ = 0;  // without an attempt, `from` lines are skipped
  std::vector<StoredLine> lines_;
};

}  // namespace jobflow::store
