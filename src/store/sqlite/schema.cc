#include "store/sqlite/schema.h"

#include "model/crash_point.h"
#include "store/sqlite/statements.h"

namespace jobflow::store::sqlite {
namespace {

// The WAL grows this far under load before a commit also copies it into the file (pages of 4 KiB).
// Hot pages are then copied once for many commits.
constexpr const char* kCheckpointPages = "PRAGMA wal_autocheckpoint = 8192";

Problem foreign_file(const Connection& connection, const Schema& schema) {
  return Problem{ProblemCode::incompatible,
                 connection.path() + " is a SQLite database, but not a jobflow " +
                     std::string(schema.what) + "; name another file or folder"};
}

Problem newer_schema(const Connection& connection, const Schema& schema, std::int64_t found) {
  return Problem{ProblemCode::incompatible,
                 connection.path() + " has schema version " + std::to_string(found) + " of the " +
                     std::string(schema.what) + ", this program knows up to " +
                     std::to_string(newest_schema_version(schema)) +
                     "; start the newer jobflow that wrote it, or restore a backup made before "
                     "the upgrade"};
}

// Runs a migration's statements one by one, so that a test can die between two of them.
void run_statements(Connection& connection, std::string_view text) {
  const char* rest = text.data();
  const char* const end = text.data() + text.size();
  bool first = true;
  while (rest != end) {
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    const auto left = static_cast<int>(end - rest);
    if (sqlite3_prepare_v2(connection.raw(), rest, left, &statement, &tail) != SQLITE_OK) {
      connection.fail();
    }
    rest = tail;
    if (statement == nullptr) {
      continue;  // a comment or blanks
    }
    sqlite3_step(statement);
    if (sqlite3_finalize(statement) != SQLITE_OK) {
      connection.fail();
    }
    if (first) {
      crash_point("mid_migration");
      first = false;
    }
  }
}

}  // namespace

void set_writer_pragmas(Connection& connection, bool fsync, int cache_kib) {
  connection.run("PRAGMA journal_mode = WAL");
  connection.run(fsync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
  connection.run(kCheckpointPages);
  // A WAL that grew past that under some long read shrinks again.
  connection.run("PRAGMA journal_size_limit = 67108864");
  connection.run("PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY");
  connection.run(("PRAGMA cache_size = -" + std::to_string(cache_kib)).c_str());
}

void set_reader_pragmas(Connection& connection, int cache_kib) {
  connection.run("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY");
  connection.run(("PRAGMA cache_size = -" + std::to_string(cache_kib)).c_str());
}

Outcome<int> recognise(Connection& connection, const Schema& schema) {
  const auto version = connection.number("PRAGMA user_version");
  const auto owner = connection.number("PRAGMA application_id");
  const bool empty = connection.number("SELECT count(*) FROM sqlite_schema") == 0;
  if (owner != schema.application_id && (owner != 0 || version != 0 || !empty)) {
    return foreign_file(connection, schema);
  }
  if (version > newest_schema_version(schema)) {
    return newer_schema(connection, schema, version);
  }
  return static_cast<int>(version);
}

Outcome<Done> migrate(Connection& connection,
                      const Schema& schema,
                      const std::function<void()>& created) {
  const auto migrations = migrations_in(schema.migrations);
  auto version = recognise(connection, schema);
  while (version && *version < static_cast<int>(migrations.size())) {
    connection.run("BEGIN IMMEDIATE");
    version = recognise(connection, schema);  // another process may have been faster
    if (!version || *version == static_cast<int>(migrations.size())) {
      connection.run("ROLLBACK");
      break;
    }
    const Migration& next = migrations[static_cast<std::size_t>(*version)];
    run_statements(connection, next.text);
    if (*version == 0) {
      connection.run(("PRAGMA application_id = " + std::to_string(schema.application_id)).c_str());
      created();
    }
    connection.run(("PRAGMA user_version = " + std::to_string(next.version)).c_str());
    connection.run("COMMIT");
    version = next.version;
  }
  return version ? Outcome<Done>(Done{}) : Outcome<Done>(version.problem());
}

int newest_schema_version(const Schema& schema) {
  return static_cast<int>(migrations_in(schema.migrations).size());
}

}  // namespace jobflow::store::sqlite
