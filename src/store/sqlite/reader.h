// The store's reads on one connection. Not thread-safe: one thread of the pool at a time. Throws
// SqliteError.
#pragma once

#include "model/event.h"
#include "store/sqlite/connection.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace jobflow::store::sqlite {

class Reader {
 public:
  Reader(const std::string& path, int cache_kib, int shard_count);

  ClusterImage cluster();
  ShardImage load_shard(std::int64_t member, ShardNumber shard);
  CommandRows read_for_command(std::int64_t member, const CommandReads& reads);
  std::optional<RunAt> read_run(Id run);
  std::vector<RunRow> list_runs(const RunFilter& filter);
  std::vector<AttemptRow> list_attempts(Id run);
  std::vector<DefinitionRow> list_definitions(const DefinitionFilter& filter);
  std::vector<TriggerRow> list_triggers(Id definition);
  Firings list_firings(const FiringFilter& filter);
  std::vector<BackfillRow> list_backfills(const BackfillFilter& filter);
  PermitUse list_permits(const PermitFilter& filter);
  Outcome<std::vector<JournalPart>> read_journal(ShardNumber source, std::int64_t from, int rows);
  std::vector<TokenRow> list_tokens();
  std::vector<CalendarRow> list_calendars(const CalendarFilter& filter);

 private:
  class Snapshot;

  void read_revisions_of(const std::vector<RunRow>& runs,
                         bool current_too,
                         std::vector<DefinitionRow>& revisions);
  void read_letters(ShardImage& image);
  template <class Rows>
  void read_awake(const std::set<Id>& ids, Rows& into);
  void read_sleepers(const CommandReads& reads, CommandRows& rows);
  std::optional<RunRow> one_run(Id run);
  std::int64_t batch_of(std::int64_t member);
  std::vector<RunRow> runs_of_one_or_all(const RunFilter& filter, std::uint32_t states);
  std::optional<std::vector<Id>> few_ids_of(const std::string& name_space);
  std::vector<RunRow> runs_by_state(const RunFilter& filter, std::uint32_t states);
  std::vector<RunRow> runs_in_order(const RunFilter& filter, std::uint32_t states);

  Connection connection_;
  const int shard_count_;
  Statement begin_, end_, member_, newest_journal_, owner_of_shard_;
  Statement setting_, list_members_, list_shards_;
  Statement current_definition_, id_of_name_, definition_of_trigger_, triggers_due_;
  Statement triggers_following_, live_runs_of_shard_, steps_of_run_;
  Statement definition_head_, revision_, idempotency_key_, command_, last_command_, run_;
  Statement runs_newest_, runs_of_kind_newest_, runs_of_definition_, runs_of_parent_, runs_live_;
  Statement runs_ended_badly_, runs_of_definition_ended_badly_, attempts_of_run_;
  Statement definitions_, definitions_of_name_space_, ids_of_name_space_, definitions_of_name_;
  Statement triggers_of_definition_, skipped_firings_of_trigger_, runs_of_trigger_;
  Statement backfills_of_shard_, backfills_, backfills_of_trigger_;
  Statement journal_row_at_, journal_rows_, tokens_, last_calendar_, calendars_;
  Statement letters_of_shard_, marks_of_shard_, watches_of_shard_, follows_of_shard_;
  Statement permits_of_shard_, holds_of_shard_, permits_of_semaphore_, permit_counts_;
};

}  // namespace jobflow::store::sqlite
