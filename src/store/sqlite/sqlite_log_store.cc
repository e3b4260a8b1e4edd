#include "model/crash_point.h"
#include "store/log_lines.h"
#include "store/sqlite/patience.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/statements.h"

#include <optional>
#include <utility>

namespace jobflow::store {
namespace {

using sqlite::Connection;
using sqlite::SqliteError;
using sqlite::Statement;

constexpr std::chrono::milliseconds kIdleAfter{250};
// Appends that wait in the queue share one transaction, up to that many chunks.
constexpr std::size_t kChunksATransaction = 10'000;

const char* statement(std::string_view name) {
  return sqlite::find_statement("log_statements.sql", name);
}

class LogReader {
 public:
  LogReader(const std::string& path, int cache_kib)
      : connection_(path, false), chunks_of_run_(connection_, statement("chunks_of_run")) {
    sqlite::set_reader_pragmas(connection_, cache_kib);
  }

  Outcome<std::vector<StoredLine>> read(const LogQuery& query) {
    LogPage page(query);
    const int first_attempt = query.attempt == 0 ? 1 : query.attempt;
    const int last_attempt = query.attempt == 0 ? INT32_MAX : query.attempt;
    // No chunk is longer than kChunkLines: one that begins earlier cannot reach `from`.
    const std::int64_t first = query.attempt == 0 ? 0 : query.from - kChunkLines + 1;
    auto row = chunks_of_run_.with(query.run.value, first_attempt, last_attempt, first);
    while (!page.full() && row.step()) {
      auto added = page.add(static_cast<int>(row.number(0)), row.number(1), row.number(2),
                            static_cast<LogLevel>(row.number(3)), row.view(4));
      if (!added) {
        return added.problem();
      }
    }
    return page.take();
  }

 private:
  Connection connection_;
  Statement chunks_of_run_;
};

// Retention (S11.1). The writer thread's own; trim() is called within a transaction.
class LogTrimmer {
 public:
  explicit LogTrimmer(Connection& connection)
      : newest_chunk_(connection, statement("newest_chunk")),
        newest_mark_(connection, statement("newest_mark")),
        insert_mark_(connection, statement("insert_mark")),
        expired_mark_(connection, statement("expired_mark")),
        oldest_chunks_(connection, statement("oldest_chunks")),
        delete_chunks_(connection, statement("delete_chunks")),
        delete_marks_(connection, statement("delete_marks")),
        oldest_expired_mark_(connection, statement("oldest_expired_mark")) {}

  LogTrimmed trim(const LogTrim& limits) {
    mark(limits.now);
    LogTrimmed trimmed;
    const Instant before = limits.now - limits.kept;
    std::int64_t last = 0;
    if (auto row = expired_mark_.with(before.ms); row.step()) {
      last = row.number(0);
    }
    std::int64_t to = 0;
    std::int64_t bytes = 0;
    for (auto row = oldest_chunks_.with(last, limits.chunks); bytes < limits.bytes && row.step();) {
      to = row.number(0);
      bytes += row.number(1);
    }
    if (to > 0) {
      trimmed.chunks = delete_chunks_.run(to);
      delete_marks_.run();
    }
    if (auto row = oldest_expired_mark_.with(before.ms); row.step()) {
      trimmed.behind = before - Instant{row.number(0)};
    }
    return trimmed;
  }

 private:
  void mark(Instant now) {
    std::int64_t newest = 0;
    if (auto row = newest_chunk_.with(); row.step()) {
      newest = row.number(0);
    }
    if (newest == 0) {
      return;
    }
    if (auto row = newest_mark_.with(); row.step()) {
      const Instant marked{row.number(1)};
      if (row.number(0) >= newest || (now >= marked && now < marked + kLogMarkEvery)) {
        return;
      }
    }
    insert_mark_.run(newest, now.ms);
  }

  Statement newest_chunk_, newest_mark_, insert_mark_, expired_mark_;
  Statement oldest_chunks_, delete_chunks_, delete_marks_, oldest_expired_mark_;
};

class SqliteLogStore final : public LogStore {
 public:
  SqliteLogStore(std::unique_ptr<Connection> connection, SqliteLogOptions options)
      : options_(options),
        connection_(std::move(connection)),
        begin_(*connection_, statement("begin")),
        commit_(*connection_, statement("commit")),
        rollback_(*connection_, statement("rollback")),
        insert_chunk_(*connection_, statement("insert_chunk")),
        trimmer_(*connection_),
        reads_(1),
        writes_(1, [this](std::size_t) { checkpoint(); }, kIdleAfter) {}

