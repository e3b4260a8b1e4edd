#include "worker/builtin/sqlite_session.h"

#include "worker/builtin/base64.h"
#include "worker/utf8.h"

#include <jobflow/worker.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace jobflow::worker {
namespace {

using std::chrono::milliseconds;

constexpr int kStepsBetweenLooks = 1000;  // of SQLite's machine, between two looks at the stop
constexpr milliseconds kBusyFirst{1};
constexpr milliseconds kBusyLast{50};
constexpr int kValueBytes = 64 * 1024 * 1024;  // longest value and longest statement

// Those that only tell something.
constexpr auto kPragmas = std::to_array<std::string_view>(
    {"application_id", "collation_list", "data_version", "database_list", "foreign_key_check",
     "foreign_key_list", "function_list", "index_info", "index_list", "index_xinfo",
     "integrity_check", "page_count", "page_size", "quick_check", "schema_version", "table_info",
     "table_list", "table_xinfo", "user_version"});
constexpr auto kPragmasWithArgument = std::to_array<std::string_view>(
    {"foreign_key_check", "foreign_key_list", "index_info", "index_list", "index_xinfo",
     "integrity_check", "quick_check", "table_info", "table_list", "table_xinfo"});

struct StatementEnd {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, StatementEnd>;

SqlError::Kind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return SqlError::Kind::busy;
    case SQLITE_CANTOPEN:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
      return SqlError::Kind::unavailable;
    case SQLITE_CONSTRAINT:
      return SqlError::Kind::constraint;
    case SQLITE_AUTH:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return SqlError::Kind::denied;
    default:
      return SqlError::Kind::wrong;
  }
}

class SqliteSession final : public SqlSession {
 public:
  SqliteSession(const SqliteFile& file, Context& run)
      : run_(run),
        busy_timeout_(file.busy_timeout.ms),
        reads_only_(file.mode == SqliteFile::Mode::read) {
    const int mode = file.mode == SqliteFile::Mode::read ? SQLITE_OPEN_READONLY
                     : file.mode == SqliteFile::Mode::write
                         ? SQLITE_OPEN_READWRITE
                         : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(file.path.c_str(), &opened,
                                     mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    db_.reset(opened);
    if (code != SQLITE_OK) {
      throw SqlError(kind_of(code), file.path + ": " + sqlite3_errstr(code));
    }
    sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kValueBytes);
    sqlite3_busy_handler(opened, &SqliteSession::wait_busy, this);
    sqlite3_progress_handler(opened, kStepsBetweenLooks, &SqliteSession::is_stopped, this);
    sqlite3_set_authorizer(opened, &SqliteSession::authorize, this);
  }

  // Closing rolls back whatever is open.
  void begin(const std::vector<std::string_view>& texts) override {
    // One that will write takes its lock at once: half-way it could only fail.
    run_own(reads_only_ || all_read(texts) ? "begin" : "begin immediate");
  }

  void commit() override { run_own("commit"); }

