// One batch as one transaction: the fence first, then every row, then the journal (I1a, I1b).
// Owned by the writer thread.
#pragma once

#include "store/batch.h"
#include "store/journal_volume.h"
#include "store/row_writes.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/statements.h"

#include <string>
#include <vector>

namespace jobflow::store::sqlite {

class Committer {
 public:
  explicit Committer(Connection& connection);

  // Never throws and never leaves a transaction open; BUSY comes back as `retry`.
  CommitAnswer commit(const Batch& batch);
  // Rolls back whatever is open.
  void rollback();
  JournalVolume& journal_volume() { return volume_; }

 private:
  CommitAnswer write(const Batch& batch);
  CommitAnswer not_fenced_in(const Batch& batch);
  CommitAnswer not_of_this_history(const Batch& batch);
  void write_change(const Change& change);
  void write_letters(const Change& change);
  void write_runs(const Batch& batch);
  bool write_journal(const Batch& batch, const ShardPart& part);
  bool owns(const Batch& batch, const ShardPart& part);
  void write_permits(const Change& change);
  bool place(const Batch& batch, const Placement& placement);

  Connection& connection_;
  Statement begin_, commit_, rollback_, fence_, member_, setting_;
  Statement insert_run_, update_run_, insert_attempt_;
  Statement save_definition_, save_revision_;
  Statement save_trigger_, advance_trigger_, delete_trigger_;
  Statement insert_backfill_, advance_backfill_;
  Statement save_skipped_, insert_key_, insert_command_;
  Statement insert_letter_, delete_letters_, mark_letter_, save_watch_, delete_watch_;
  Statement save_follow_, delete_follow_;
  Statement save_permit_, delete_permit_, save_hold_, delete_hold_;
  Statement owner_of_shard_, hand_over_;
  Statement revoke_, move_shard_, set_member_state_, raise_generation_;
  Statement newest_journal_, insert_journal_, replace_journal_;
  std::vector<RunWrite> run_writes_;
  JournalVolume volume_;
};

// The keys of a source in the journal: source << 45 | number.
inline constexpr int kJournalNumberBits = 45;
constexpr std::int64_t journal_key(ShardNumber source, std::int64_t number) {
  return (static_cast<std::int64_t>(source) << kJournalNumberBits) | number;
}
constexpr std::int64_t journal_number(std::int64_t key) {
  return key & ((std::int64_t{1} << kJournalNumberBits) - 1);
}
inline constexpr std::int64_t kJournalLastNumber = (std::int64_t{1} << kJournalNumberBits) - 1;

}  // namespace jobflow::store::sqlite
