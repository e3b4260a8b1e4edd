#include "store/memory/memory_store.h"

#include "store/memory/memory_calendars.h"
#include "store/memory/memory_tables.h"
#include "store/row_rules.h"

#include <algorithm>
#include <mutex>
#include <ranges>

namespace jobflow::store {

class MemoryDatabase {
 public:
  explicit MemoryDatabase(int shard_count) {
    facts_ = StoreFacts{.kind = "memory",
                        .cluster_id = "memory",
                        .shard_count = shard_count,
                        .schema_version = 1,
                        .voided_promises = {"S1.5: the memory store forgets everything when the "
                                            "server ends"}};
    for (int shard = 0; shard < shard_count; ++shard) {
      const auto number = static_cast<ShardNumber>(shard);
      tables_.shards[number] = {.shard = number};
    }
  }

  explicit MemoryDatabase(MemoryDatabase& other) : facts_(other.facts_) {
    const std::scoped_lock lock(other.mutex_);
    tables_ = other.tables_;
  }

  const StoreFacts& facts() const { return facts_; }

  // Runs `work(tables)` alone.
  template <class Work>
  auto with(const Work& work) {
    const std::scoped_lock lock(mutex_);
    return work(tables_);
  }

 private:
  StoreFacts facts_;
  std::mutex mutex_;
  memory::Tables tables_;  // guarded by mutex_
};

namespace {

using memory::Tables;

Ticket join_as(Tables& tables, const JoinRequest& request) {
  const auto known = std::ranges::find_if(
      tables.members, [&](const auto& entry) { return entry.second.name == request.name; });
  const std::int64_t id = known != tables.members.end() ? known->first
                          : tables.members.empty()      ? 1
                                                        : tables.members.rbegin()->first + 1;
  MemberRow& member = tables.members[id];
  member.id = id;
  member.name = request.name;
  member.term += 1;
  member.state = MemberState::active;
  member.address = request.address;
  tables.rows_written += 1;
  if (request.alone) {
    for (auto& [number, shard] : tables.shards) {
      shard.owner = id;
      shard.epoch += 1;
    }
    tables.rows_written += static_cast<std::int64_t>(tables.shards.size());
  }
  return {member.id, member.term, member.batch};
}

ClusterImage cluster_of(const Tables& tables) {
  ClusterImage image{.generation = tables.generation, .members = {}, .shards = {}};
  for (const auto& [id, member] : tables.members) {
    image.members.push_back(member);
  }
  for (const auto& [number, shard] : tables.shards) {
    image.shards.push_back(shard);
  }
  if (!tables.calendars.empty()) {
    image.calendars = tables.calendars.rbegin()->first;
  }
  return image;
}

// Whether every part is of a shard that the batch's member owns in that epoch; its own events have
// a source of their own.
bool owns_all(const Tables& tables, const Batch& batch) {
  return std::ranges::all_of(batch.parts, [&](const ShardPart& part) {
    const auto shard = tables.shards.find(part.shard);
    return shard == tables.shards.end() ||
           (shard->second.owner == batch.member && shard->second.epoch == part.epoch);
  });
}

CommitAnswer commit_to(Tables& tables, const Batch& batch) {
  const auto found = tables.members.find(batch.member);
  if (found == tables.members.end()) {
    return {CommitResult::fenced, "the store knows no member " + std::to_string(batch.member)};
  }
  MemberRow& member = found->second;
  if (member.term != batch.term) {
    return {CommitResult::fenced, "term " + std::to_string(member.term) + " took over"};
  }
  if (member.state == MemberState::gone) {
    return {CommitResult::fenced, "the member was declared gone"};
  }
  if (member.batch != batch.number - 1) {
    return member.batch == batch.number
               ? CommitAnswer{CommitResult::landed, "an earlier sending landed"}
               : CommitAnswer{CommitResult::history_changed,
                              "the store holds batch " + std::to_string(member.batch)};
  }
  if (batch.generation != 0 && batch.generation != tables.generation) {
    return {batch.generation < tables.generation ? CommitResult::old_generation
                                                 : CommitResult::history_changed,
            "the store is in generation " + std::to_string(tables.generation)};
  }
  if (!owns_all(tables, batch)) {
    return {CommitResult::history_changed, "a shard of this batch is not this member's"};
  }
  memory::Transaction transaction(tables);
  const std::int64_t rows_before = tables.rows_written;
  try {
    transaction.raise_batch(member);
    for (const ShardPart& part : batch.parts) {
      for (const Change& change : part.changes) {
        transaction.write(change);
      }
    }
    transaction.write_runs(batch);
    for (const ShardPart& part : batch.parts) {
      if (!transaction.write_journal(batch, part)) {
        tables.rows_written = rows_before + 1;
        return {CommitResult::history_changed, "the journal of shard " +
                                                   std::to_string(part.journal.source) +
                                                   " does not end where this member left it"};
      }
      transaction.hand_over(part);
    }
    if (batch.placement && !transaction.place(member, *batch.placement)) {
      tables.rows_written = rows_before + 1;
      return {CommitResult::not_as_seen, "the cluster is not as this member saw it"};
    }
  } catch (const memory::Refusal& refusal) {
    tables.rows_written = rows_before + 1;
    return {CommitResult::refused, refusal.why};
  }
  transaction.commit();
  return {CommitResult::landed, {}};
}

int trim_tables(Tables& tables, const TrimLimits& limits) {
  int gone = 0;
  const Instant before =
      tables.journal_volume.trim_before(limits.journal_before, limits.journal_bytes);
  for (auto& [source, rows] : tables.journal) {
    while (gone < limits.rows && rows.size() > 1 && rows.begin()->second.time < before) {
      rows.erase(rows.begin());
      ++gone;
    }
  }
  const auto journal_rows = gone;
  std::erase_if(tables.keys, [&](const auto& entry) {
    const bool expired =
        entry.second.expires <= limits.keys_expired_at && gone - journal_rows < limits.rows;
    gone += expired ? 1 : 0;
    return expired;
  });
  const Id kept_from = commands_kept_from(limits);
  for (int left = limits.rows;
       left > 0 && !tables.commands.empty() && tables.commands.begin()->first < kept_from; --left) {
    tables.commands.erase(tables.commands.begin());
    ++gone;
  }
  tables.rows_written += gone;
  return gone;
}

std::int64_t batch_of(const Tables& tables, std::int64_t member) {
  const auto row = tables.members.find(member);
  return row == tables.members.end() ? 0 : row->second.batch;
}

std::int64_t newest_number(const Tables& tables, ShardNumber source) {
  const auto found = tables.journal.find(source);
  if (found == tables.journal.end() || found->second.empty()) {
    return 0;
  }
  const auto& [first, row] = *found->second.rbegin();
  return first + static_cast<std::int64_t>(row.events.size()) - 1;
}

std::vector<RunRow> steps_of(const Tables& tables, Id parent, bool ended_only) {
  std::vector<RunRow> steps;
  if (const auto found = tables.steps.find(parent); found != tables.steps.end()) {
    for (const Id id : found->second) {
      const RunRow& run = tables.runs.at(id);
      if (!ended_only || is_final(run.progress.state)) {
        steps.push_back(run);
      }
    }
  }
  return steps;
}

// Each revision once. Without `current_too`: only those a shard's list of definitions lacks.
std::vector<DefinitionRow> revisions_of(const Tables& tables,
                                        const std::vector<RunRow>& runs,
                                        bool current_too) {
  std::set<std::pair<Id, int>> used;
  for (const RunRow& run : runs) {
    used.emplace(run.definition, run.revision);
  }
  std::vector<DefinitionRow> revisions;
  for (const auto& [id, revision] : used) {
    const auto definition = tables.definitions.find(id);
    if (definition == tables.definitions.end()) {
      continue;
    }
    const DefinitionRow& head = definition->second.head;
    const auto row = definition->second.revisions.find(revision);
    const bool listed = head.revision == revision && !head.deleted;
    if (row != definition->second.revisions.end() && (current_too || !listed)) {
      revisions.push_back(row->second);
    }
  }
  return revisions;
}

// A definition's triggers, by id.
std::vector<TriggerRow> triggers_of(const Tables& tables, Id definition) {
  std::vector<TriggerRow> triggers;
  for (auto at = tables.trigger_names.lower_bound({definition, ""});
       at != tables.trigger_names.end() && at->first.first == definition; ++at) {
    triggers.push_back(tables.triggers.at(at->second));
  }
  std::ranges::sort(triggers, {}, &TriggerRow::id);
  return triggers;
}

// Definitions as they are now, and all their triggers.
template <class Rows>
void read_awake(const Tables& tables, const std::set<Id>& ids, Rows& into) {
  for (const Id id : ids) {
    const auto found = tables.definitions.find(id);
    if (found != tables.definitions.end() && !found->second.head.deleted) {
      into.definitions.push_back(found->second.revisions.at(found->second.head.revision));
      std::ranges::move(triggers_of(tables, id), std::back_inserter(into.triggers));
    }
  }
}

void read_sleepers(const Tables& tables, const CommandReads& reads, CommandRows& rows) {
  std::set<Id> ids;
  for (const DefinitionKey& key : reads.definitions) {
    ids.insert(key.id);  // the definition's own, or
    if (const auto trigger = tables.triggers.find(key.id); trigger != tables.triggers.end()) {
      ids.insert(trigger->second.definition);
    }
    const auto named = tables.names.find({key.name_space, key.name, key.kind});
    if (!key.id.is_set() && named != tables.names.end()) {
      ids.insert(named->second);
    }
  }
  if (reads.due) {
    rows.due_up_to = {reads.due->until, Id{INT64_MAX}};
    int found = 0;
    for (auto at = tables.due.upper_bound({reads.due->shard, reads.due->after});
         at != tables.due.end() && at->first == reads.due->shard && at->second <= rows.due_up_to;
         ++at) {
      ids.insert(tables.triggers.at(at->second.trigger).definition);
      if (++found == limits::kLookAheadTriggers) {
        rows.due_up_to = at->second;
      }
    }
  }
  read_awake(tables, ids, rows);
}

// What of its letters with others a shard has to remember.
void read_letters(const Tables& tables, ShardNumber shard, ShardImage& image) {
  for (auto at = tables.letters.lower_bound({shard, 0, Id{}});
       at != tables.letters.end() && at->second.from == shard; ++at) {
    image.letters.push_back(at->second);
  }
  for (auto at = tables.marks.lower_bound({shard, 0});
       at != tables.marks.end() && at->second.to == shard; ++at) {
    image.marks.push_back(at->second);
  }
  if (const auto watches = tables.watches.find(shard); watches != tables.watches.end()) {
    for (const auto& [run, watcher] : watches->second) {
      image.watches.push_back({.run = run, .watcher = watcher});
    }
  }
  for (auto at = tables.follows.lower_bound({shard, Id{}});
       at != tables.follows.end() && at->first.first == shard; ++at) {
    image.follows.push_back(at->second);
  }
  for (auto at = tables.permits.lower_bound({shard, Id{}});
       at != tables.permits.end() && at->first.first == shard; ++at) {
    image.permits.push_back(at->second);
  }
  for (auto at = tables.holds.lower_bound({shard, Id{}});
       at != tables.holds.end() && at->first.first == shard; ++at) {
    image.holds.push_back(at->second);
  }
}

PermitUse permits_of(const Tables& tables, const PermitFilter& filter) {
  PermitUse use;
  for (auto at = tables.permits.lower_bound({filter.shard, Id{}});
       at != tables.permits.end() && at->first.first == filter.shard; ++at) {
    const PermitRow& row = at->second;
    if (row.name_space == filter.name_space && row.semaphore == filter.semaphore) {
      (row.granted.is_set() ? use.held : use.waiting) += 1;
      use.rows.push_back(row);
    }
  }
  std::ranges::stable_partition(use.rows,
                                [](const PermitRow& row) { return row.granted.is_set(); });
  if (use.rows.size() > static_cast<std::size_t>(filter.limit)) {
    use.rows.resize(static_cast<std::size_t>(filter.limit));
  }
  return use;
}

ShardImage image_of(const Tables& tables, std::int64_t member, ShardNumber shard) {
  ShardImage image{.shard = shard,
                   .next_event = newest_number(tables, shard) + 1,
                   .batch = batch_of(tables, member),
                   .shard_count = static_cast<int>(tables.shards.size())};
  if (const auto owner = tables.shards.find(shard); owner != tables.shards.end()) {
    image.owner = owner->second.owner;
    image.epoch = owner->second.epoch;
  }
  if (const auto rows = tables.journal.find(shard);
      rows != tables.journal.end() && !rows->second.empty()) {
    image.last_id = rows->second.rbegin()->second.last_id;
  }
  if (!tables.commands.empty()) {
    image.last_command = tables.commands.rbegin()->first;
  }
  std::set<Id> awake;
  if (const auto live = tables.live_runs.find(shard); live != tables.live_runs.end()) {
    for (const Id id : live->second) {
      image.live_runs.push_back(tables.runs.at(id));
      awake.insert(image.live_runs.back().definition);
      if (image.live_runs.back().kind == RunKind::workflow) {
        std::ranges::move(steps_of(tables, id, true), std::back_inserter(image.ended_steps));
      }
    }
  }
  std::ranges::sort(image.ended_steps, {}, &RunRow::id);
  for (const auto& [id, trigger] : tables.triggers) {
    if (id.shard() == shard && trigger.progress.follow.is_set()) {
      awake.insert(trigger.definition);
    }
  }
  for (const auto& [id, backfill] : tables.backfills) {
    if (id.shard() == shard && !is_final(backfill.progress.state)) {
      image.backfills.push_back(backfill);
      awake.insert(backfill.definition);
    }
  }
  read_awake(tables, awake, image);
  image.old_revisions = revisions_of(tables, image.live_runs, false);
  read_letters(tables, shard, image);
  return image;
}

CommandRows rows_for(const Tables& tables, std::int64_t member, const CommandReads& reads) {
  CommandRows rows{.batch = batch_of(tables, member)};
  for (const Id id : reads.runs) {
    const auto run = tables.runs.find(id);
    if (run == tables.runs.end()) {
      continue;
    }
    rows.runs.push_back(run->second);
    if (run->second.kind == RunKind::workflow) {
      std::ranges::move(steps_of(tables, id, false), std::back_inserter(rows.steps));
    }
  }
  std::ranges::sort(rows.steps, {}, &RunRow::id);
  std::vector<RunRow> users = rows.runs;
  users.insert(users.end(), rows.steps.begin(), rows.steps.end());
  rows.revisions = revisions_of(tables, users, true);
  for (const auto& key : reads.keys) {
    if (const auto row = tables.keys.find(key); row != tables.keys.end()) {
      rows.keys.push_back(row->second);
    }
  }
  for (const Id id : reads.commands) {
    if (const auto row = tables.commands.find(id); row != tables.commands.end()) {
      rows.commands.push_back(row->second);
    }
  }
  read_sleepers(tables, reads, rows);
  return rows;
}

bool is_of_name_space(const Tables& tables, const RunRow& run, const std::string& name_space) {
  const auto definition = tables.definitions.find(run.definition);
  return definition != tables.definitions.end() && definition->second.head.name_space == name_space;
}

std::vector<RunRow> page_of_runs(const Tables& tables, const RunFilter& filter) {
  const auto wanted = [&](const RunRow& run) {
    const bool steps = filter.parent || filter.with_steps || run.kind != RunKind::step;
    return steps && (!filter.parent || run.parent == *filter.parent) &&
           (!filter.definition || filter.parent || run.definition == *filter.definition) &&
           (!filter.name_space || filter.definition || filter.parent ||
            is_of_name_space(tables, run, *filter.name_space)) &&
           (filter.states.empty() ||
            std::ranges::find(filter.states, run.progress.state) != filter.states.end());
  };
  std::vector<RunRow> page;
  const auto end =
      filter.before.is_set() ? tables.runs.lower_bound(filter.before) : tables.runs.end();
  for (const auto& [id, run] :
       std::ranges::subrange(tables.runs.begin(), end) | std::views::reverse) {
    if (static_cast<int>(page.size()) >= filter.limit) {
      break;
    }
    if (wanted(run)) {
      page.push_back(run);
    }
  }
  return page;
}

std::vector<DefinitionRow> page_of_definitions(const Tables& tables,
                                               const DefinitionFilter& filter) {
  std::vector<DefinitionRow> page;
  for (auto at = tables.definitions.upper_bound(filter.after); at != tables.definitions.end();
       ++at) {
    const memory::Definition& definition = at->second;
    const int revision =
        filter.id && filter.revision != 0 ? filter.revision : definition.head.revision;
    const auto row = definition.revisions.find(revision);
    if (static_cast<int>(page.size()) >= filter.limit) {
      break;
    }
    if (row == definition.revisions.end() || (filter.id && at->first != *filter.id) ||
        (filter.kind && row->second.kind != *filter.kind) ||
        (filter.name_space && row->second.name_space != *filter.name_space) ||
        (filter.name && row->second.name != *filter.name) ||
        (row->second.deleted && !filter.with_deleted)) {
      continue;
    }
    page.push_back(row->second);
  }
  return page;
}

std::vector<BackfillRow> backfills_of(const Tables& tables, const BackfillFilter& filter) {
  std::vector<BackfillRow> found;
  for (auto at = tables.backfills.rbegin();
       at != tables.backfills.rend() && std::cmp_less(found.size(), filter.limit); ++at) {
    const BackfillRow& row = at->second;
    const bool is_one = (!filter.before.is_set() || row.id < filter.before) &&
                        (!filter.id || row.id == *filter.id) &&
                        (!filter.trigger || row.trigger == *filter.trigger) &&
                        (!filter.going_on || !is_final(row.progress.state));
    if (is_one) {
      found.push_back(row);
    }
  }
  return found;
}

Firings firings_of(const Tables& tables, const FiringFilter& filter) {
  Firings firings;
  const auto limit = static_cast<std::size_t>(filter.limit);
  const auto end =
      filter.runs_before.is_set() ? tables.runs.lower_bound(filter.runs_before) : tables.runs.end();
  for (const auto& [id, run] :
       std::ranges::subrange(tables.runs.begin(), end) | std::views::reverse) {
    if (run.trigger == filter.trigger && firings.ran.size() < limit) {
      firings.ran.push_back({id, run.planned, run.occasion, run.progress.state, run.backfilled});
    }
  }
  for (const auto& [key, row] : tables.skipped | std::views::reverse) {
    if (row.trigger == filter.trigger && row.from < filter.skipped_before &&
        firings.skipped.size() < limit) {
      firings.skipped.push_back(row);
    }
  }
  return firings;
}

std::vector<JournalPart> journal_from(const Tables& tables,
                                      ShardNumber source,
                                      std::int64_t from,
                                      int rows) {
  std::vector<JournalPart> parts;
  const auto journal = tables.journal.find(source);
  if (journal == tables.journal.end()) {
    return parts;
  }
  for (const auto& [first, row] : journal->second) {
    const auto end = first + static_cast<std::int64_t>(row.events.size());
    if (end > from && !row.events.empty() && static_cast<int>(parts.size()) < rows) {
      parts.push_back({source, first, row.events});
    }
  }
  return parts;
}

class MemoryStore final : public Store {
 public:
  MemoryStore(std::shared_ptr<MemoryDatabase> database, Post post)
      : database_(std::move(database)), post_(std::move(post)) {}

