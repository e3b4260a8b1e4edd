#include "store/sqlite/connection.h"

#include <mutex>

namespace jobflow::store::sqlite {
namespace {

// How long one statement waits for another process's lock before the task looks again.
constexpr int kBusyMs = 500;

void configure_library() {
  static std::once_flag once;
  // SQLite's own memory statistics take a global lock on every allocation.
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

}  // namespace

CommitResult classify(const SqliteError& error) {
  switch (error.code()) {
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
      return CommitResult::refused;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
    case SQLITE_SCHEMA:
    case SQLITE_ABORT:
      return CommitResult::retry;
    default:
      // Full, read-only, unreadable, out of memory, damaged: a person must look; nothing is lost.
      return CommitResult::unavailable;
  }
}

Problem to_problem(const SqliteError& error) {
  const bool refused = classify(error) == CommitResult::refused;
  return Problem{refused ? ProblemCode::store_refused : ProblemCode::unavailable, error.what()};
}

Problem cannot_open(const SqliteError& error, const std::string& path) {
  if (error.code() == SQLITE_NOTADB) {
    return Problem{ProblemCode::incompatible,
                   path + " is not a SQLite database; name another file or folder"};
  }
  return Problem{ProblemCode::unavailable, std::string("cannot open the store: ") + error.what()};
}

Connection::Connection(const std::string& path, bool create) : path_(path) {
  configure_library();
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (create ? SQLITE_OPEN_CREATE : 0);
  if (sqlite3_open_v2(path.c_str(), &db_, flags, nullptr) != SQLITE_OK) {
    const int code = db_ == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db_);
    const std::string message = db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_);
    sqlite3_close_v2(db_);
    throw SqliteError(code, path + ": " + message);
  }
  sqlite3_busy_timeout(db_, kBusyMs);
}

Connection::~Connection() {
  sqlite3_close_v2(db_);
}

void Connection::run(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail();
  }
}

std::int64_t Connection::number(const char* sql) {
  Statement statement(*this, sql);
  auto row = statement.with();
  return row.step() ? row.number(0) : 0;
}

void Connection::fail() {
  const int code = sqlite3_extended_errcode(db_);
  std::string message = path_ + ": " + sqlite3_errmsg(db_);
  switch (code & 0xff) {
    case SQLITE_FULL:
      message += "; free some space on its disk, the server goes on by itself";
      break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      message += "; the server must be able to write this file and its folder";
      break;
    case SQLITE_IOERR:
      message += " (system error " + std::to_string(sqlite3_system_errno(db_)) + ")";
      break;
    default:
      break;
  }
  throw SqliteError(code, message);
}

void Statement::prepare() {
  if (sqlite3_prepare_v3(connection_.raw(), sql_, -1, SQLITE_PREPARE_PERSISTENT, &statement_,
                         nullptr) != SQLITE_OK) {
    connection_.fail();
  }
}

}  // namespace jobflow::store::sqlite
