// A store in memory with real transactions: for simulations, tests and trials. What it holds dies
// with the process. Several stores may share one database, as several processes share a file.
#pragma once

#include "store/log_store.h"
#include "store/store.h"

#include <functional>
#include <memory>

namespace jobflow::store {

// The shared contents. Thread-safe.
class MemoryDatabase;
std::shared_ptr<MemoryDatabase> make_memory_database(int shard_count = kShardsDefault);
// What it holds now, in another one: what a stand-by has when it is promoted before it has heard
// the last commits.
std::shared_ptr<MemoryDatabase> copy_memory_database(MemoryDatabase& database);
// As a failover to a copy that lags would: what came after it was made is lost.
void go_back_to(MemoryDatabase& database, MemoryDatabase& copy);

// How a store runs its work, callback included. Unset: at once, inside the verb, so that a
// single-threaded simulation decides the order; it may post to its own queue instead.
using Post = std::function<void(std::function<void()>)>;

std::unique_ptr<Store> make_memory_store(std::shared_ptr<MemoryDatabase> database, Post post = {});
inline std::unique_ptr<Store> make_memory_store(int shard_count = kShardsDefault, Post post = {}) {
  return make_memory_store(make_memory_database(shard_count), std::move(post));
}

std::unique_ptr<LogStore> make_memory_log_store(Post post = {});

}  // namespace jobflow::store
