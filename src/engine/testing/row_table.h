// The rows a store would hold for one shard, in memory: changes go in, images and reads come out.
// A test's own; it refuses what the schema refuses, so that no decision asks for the impossible.
#pragma once

#include "model/change.h"
#include "model/image.h"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace jobflow::engine::testing {

struct RowTable {
  int shard_count = 1;
  std::map<Id, RunRow> runs;
  std::map<std::pair<Id, int>, AttemptRow> attempts;
  std::map<std::pair<Id, int>, DefinitionRow> revisions;
  std::map<Id, int> current;  // each definition's newest revision
  std::map<Id, TriggerRow> triggers;
  std::map<std::pair<Id, Instant>, SkippedFiringRow> skipped;
  std::map<std::pair<Id, std::string>, IdempotencyRow> keys;
  std::map<Id, CommandRow> commands;
  std::map<std::pair<ShardNumber, Id>, LetterRow> letters;  // by (to, number)
  std::map<ShardNumber, LetterMarkRow> marks;               // by sender
  std::set<std::pair<Id, Id>> watches;                      // (run, watcher)
  std::map<Id, FollowRow> follows;                          // by trigger
  std::map<Id, PermitRow> permits;                          // by ask
  std::map<Id, HoldRow> holds;                              // by ask
  std::map<Id, BackfillRow> backfills;

  // Why a store would refuse it, or "".
  std::string apply(const Change& change);

  // What a new owner would load. `last_id` and `batch` are the caller's to know. `with_sleepers`:
  // definitions that a store would leave to be read later, too.
  std::set<Id> loaded(bool with_sleepers) const;
  ShardImage image(ShardNumber shard,
                   Id last_id,
                   std::int64_t batch,
                   bool with_sleepers = true) const;
  CommandRows read(const CommandReads& reads, std::int64_t batch) const;

  bool is_deleted(Id definition) const;

 private:
  void list(Id id, std::vector<DefinitionRow>& definitions, std::vector<TriggerRow>& of_them) const;
  void read_sleepers(const CommandReads& reads, CommandRows& rows) const;
  std::string write(const InsertRun& insert);
  std::string write(const UpdateRun& update);
  std::string write(const InsertAttempt& insert);
  std::string write(const SaveRevision& save);
  std::string write(const SaveTrigger& save);
  std::string write(const AdvanceTrigger& advance);
  std::string write(const DeleteTrigger& gone);
  std::string write(const SaveSkippedFiring& firing);
  std::string write(const InsertBackfill& insert);
  std::string write(const AdvanceBackfill& advance);
  std::string write(const InsertIdempotency& insert);
  std::string write(const InsertCommand& insert);
  std::string write(const InsertLetter& insert);
  std::string write(const DeleteLetters& gone);
  std::string write(const MarkLetter& mark);
  std::string write(const SaveWatch& save);
  std::string write(const DeleteWatch& gone);
  std::string write(const SaveFollow& save);
  std::string write(const DeleteFollow& gone);
  std::string write(const SavePermit& save);
  std::string write(const DeletePermit& gone);
  std::string write(const SaveHold& save);
  std::string write(const DeleteHold& gone);
};

}  // namespace jobflow::engine::testing