  std::int64_t run(std::string_view text, const Json& values, SqlRows& rows) override {
    const std::int64_t before = sqlite3_total_changes64(db_.get());
    while (const Statement statement = prepare(text)) {
      bind(statement.get(), values);
      step(statement.get(), rows);
    }
    return sqlite3_total_changes64(db_.get()) - before;
  }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };

  [[noreturn]] void fail() {
    if (run_.cancelled()) {
      throw SqlError(SqlError::Kind::stopped, "stopped");
    }
    const int code = sqlite3_extended_errcode(db_.get());
    const std::string message = denied_.empty() ? sqlite3_errmsg(db_.get()) : denied_;
    throw SqlError(kind_of(code), clean_text(message));
  }

  // The next statement of the text, which is taken off it; nothing at its end.
  Statement prepare(std::string_view& text) {
    while (!text.empty()) {
      sqlite3_stmt* raw = nullptr;
      const char* rest = nullptr;
      denied_.clear();
      const int code =
          sqlite3_prepare_v2(db_.get(), text.data(), static_cast<int>(text.size()), &raw, &rest);
      Statement statement(raw);
      if (code != SQLITE_OK) {
        fail();
      }
      text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
      if (statement) {
        return statement;
      }
    }
    return nullptr;
  }

  bool all_read(const std::vector<std::string_view>& texts) {
    try {
      for (std::string_view text : texts) {
        while (const Statement statement = prepare(text)) {
          if (sqlite3_stmt_readonly(statement.get()) == 0) {
            return false;
          }
        }
      }
    } catch (const SqlError&) {
      return false;  // it may need what a statement before it makes; else it is told when it runs
    }
    return true;
  }

  void run_own(const char* text) {
    own_ = true;
    const int code = sqlite3_exec(db_.get(), text, nullptr, nullptr, nullptr);
    own_ = false;
    if (code != SQLITE_OK) {
      fail();
    }
  }

  void bind(sqlite3_stmt* statement, const Json& values) {
    const int count = sqlite3_bind_parameter_count(statement);
    if (values.is_array() && count > 0 && std::cmp_not_equal(values.size(), count)) {
      throw SqlError(SqlError::Kind::wrong, "it has " + std::to_string(count) +
                                                " parameters, and there are " +
                                                std::to_string(values.size()) + " values");
    }
    for (int i = 1; i <= count; ++i) {
      const char* name = sqlite3_bind_parameter_name(statement, i);
      if (values.is_array()) {
        bind(statement, i, values.at(static_cast<std::size_t>(i - 1)));
      } else if (name == nullptr) {
        throw SqlError(SqlError::Kind::wrong, "its parameter " + std::to_string(i) +
                                                  " has no name: give 'values' as a list");
      } else if (const Json* value = values.find(name + 1)) {  // after : @ or $
        bind(statement, i, *value);
      } else {
        throw SqlError(SqlError::Kind::wrong, "there is no value for " + std::string(name));
      }
    }
  }

  void bind(sqlite3_stmt* statement, int place, const Json& value) {
    int code = SQLITE_OK;
    if (value.is_null()) {
      code = sqlite3_bind_null(statement, place);
    } else if (value.is_bool()) {
      code = sqlite3_bind_int(statement, place, value.as_bool() ? 1 : 0);
    } else if (value.is_int()) {
      code = sqlite3_bind_int64(statement, place, value.as_int());
    } else if (value.is_number()) {
      code = sqlite3_bind_double(statement, place, value.as_double());
    } else {
      const std::string text = value.is_string() ? value.as_string() : value.dump();
      code = sqlite3_bind_text64(statement, place, text.data(), text.size(), SQLITE_TRANSIENT,
                                 SQLITE_UTF8);
    }
    if (code != SQLITE_OK) {
      fail();
    }
  }

  void step(sqlite3_stmt* statement, SqlRows& rows) {
    const int columns = sqlite3_column_count(statement);
    if (columns > 0) {
      std::vector<std::string> names;
      for (int i = 0; i < columns; ++i) {
        const char* name = sqlite3_column_name(statement, i);
        names.push_back(clean_text(name == nullptr ? "" : name));
      }
      rows.begin(std::move(names));
    }
    int code = sqlite3_step(statement);
    // All that a statement changes, it changes before its first row.
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
      if (!take_row(statement, columns, rows)) {
        rows.cut();
        return;
      }
    }
    if (code != SQLITE_DONE) {
      fail();
    }
  }

  bool take_row(sqlite3_stmt* statement, int columns, SqlRows& rows) {
    std::size_t bytes = 0;
    for (int i = 0; i < columns; ++i) {
      bytes += static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
    }
    if (bytes >= rows.room()) {
      return false;
    }
    std::vector<Json> values;
    for (int i = 0; i < columns; ++i) {
      values.push_back(value_of(statement, i));
    }
    rows.add(std::move(values));
    return true;
  }

  static Json value_of(sqlite3_stmt* statement, int column) {
    // The type first: asking for bytes may change it.
    switch (sqlite3_column_type(statement, column)) {
      case SQLITE_INTEGER:
        return sqlite3_column_int64(statement, column);
      case SQLITE_FLOAT: {
        const double value = sqlite3_column_double(statement, column);
        return std::isfinite(value) ? Json(value) : Json();
      }
      case SQLITE_TEXT:
        return clean_text(bytes_of(statement, column));
      case SQLITE_BLOB:
        return to_base64(bytes_of(statement, column));
      default:
        return {};
    }
  }

  static std::string bytes_of(sqlite3_stmt* statement, int column) {
    const void* bytes = sqlite3_column_blob(statement, column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }

  static int is_stopped(void* self) {
    return static_cast<SqliteSession*>(self)->run_.cancelled() ? 1 : 0;
  }

  // 0 gives up.
  static int wait_busy(void* self, int tries) {
    auto& session = *static_cast<SqliteSession*>(self);
    const auto now = std::chrono::steady_clock::now();
    if (tries == 0) {
      session.busy_until_ = now + session.busy_timeout_;
    }
    const auto left = std::chrono::ceil<milliseconds>(session.busy_until_ - now);
    const milliseconds wait = std::min({kBusyFirst * (1 << std::min(tries, 6)), kBusyLast, left});
    return left.count() > 0 && !session.run_.wait_cancelled(wait) ? 1 : 0;
  }

  // The transaction is ours; other files, extensions and settings are the operator's.
  static int authorize(
      void* self, int action, const char* first, const char* second, const char*, const char*) {
    auto& session = *static_cast<SqliteSession*>(self);
    const std::string_view name = first == nullptr ? "" : first;
    const std::string_view other = second == nullptr ? "" : second;
    if (session.own_) {
      return SQLITE_OK;
    }
    switch (action) {
      case SQLITE_TRANSACTION:
        return session.deny("all statements are one transaction already: leave " +
                            std::string(name) + " out");
      case SQLITE_ATTACH:
      case SQLITE_DETACH:
        return session.deny("other database files cannot be attached");
      case SQLITE_FUNCTION:
        return other == "load_extension" ? session.deny("extensions cannot be loaded") : SQLITE_OK;
      case SQLITE_PRAGMA: {
        const bool known = std::ranges::find(kPragmas, name) != kPragmas.end();
        const bool may_ask = second == nullptr || std::ranges::find(kPragmasWithArgument, name) !=
                                                      kPragmasWithArgument.end();
        return known && may_ask
                   ? SQLITE_OK
                   : session.deny("PRAGMA " + std::string(name) + " is not allowed here");
      }
      default:
        return SQLITE_OK;
    }
  }

  int deny(std::string why) {
    denied_ = std::move(why);
    return SQLITE_DENY;
  }

  Context& run_;
  const milliseconds busy_timeout_;
  const bool reads_only_;
  std::chrono::steady_clock::time_point busy_until_{};
  bool own_ = false;    // a statement of ours runs
  std::string denied_;  // why the last statement was not let through
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace

std::unique_ptr<SqlSession> open_sqlite(const SqliteFile& file, Context& run) {
  return std::make_unique<SqliteSession>(file, run);
}

}  // namespace jobflow::worker