  const StoreFacts& facts() const override { return database_->facts(); }
  std::int64_t rows_written() const override {
    return database_->with([](Tables& tables) { return tables.rows_written; });
  }

  void join(JoinRequest request, Callback<Outcome<Ticket>> done) override {
    run<Outcome<Ticket>>(std::move(done), [=](Tables& tables) { return join_as(tables, request); });
  }
  void read_cluster(Callback<Outcome<ClusterImage>> done) override {
    run<Outcome<ClusterImage>>(std::move(done), [](Tables& tables) { return cluster_of(tables); });
  }
  void commit(std::shared_ptr<const Batch> batch, Callback<CommitAnswer> done) override {
    run<CommitAnswer>(std::move(done), [=](Tables& tables) { return commit_to(tables, *batch); });
  }
  void trim(TrimLimits limits, Callback<Outcome<int>> done) override {
    run<Outcome<int>>(std::move(done), [=](Tables& tables) { return trim_tables(tables, limits); });
  }
  void save_token(TokenRow token, Callback<Outcome<Done>> done) override {
    run<Outcome<Done>>(std::move(done), [=](Tables& tables) -> Outcome<Done> {
      if (std::string why = why_refused(token); !why.empty()) {
        return Problem{ProblemCode::store_refused, std::move(why)};
      }
      const auto same_hash = [&](const auto& entry) {
        return entry.second.sha256_hex == token.sha256_hex && entry.first != token.id;
      };
      if (std::ranges::any_of(tables.tokens, same_hash)) {
        return Problem{ProblemCode::store_refused, "there is a token with this hash"};
      }
      tables.tokens[token.id] = token;
      ++tables.rows_written;
      return Done{};
    });
  }
  void save_calendar(CalendarRow row, Callback<Outcome<Done>> done) override {
    run<Outcome<Done>>(std::move(done),
                       [=](Tables& tables) { return memory::save_calendar(tables, row); });
  }
  void list_calendars(CalendarFilter filter,
                      Callback<Outcome<std::vector<CalendarRow>>> done) override {
    run<Outcome<std::vector<CalendarRow>>>(
        std::move(done), [=](Tables& tables) { return memory::list_calendars(tables, filter); });
  }
  void load_shard(std::int64_t member,
                  ShardNumber shard,
                  Callback<Outcome<ShardImage>> done) override {
    run<Outcome<ShardImage>>(std::move(done),
                             [=](Tables& tables) { return image_of(tables, member, shard); });
  }
  void read_for_command(std::int64_t member,
                        CommandReads reads,
                        Callback<Outcome<CommandRows>> done) override {
    run<Outcome<CommandRows>>(std::move(done),
                              [=](Tables& tables) { return rows_for(tables, member, reads); });
  }
  void read_run(Id run_id, Callback<Outcome<std::optional<RunAt>>> done) override {
    run<Outcome<std::optional<RunAt>>>(std::move(done), [=](Tables& tables) {
      const auto found = tables.runs.find(run_id);
      return found == tables.runs.end()
                 ? std::optional<RunAt>()
                 : RunAt{found->second, newest_number(tables, run_id.shard())};
    });
  }
  void list_runs(RunFilter filter, Callback<Outcome<std::vector<RunRow>>> done) override {
    run<Outcome<std::vector<RunRow>>>(std::move(done),
                                      [=](Tables& tables) { return page_of_runs(tables, filter); });
  }
  void list_attempts(Id run_id, Callback<Outcome<std::vector<AttemptRow>>> done) override {
    run<Outcome<std::vector<AttemptRow>>>(std::move(done), [=](Tables& tables) {
      std::vector<AttemptRow> attempts;
      for (auto at = tables.attempts.lower_bound({run_id, 0});
           at != tables.attempts.end() && at->first.first == run_id; ++at) {
        attempts.push_back(at->second);
      }
      return attempts;
    });
  }
  void list_definitions(DefinitionFilter filter,
                        Callback<Outcome<std::vector<DefinitionRow>>> done) override {
    run<Outcome<std::vector<DefinitionRow>>>(
        std::move(done), [=](Tables& tables) { return page_of_definitions(tables, filter); });
  }
  void list_triggers(Id definition, Callback<Outcome<std::vector<TriggerRow>>> done) override {
    run<Outcome<std::vector<TriggerRow>>>(
        std::move(done), [=](Tables& tables) { return triggers_of(tables, definition); });
  }
  void list_firings(FiringFilter filter, Callback<Outcome<Firings>> done) override {
    run<Outcome<Firings>>(std::move(done),
                          [=](Tables& tables) { return firings_of(tables, filter); });
  }
  void list_backfills(BackfillFilter filter,
                      Callback<Outcome<std::vector<BackfillRow>>> done) override {
    run<Outcome<std::vector<BackfillRow>>>(
        std::move(done), [=](Tables& tables) { return backfills_of(tables, filter); });
  }
  void list_permits(PermitFilter filter, Callback<Outcome<PermitUse>> done) override {
    run<Outcome<PermitUse>>(std::move(done),
                            [=](Tables& tables) { return permits_of(tables, filter); });
  }
  void read_journal(ShardNumber source,
                    std::int64_t from,
                    int rows,
                    Callback<Outcome<std::vector<JournalPart>>> done) override {
    run<Outcome<std::vector<JournalPart>>>(
        std::move(done), [=](Tables& tables) { return journal_from(tables, source, from, rows); });
  }
  void list_tokens(Callback<Outcome<std::vector<TokenRow>>> done) override {
    run<Outcome<std::vector<TokenRow>>>(std::move(done), [](Tables& tables) {
      std::vector<TokenRow> tokens;
      for (const auto& [id, token] : tables.tokens) {
        tokens.push_back(token);
      }
      return tokens;
    });
  }

 private:
  // The database outlives the work, should this store go first.
  template <class Answer, class Work>
  void run(Callback<Answer> done, Work work) {
    auto task = [database = database_, done = std::move(done), work = std::move(work)] {
      done(database->with([&](Tables& tables) -> Answer { return work(tables); }));
    };
    if (post_) {
      post_(std::move(task));
    } else {
      task();
    }
  }

  const std::shared_ptr<MemoryDatabase> database_;
  const Post post_;
};

}  // namespace

std::shared_ptr<MemoryDatabase> make_memory_database(int shard_count) {
  return std::make_shared<MemoryDatabase>(shard_count);
}

std::shared_ptr<MemoryDatabase> copy_memory_database(MemoryDatabase& database) {
  return std::make_shared<MemoryDatabase>(database);
}

void go_back_to(MemoryDatabase& database, MemoryDatabase& copy) {
  database.with(
      [&](memory::Tables& lost) { copy.with([&](const memory::Tables& kept) { lost = kept; }); });
}

std::unique_ptr<Store> make_memory_store(std::shared_ptr<MemoryDatabase> database, Post post) {
  return std::make_unique<MemoryStore>(std::move(database), std::move(post));
}

}  // namespace jobflow::store
