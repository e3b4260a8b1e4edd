// One SQLite connection and its prepared statements. Not thread-safe: one thread at a time.
// Everything here throws SqliteError; each task's root catches it and turns it into an answer.
#pragma once

#include "model/outcome.h"
#include "store/store.h"

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace jobflow::store::sqlite {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(int extended_code, const std::string& message)
      : std::runtime_error(message), code_(extended_code) {}
  int code() const { return code_ & 0xff; }
  int extended_code() const { return code_; }

 private:
  int code_;
};

// What a failed transaction is to its sender (house 3b), and a failed read to its asker.
CommitResult classify(const SqliteError& error);
Problem to_problem(const SqliteError& error);
Problem cannot_open(const SqliteError& error, const std::string& path);

class Connection {
 public:
  // Opens (and makes, when `create`) the file; `path` is kept for messages.
  Connection(const std::string& path, bool create);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* raw() const { return db_; }
  const std::string& path() const { return path_; }
  // Runs a text of statements that answer nothing.
  void run(const char* sql);
  // The first column of the first row of a PRAGMA, as a number.
  std::int64_t number(const char* sql);
  std::int64_t rows_written() const { return sqlite3_total_changes64(db_); }
  [[noreturn]] void fail();

 private:
  std::string path_;
  sqlite3* db_ = nullptr;
};

// A prepared statement, compiled at its first use and reused. `with()` binds and begins a use;
// the use ends (and lets go of its snapshot) when it leaves its scope.
class Statement {
 public:
  Statement(Connection& connection, const char* sql) : connection_(connection), sql_(sql) {}
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  class Use {
   public:
    template <class... Values>
    explicit Use(Statement& owner, const Values&... values)
        : owner_(owner), statement_(owner.prepared()) {
      (bind(values), ...);
    }
    ~Use() { sqlite3_reset(statement_); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    // Texts must outlive the use.
    template <std::integral Number>
    void bind(Number value) {
      done(sqlite3_bind_int64(statement_, ++bound_, static_cast<sqlite3_int64>(value)));
    }
    void bind(double value) { done(sqlite3_bind_double(statement_, ++bound_, value)); }
    void bind(std::string_view value) {
      // SQLite takes a null pointer for NULL.
      done(sqlite3_bind_text64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(),
                               value.size(), SQLITE_STATIC, SQLITE_UTF8));
    }
    void bind_blob(std::string_view value) {
      done(sqlite3_bind_blob64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(),
                               value.size(), SQLITE_STATIC));
    }

    // True while there is a row.
    bool step() {
      const int code = sqlite3_step(statement_);
      if (code == SQLITE_ROW) {
        return true;
      }
      done(code == SQLITE_DONE ? SQLITE_OK : code);
      return false;
    }

    std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
    double real(int column) const { return sqlite3_column_double(statement_, column); }
    // Valid until the next step.
    std::string_view view(int column) const {
      const void* bytes = sqlite3_column_blob(statement_, column);
      return {static_cast<const char*>(bytes),
              static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }
    std::string text(int column) const { return std::string(view(column)); }

   private:
    void done(int code) {
      if (code != SQLITE_OK) [[unlikely]] {
        owner_.connection_.fail();
      }
    }
    Statement& owner_;
    sqlite3_stmt* statement_;
    int bound_ = 0;
  };

  template <class... Values>
  Use with(const Values&... values) {
    return Use(*this, values...);
  }
  // Runs to the end; answers how many rows changed.
  template <class... Values>
  int run(const Values&... values) {
    Use use(*this, values...);
    while (use.step()) {
    }
    return sqlite3_changes(connection_.raw());
  }

 private:
  sqlite3_stmt* prepared() {
    if (statement_ == nullptr) [[unlikely]] {
      prepare();
    }
    return statement_;
  }
  void prepare();

  Connection& connection_;
  const char* sql_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace jobflow::store::sqlite
