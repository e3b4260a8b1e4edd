// Opening a database file: its pragmas, whose file it is, and its numbered migrations.
#pragma once

#include "model/outcome.h"
#include "store/sqlite/connection.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace jobflow::store::sqlite {

// What kind of file: the application_id in its header tells it from other people's databases.
struct Schema {
  std::string_view what;        // "state store", for messages
  std::string_view migrations;  // folder of the migrations
  std::int64_t application_id = 0;
};
inline constexpr Schema kStateSchema{"state store", "migrations", 0x4a4f4246};
inline constexpr Schema kLogSchema{"log store", "log_migrations", 0x4a4f424c};

// Sets the pragmas of a writing connection; only the first connection to a new file shapes it.
void set_writer_pragmas(Connection& connection, bool fsync, int cache_kib);
void set_reader_pragmas(Connection& connection, int cache_kib);

// The file's schema version, 0 for a new file; changes nothing. Refuses (incompatible) a newer
// schema and a file that is somebody else's.
Outcome<int> recognise(Connection& connection, const Schema& schema);

// Brings the file to the newest schema, one transaction a migration: after a crash it is at the
// old or at the new one. `created` runs in the first migration's transaction, for a new file.
Outcome<Done> migrate(Connection& connection,
                      const Schema& schema,
                      const std::function<void()>& created);

// The newest schema this binary knows.
int newest_schema_version(const Schema& schema);

}  // namespace jobflow::store::sqlite
