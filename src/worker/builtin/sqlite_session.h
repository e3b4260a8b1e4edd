// SQLite behind `sql`: a connection of its own for each body.
#pragma once

#include "model/time.h"
#include "worker/builtin/sql_session.h"

#include <memory>
#include <string>

namespace jobflow::worker {

struct SqliteFile {
  enum class Mode : unsigned char { read, write, make };
  std::string path;
  Mode mode = Mode::write;
  Span busy_timeout = seconds(5);
};

std::unique_ptr<SqlSession> open_sqlite(const SqliteFile& file, Context& run);

}  // namespace jobflow::worker
