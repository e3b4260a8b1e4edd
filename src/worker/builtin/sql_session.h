// What a database must offer to the handler `sql`: the seam between sql_body.h and each kind of
// database. Values and an interface; used by the body's own thread.
#pragma once

#include <jobflow/json.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow {
class Context;
}

namespace jobflow::worker {

// The database said no.
class SqlError : public std::runtime_error {
 public:
  enum class Kind : unsigned char {
    busy,         // others hold what it needs; later it may go
    unavailable,  // not reached, disk full …; later it may go
    constraint,   // the data forbid it
    denied,       // the operator or this connection forbids it
    wrong,        // the statement, its values, or the result
    stopped,      // the body was asked to stop
  };
  SqlError(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

// The rows of the last statement that answers any, as many as a result can hold.
class SqlRows {
 public:
  SqlRows(std::int64_t rows_max, std::size_t bytes_max)
      : rows_max_(rows_max), bytes_max_(bytes_max) {}

  // Of a statement; throws SqlError when two columns have one name. Forgets those before.
  void begin(std::vector<std::string> columns);
  // How many bytes one more row may have; 0 = none is wanted, what is left is cut off.
  std::size_t room() const;
  void add(std::vector<Json> values);
  void cut() { truncated_ = true; }
  // {columns, rows, truncated}, or {} when no statement answered any.
  Json take();

 private:
  const std::int64_t rows_max_;
  const std::size_t bytes_max_;
  bool any_ = false;
  std::vector<std::string> columns_;
  Json::Array rows_;
  std::size_t bytes_ = 0;
  bool truncated_ = false;
};

// A connection with one transaction, which is rolled back unless it was committed. All of it
// throws SqlError.
class SqlSession {
 public:
  virtual ~SqlSession() = default;
  // `texts`: all that will be run, to choose the kind of transaction by.
  virtual void begin(const std::vector<std::string_view>& texts) = 0;
  // All statements of a text. `values`: null, a list for those by position, an object for names.
  // Answers how many rows it has changed.
  virtual std::int64_t run(std::string_view text, const Json& values, SqlRows& rows) = 0;
  virtual void commit() = 0;
};

}  // namespace jobflow::worker