  void append(std::vector<LogChunk> chunks, Callback<Outcome<Done>> done) override {
    {
      const std::scoped_lock lock(mutex_);
      waiting_.push_back({std::move(chunks), std::move(done)});
    }
    writes_.post([this](std::size_t) { write_waiting(); });
  }

  void read(LogQuery query, Callback<Outcome<std::vector<StoredLine>>> done) override {
    reads_.post([this, query, done = std::move(done)](std::size_t) {
      done(sqlite::patiently<std::vector<StoredLine>>(reads_, [&] {
        if (!reader_) {
          reader_.emplace(connection_->path(), options_.reader_cache_kib);
        }
        return reader_->read(query);
      }));
    });
  }

  void trim(LogTrim limits, Callback<Outcome<LogTrimmed>> done) override {
    writes_.post([this, limits, done = std::move(done)](std::size_t) {
      done(sqlite::patiently<LogTrimmed>(writes_, [&] {
        try {
          begin_.run();
          const LogTrimmed trimmed = trimmer_.trim(limits);
          commit_.run();
          return trimmed;
        } catch (...) {
          roll_back();
          throw;
        }
      }));
    });
  }

 private:
  struct Append {
    std::vector<LogChunk> chunks;
    Callback<Outcome<Done>> done;
  };

  // Every task writes whatever waits: under load many appends share one fsync.
  void write_waiting() {
    std::vector<Append> appends;
    {
      const std::scoped_lock lock(mutex_);
      std::size_t chunks = 0;
      while (!waiting_.empty() && chunks < kChunksATransaction) {
        chunks += waiting_.front().chunks.size() + 1;
        appends.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
    }
    if (appends.empty()) {
      return;
    }
    const auto together = write_patiently(appends);
    if (together || together.problem().code != ProblemCode::store_refused) {
      for (const Append& append : appends) {
        append.done(together);
      }
      return;
    }
    // One of them is refused: each stands for itself (I8).
    for (const Append& append : appends) {
      append.done(write_patiently({&append, 1}));
    }
  }

  Outcome<Done> write_patiently(std::span<const Append> appends) {
    return sqlite::patiently<Done>(writes_, [&] {
      try {
        return write(appends);
      } catch (...) {
        roll_back();
        throw;
      }
    });
  }

  Done write(std::span<const Append> appends) {
    begin_.run();
    for (const Append& append : appends) {
      for (const LogChunk& chunk : append.chunks) {
        for (const PackedChunk& piece : pack(chunk)) {
          auto row = insert_chunk_.with(piece.run.value, piece.attempt, piece.first, piece.count,
                                        static_cast<int>(piece.worst));
          row.bind_blob(piece.lines);
          row.step();
        }
      }
    }
    crash_point("log_before_commit");
    commit_.run();
    crash_point("log_after_commit");
    return {};
  }

  void roll_back() {
    if (sqlite3_get_autocommit(connection_->raw()) == 0) {
      try {
        rollback_.run();
      } catch (const SqliteError&) {
        // Nothing is committed; the next BEGIN meets the same trouble and says so.
      }
    }
  }

  void checkpoint() {
    sqlite3_wal_checkpoint_v2(connection_->raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                              nullptr);
  }

  const SqliteLogOptions options_;
  // The writer thread's own.
  const std::unique_ptr<Connection> connection_;
  Statement begin_, commit_, rollback_, insert_chunk_;
  LogTrimmer trimmer_;
  // The read thread's own, made at its first read.
  std::optional<LogReader> reader_;
  std::mutex mutex_;
  std::deque<Append> waiting_;  // guarded by mutex_
  // Last, so that they are joined before what their tasks use goes.
  WorkQueue reads_;
  WorkQueue writes_;
};

}  // namespace

Outcome<std::unique_ptr<LogStore>> open_sqlite_log_store(const std::string& path,
                                                         SqliteLogOptions options) {
  try {
    auto connection = std::make_unique<Connection>(path, true);
    if (auto version = sqlite::recognise(*connection, sqlite::kLogSchema); !version) {
      return version.problem();
    }
    sqlite::set_writer_pragmas(*connection, options.durability == Durability::fsync,
                               options.writer_cache_kib);
    if (auto migrated = sqlite::migrate(*connection, sqlite::kLogSchema, [] {}); !migrated) {
      return migrated.problem();
    }
    return std::unique_ptr<LogStore>(
        std::make_unique<SqliteLogStore>(std::move(connection), options));
  } catch (const SqliteError& error) {
    return sqlite::cannot_open(error, path);
  }
}

}  // namespace jobflow::store
