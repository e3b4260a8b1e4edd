// The state store on one SQLite file: WAL, fsync before every answer, one writer thread with its
// own connection, two threads with connections for reads. Another process may hold the same file:
// the terms of the member rows decide who writes (I1).
#pragma once

#include "store/log_store.h"
#include "store/store.h"

#include <memory>
#include <string>

namespace jobflow::store {

// fsync: what is answered survives power loss (S1.5). os: only the death of processes; for benches.
enum class Durability : unsigned char { fsync, os };

struct SqliteOptions {
  int shard_count = kShardsDefault;  // chosen when the file is made; an existing file keeps its own
  Durability durability = Durability::fsync;
  int read_threads = 2;
  int writer_cache_kib = 16 * 1024;  // grows to that under load
  int reader_cache_kib = 4 * 1024;   // each
};

// Opens the file, makes it when it is not there, and brings it to the newest schema. Problems:
// incompatible (a newer schema, not our database), unavailable (folder, disk, rights, memory).
Outcome<std::unique_ptr<Store>> open_sqlite_store(const std::string& path,
                                                  SqliteOptions options = {});

struct SqliteLogOptions {
  Durability durability = Durability::fsync;
  int writer_cache_kib = 4 * 1024;
  int reader_cache_kib = 2 * 1024;
};
Outcome<std::unique_ptr<LogStore>> open_sqlite_log_store(const std::string& path,
                                                         SqliteLogOptions options = {});

}  // namespace jobflow::store
