#include "worker/builtin/sql_connections.h"

#include "worker/builtin/sqlite_session.h"

#include <algorithm>

namespace jobflow::worker {
namespace {

constexpr std::string_view kSqlite = "sqlite:";

Problem invalid(const std::string& name, const std::string& why) {
  return {.code = ProblemCode::invalid, .detail = "the connection '" + name + "' " + why};
}

// The options after the path: mode=ro&busy_timeout=5s.
std::string take_options(std::string_view text, SqliteFile& file) {
  while (!text.empty()) {
    const std::string_view option = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(option.size() + 1, text.size()));
    const std::string_view name = option.substr(0, option.find('='));
    const std::string_view value = option.substr(std::min(name.size() + 1, option.size()));
    if (name == "mode" && (value == "ro" || value == "rw" || value == "rwc")) {
      file.mode = value == "ro"   ? SqliteFile::Mode::read
                  : value == "rw" ? SqliteFile::Mode::write
                                  : SqliteFile::Mode::make;
    } else if (const auto span = parse_span(value); name == "busy_timeout" && span.ok()) {
      file.busy_timeout = *span;
    } else {
      return "has the option '" + std::string(option) +
             "': there are mode=ro, rw or rwc and busy_timeout=5s";
    }
  }
  return "";
}

}  // namespace

Outcome<SqlConnections> SqlConnections::from(const std::vector<std::string>& texts) {
  SqlConnections all;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Problem{ProblemCode::invalid,
                     "a connection is written name=url, e.g. main=sqlite:/var/lib/app/app.db"};
    }
    const std::string name = text.substr(0, equals);
    std::string_view url = std::string_view(text).substr(equals + 1);
    if (!url.starts_with(kSqlite)) {
      return invalid(name, "has a URL that is not known here: it begins with sqlite:");
    }
    url.remove_prefix(kSqlite.size());
    if (url.starts_with("///")) {
      url.remove_prefix(2);
    }
    const std::size_t path_end = std::min(url.find('?'), url.size());
    SqliteFile file{.path = std::string(url.substr(0, path_end))};
    if (!file.path.starts_with('/')) {
      return invalid(name, "needs a path from the root: sqlite:/var/lib/app/app.db");
    }
    if (const std::string wrong =
            take_options(url.substr(std::min(path_end + 1, url.size())), file);
        !wrong.empty()) {
      return invalid(name, wrong);
    }
    const auto open = [file](Context& run) { return open_sqlite(file, run); };
    if (!all.openers_.emplace(name, open).second) {
      return invalid(name, "is named twice");
    }
  }
  return all;
}

std::unique_ptr<SqlSession> SqlConnections::open(const std::string& name, Context& run) const {
  const auto found = openers_.find(name);
  if (found == openers_.end()) {
    std::string all;
    for (const auto& [known, open] : openers_) {
      all += (all.empty() ? "" : ", ") + known;
    }
    throw SqlError(SqlError::Kind::denied,
                   "this worker has no connection '" + name + "' (worker.sql); it has " + all);
  }
  return found->second(run);
}

}  // namespace jobflow::worker
