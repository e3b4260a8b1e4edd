// The tables of the memory store and the transaction over them. Not thread-safe: the database's
// mutex guards them.
#pragma once

#include "model/cluster.h"
#include "model/event.h"
#include "store/journal_volume.h"
#include "store/row_writes.h"
#include "store/store.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace jobflow::store::memory {

struct JournalRow {
  Id last_id;
  Instant time;
  std::vector<Event> events;
};

struct Definition {
  DefinitionRow head;  // its document is unused
  std::map<int, DefinitionRow> revisions;
};

struct Tables {
  std::map<std::int64_t, MemberRow> members;
  std::map<ShardNumber, ShardOwner> shards;
  std::int64_t generation = 1;
  std::map<ShardNumber, std::map<std::int64_t, JournalRow>> journal;  // by first number
  std::map<Id, RunRow> runs;
  std::map<Id, std::set<Id>> steps;                 // by parent
  std::map<ShardNumber, std::set<Id>> live_runs;    // by shard
  std::set<std::tuple<Instant, Id, Id>> occasions;  // of triggers: one run each (I2)
  std::map<std::pair<Id, int>, AttemptRow> attempts;
  std::map<Id, Definition> definitions;
  std::map<std::tuple<std::string, std::string, DefinitionKind>, Id> names;  // not deleted ones
  std::map<Id, TriggerRow> triggers;
  std::map<std::pair<Id, std::string>, Id> trigger_names;  // by (definition, name)
  std::set<std::pair<ShardNumber, DuePlace>> due;          // of active triggers
  std::map<std::pair<Id, Instant>, SkippedFiringRow> skipped;
  std::map<Id, BackfillRow> backfills;
  std::map<std::pair<Id, std::string>, IdempotencyRow> keys;
  std::map<Id, CommandRow> commands;
  std::map<Id, TokenRow> tokens;
  std::map<std::int64_t, CalendarRow> calendars;                          // by number
  std::map<std::pair<std::string, std::string>, int> calendar_revisions;  // the newest, by name
  std::map<std::tuple<ShardNumber, ShardNumber, Id>, LetterRow> letters;  // (from, to, number)
  std::map<std::pair<ShardNumber, ShardNumber>, LetterMarkRow> marks;     // (to, from)
  std::map<ShardNumber, std::set<std::pair<Id, Id>>> watches;  // (run, watcher), by run's shard
  std::map<std::pair<ShardNumber, Id>, FollowRow> follows;     // by (shard, trigger)
  std::map<std::pair<ShardNumber, Id>, PermitRow> permits;     // by (shard, ask)
  std::map<std::pair<ShardNumber, Id>, HoldRow> holds;         // by (the ask's shard, ask)
  std::int64_t rows_written = 0;
  JournalVolume journal_volume;
};

// A row that can never be written: thrown inside a transaction, caught at its root.
struct Refusal {
  std::string why;
};

// Applies changes and remembers how to take each back; takes all of them back unless committed.
class Transaction {
 public:
  explicit Transaction(Tables& tables) : tables_(tables) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void raise_batch(MemberRow& member);
  // False when something in it is no longer as it was seen.
  bool place(MemberRow& writer, const Placement& placement);
  void hand_over(const ShardPart& part);
  void write_runs(const Batch& batch);
  void write(const Change& change);
  // False when the journal does not end just before the part begins.
  bool write_journal(const Batch& batch, const ShardPart& part);
  void commit() { undo_.clear(); }

 private:
  template <class Map>
  void put(Map& map, const typename Map::key_type& key, typename Map::mapped_type value);
  template <class Map>
  void drop(Map& map, const typename Map::key_type& key);
  template <class Set>
  void add(Set& set, const typename Set::value_type& value);
  template <class Set>
  void remove(Set& set, const typename Set::value_type& value);
  void write_run(const RunWrite& write);
  void save_revision(const DefinitionRow& row);
  void save_trigger(const TriggerRow& row);
  void put_trigger(const TriggerRow& row);
  void drop_trigger(Id trigger);
  void drop_trigger_name(Id trigger);
  void write_letters(const Change& change);
  void write_permits(const Change& change);

  Tables& tables_;
  std::vector<std::function<void()>> undo_;
};

}  // namespace jobflow::store::memory
