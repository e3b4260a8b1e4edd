#include "store/sqlite/reader.h"

#include "store/sqlite/commit.h"
#include "store/sqlite/run_rows.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/statements.h"

#include <algorithm>
#include <climits>
#include <iterator>
#include <set>

namespace jobflow::store::sqlite {
namespace {

const char* statement(std::string_view name) {
  return find_statement("statements.sql", name);
}

constexpr std::size_t kFewDefinitions = 64;
constexpr std::uint32_t kAllStates = (1U << kRunStates) - 1;
constexpr std::uint32_t kSucceeded = 1U << static_cast<unsigned>(RunState::succeeded);

std::uint32_t mask_of(const std::vector<RunState>& states) {
  std::uint32_t mask = states.empty() ? kAllStates : 0;
  for (const RunState state : states) {
    mask |= 1U << static_cast<unsigned>(state);
  }
  return mask;
}

std::int64_t before_of(const RunFilter& filter) {
  return filter.before.is_set() ? filter.before.value : INT64_MAX;
}

std::string_view name_space_of(const RunFilter& filter) {
  return filter.name_space && !filter.definition ? std::string_view(*filter.name_space) : "";
}

// The newest `limit` of several newest-first lists.
void keep_newest(std::vector<RunRow>& runs, int limit) {
  std::ranges::sort(runs, std::ranges::greater{}, &RunRow::id);
  if (runs.size() > static_cast<std::size_t>(limit)) {
    runs.resize(static_cast<std::size_t>(limit));
  }
}

// The newest live runs: through the small index of each shard and state.
std::vector<Id> live_ids(Statement& runs_live,
                         const RunFilter& filter,
                         std::uint32_t states,
                         int shard_count) {
  std::vector<Id> live;
  const std::int64_t definition = filter.definition ? filter.definition->value : 0;
  const int first_shard = filter.definition ? filter.definition->shard() : 0;
  const int shards = filter.definition ? 1 : shard_count;
  for (int state = 0; state < kRunStates; ++state) {
    if ((states >> state & 1U) == 0 || is_final(static_cast<RunState>(state))) {
      continue;
    }
    for (int shard = first_shard; shard < first_shard + shards; ++shard) {
      for (int step = 0; step <= (filter.with_steps ? 1 : 0); ++step) {
        const int key = shard << 5 | step << 4 | state;
        for (auto row = runs_live.with(before_of(filter), definition, filter.limit, key,
                                       name_space_of(filter));
             row.step();) {
          live.push_back({row.number(0)});
        }
      }
    }
  }
  std::ranges::sort(live, std::ranges::greater{});
  if (live.size() > static_cast<std::size_t>(filter.limit)) {
    live.resize(static_cast<std::size_t>(filter.limit));
  }
  return live;
}

}  // namespace

// Several reads that see one state of the store.
class Reader::Snapshot {
 public:
  explicit Snapshot(Reader& reader) : reader_(reader) { reader_.begin_.run(); }
  ~Snapshot() {
    try {
      reader_.end_.run();
    } catch (const SqliteError&) {
      // A read transaction that ended by an error has ended.
    }
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Reader& reader_;
};

Reader::Reader(const std::string& path, int cache_kib, int shard_count)
    : connection_(path, false),
      shard_count_(shard_count),
      begin_(connection_, statement("begin_read")),
      end_(connection_, statement("rollback")),
      member_(connection_, statement("member")),
      newest_journal_(connection_, statement("newest_journal")),
      owner_of_shard_(connection_, statement("owner_of_shard")),
      setting_(connection_, statement("setting")),
      list_members_(connection_, statement("list_members")),
      list_shards_(connection_, statement("list_shards")),
      current_definition_(connection_, statement("current_definition")),
      id_of_name_(connection_, statement("id_of_name")),
      definition_of_trigger_(connection_, statement("definition_of_trigger")),
      triggers_due_(connection_, statement("triggers_due")),
      triggers_following_(connection_, statement("triggers_following")),
      live_runs_of_shard_(connection_, statement("live_runs_of_shard")),
      steps_of_run_(connection_, statement("steps_of_run")),
      definition_head_(connection_, statement("definition_head")),
      revision_(connection_, statement("revision")),
      idempotency_key_(connection_, statement("idempotency_key")),
      command_(connection_, statement("command")),
      last_command_(connection_, statement("last_command")),
      run_(connection_, statement("run")),
      runs_newest_(connection_, statement("runs_newest")),
      runs_of_kind_newest_(connection_, statement("runs_of_kind_newest")),
      runs_of_definition_(connection_, statement("runs_of_definition")),
      runs_of_parent_(connection_, statement("runs_of_parent")),
      runs_live_(connection_, statement("runs_live")),
      runs_ended_badly_(connection_, statement("runs_ended_badly")),
      runs_of_definition_ended_badly_(connection_, statement("runs_of_definition_ended_badly")),
      attempts_of_run_(connection_, statement("attempts_of_run")),
      definitions_(connection_, statement("definitions")),
      definitions_of_name_space_(connection_, statement("definitions_of_name_space")),
      ids_of_name_space_(connection_, statement("ids_of_name_space")),
      definitions_of_name_(connection_, statement("definitions_of_name")),
      triggers_of_definition_(connection_, statement("triggers_of_definition")),
      skipped_firings_of_trigger_(connection_, statement("skipped_firings_of_trigger")),
      runs_of_trigger_(connection_, statement("runs_of_trigger")),
      backfills_of_shard_(connection_, statement("backfills_of_shard")),
      backfills_(connection_, statement("backfills")),
      backfills_of_trigger_(connection_, statement("backfills_of_trigger")),
      journal_row_at_(connection_, statement("journal_row_at")),
      journal_rows_(connection_, statement("journal_rows")),
      tokens_(connection_, statement("tokens")),
      last_calendar_(connection_, statement("last_calendar")),
      calendars_(connection_, statement("calendars")),
      letters_of_shard_(connection_, statement("letters_of_shard")),
      marks_of_shard_(connection_, statement("marks_of_shard")),
      watches_of_shard_(connection_, statement("watches_of_shard")),
      follows_of_shard_(connection_, statement("follows_of_shard")),
      permits_of_shard_(connection_, statement("permits_of_shard")),
      holds_of_shard_(connection_, statement("holds_of_shard")),
      permits_of_semaphore_(connection_, statement("permits_of_semaphore")),
      permit_counts_(connection_, statement("permit_counts")) {
  set_reader_pragmas(connection_, cache_kib);
}

std::int64_t Reader::batch_of(std::int64_t member) {
  auto row = member_.with(member);
  return row.step() ? row.number(1) : 0;
}

ClusterImage Reader::cluster() {
  const Snapshot snapshot(*this);
  ClusterImage image;
  if (auto row = setting_.with("generation"); row.step()) {
    image.generation = std::stoll(row.text(0));
  }
  for (auto row = list_members_.with(); row.step();) {
    image.members.push_back({.id = row.number(0),
                             .name = row.text(1),
                             .term = row.number(2),
                             .batch = row.number(3),
                             .state = static_cast<MemberState>(row.number(4)),
                             .address = row.text(5)});
  }
  for (auto row = list_shards_.with(); row.step();) {
    image.shards.push_back({.shard = static_cast<ShardNumber>(row.number(0)),
                            .owner = row.number(1),
                            .epoch = row.number(2)});
  }
  if (auto row = last_calendar_.with(); row.step()) {
    image.calendars = row.number(0);
  }
  return image;
}

ShardImage Reader::load_shard(std::int64_t member, ShardNumber shard) {
  const Snapshot snapshot(*this);
  ShardImage image{.shard = shard, .batch = batch_of(member), .shard_count = shard_count_};
  if (auto row = owner_of_shard_.with(shard); row.step()) {
    image.owner = row.number(0);
    image.epoch = row.number(1);
  }
  if (auto row =
          newest_journal_.with(journal_key(shard, 0), journal_key(shard, kJournalLastNumber));
      row.step()) {
    image.next_event = row.number(1) + 1;
    image.last_id = {row.number(2)};
  }
  if (auto row = last_command_.with(); row.step()) {
    image.last_command = {row.number(0)};
  }
  {
    auto rows = live_runs_of_shard_.with(shard);
    read_runs(rows, image.live_runs);
  }
  std::ranges::sort(image.live_runs, {}, &RunRow::id);
  std::set<Id> awake;
  for (const RunRow& run : image.live_runs) {
    awake.insert(run.definition);
  }
  for (auto row = triggers_following_.with(shard); row.step();) {
    awake.insert({row.number(0)});
  }
  for (auto row = backfills_of_shard_.with(shard); row.step();) {
    image.backfills.push_back(read_backfill(row));
    awake.insert(image.backfills.back().definition);
  }
  read_awake(awake, image);
  for (const RunRow& run : image.live_runs) {
    if (run.kind == RunKind::workflow) {
      auto rows = steps_of_run_.with(run.id.value, static_cast<int>(RunState::succeeded));
      read_runs(rows, image.ended_steps);
    }
  }
  std::ranges::sort(image.ended_steps, {}, &RunRow::id);
  read_revisions_of(image.live_runs, false, image.old_revisions);
  read_letters(image);
  for (auto row = permits_of_shard_.with(image.shard); row.step();) {
    image.permits.push_back(read_permit(image.shard, row));
  }
  for (auto row = holds_of_shard_.with(image.shard); row.step();) {
    image.holds.push_back({.ask = {row.number(0)},
                           .run = {row.number(1)},
                           .name_space = row.text(3),
                           .semaphore = row.text(4),
                           .granted = row.number(2) != 0});
  }
  return image;
}

void Reader::read_letters(ShardImage& image) {
  for (auto row = letters_of_shard_.with(image.shard); row.step();) {
    image.letters.push_back({.from = image.shard,
                             .to = static_cast<ShardNumber>(row.number(0)),
                             .number = {row.number(1)},
                             .after = {row.number(2)},
                             .body = decode_letter(row.view(3))});
  }
  for (auto row = marks_of_shard_.with(image.shard); row.step();) {
    image.marks.push_back({.to = image.shard,
                           .from = static_cast<ShardNumber>(row.number(0)),
                           .number = {row.number(1)}});
  }
  for (auto row = watches_of_shard_.with(image.shard); row.step();) {
    image.watches.push_back({.run = {row.number(0)}, .watcher = {row.number(1)}});
  }
  for (auto row = follows_of_shard_.with(image.shard); row.step();) {
    image.follows.push_back({.shard = image.shard,
                             .kind = static_cast<DefinitionKind>(row.number(3)),
                             .name_space = row.text(4),
                             .name = row.text(5),
                             .trigger = {row.number(0)},
                             .follow = {row.number(1)},
                             .states = static_cast<int>(row.number(2))});
  }
}

// Each revision once. Without `current_too`: only those a shard's list of definitions lacks.
void Reader::read_revisions_of(const std::vector<RunRow>& runs,
                               bool current_too,
                               std::vector<DefinitionRow>& revisions) {
  std::set<std::pair<Id, int>> used;
  for (const RunRow& run : runs) {
    used.emplace(run.definition, run.revision);
  }
  for (const auto& [definition, revision] : used) {
    if (!current_too) {
      auto head = definition_head_.with(definition.value);
      if (head.step() && head.number(0) == revision && head.number(1) == 0) {
        continue;
      }
    }
    if (auto row = revision_.with(definition.value, revision); row.step()) {
      revisions.push_back(read_definition(row));
    }
  }
}

// Definitions as they are now, and all their triggers.
template <class Rows>
void Reader::read_awake(const std::set<Id>& ids, Rows& into) {
  for (const Id id : ids) {
    if (auto row = current_definition_.with(id.value); row.step()) {
      into.definitions.push_back(read_definition(row));
      std::ranges::move(list_triggers(id), std::back_inserter(into.triggers));
    }
  }
}

void Reader::read_sleepers(const CommandReads& reads, CommandRows& rows) {
  std::set<Id> ids;
  for (const DefinitionKey& key : reads.definitions) {
    ids.insert(key.id);  // the definition's own, or
    if (auto owner = definition_of_trigger_.with(key.id.value); owner.step()) {
      ids.insert({owner.number(0)});
    }
    if (auto named = id_of_name_.with(std::string_view(key.name), std::string_view(key.name_space),
                                      static_cast<int>(key.kind));
        !key.id.is_set() && named.step()) {
      ids.insert({named.number(0)});
    }
  }
  if (reads.due) {
    int found = 0;
    for (auto due = triggers_due_.with(reads.due->shard, reads.due->after.due.ms,
                                       reads.due->after.trigger.value, reads.due->until.ms,
                                       limits::kLookAheadTriggers);
         due.step(); ++found) {
      ids.insert({due.number(0)});
      rows.due_up_to = {{due.number(1)}, {due.number(2)}};
    }
    if (found < limits::kLookAheadTriggers) {
      rows.due_up_to = {reads.due->until, {INT64_MAX}};
    }
  }
  read_awake(ids, rows);
}

std::optional<RunRow> Reader::one_run(Id run) {
  auto row = run_.with(run.value);
  return row.step() ? std::optional(sqlite::read_run(row)) : std::nullopt;
}

CommandRows Reader::read_for_command(std::int64_t member, const CommandReads& reads) {
  const Snapshot snapshot(*this);
  CommandRows rows{.batch = batch_of(member)};
  for (const Id id : reads.runs) {
    auto run = one_run(id);
    if (!run) {
      continue;
    }
    if (run->kind == RunKind::workflow) {
      auto steps = steps_of_run_.with(id.value, 0);
      read_runs(steps, rows.steps);
    }
    rows.runs.push_back(std::move(*run));
  }
  std::ranges::sort(rows.steps, {}, &RunRow::id);
  std::vector<RunRow> users = rows.runs;
  users.insert(users.end(), rows.steps.begin(), rows.steps.end());
  read_revisions_of(users, true, rows.revisions);
  for (const auto& [definition, key] : reads.keys) {
    if (auto row = idempotency_key_.with(definition.value, key); row.step()) {
      rows.keys.push_back({definition, key, {row.number(0)}, {row.number(1)}});
    }
  }
  for (const Id id : reads.commands) {
    if (auto row = command_.with(id.value); row.step()) {
      rows.commands.push_back({.id = id,
                               .shard = static_cast<ShardNumber>(row.number(0)),
                               .at = {row.number(1)},
                               .subject = {row.number(2)},
                               .revision = static_cast<int>(row.number(3)),
                               .created = row.number(4) != 0,
                               .changed = row.number(5) != 0,
                               .name = row.text(6)});
    }
  }
  read_sleepers(reads, rows);
  return rows;
}

std::optional<RunAt> Reader::read_run(Id run) {
  const Snapshot snapshot(*this);
  auto found = one_run(run);
  if (!found) {
    return std::nullopt;
  }
  RunAt at{.row = std::move(*found)};
  const ShardNumber shard = run.shard();
  if (auto row =
          newest_journal_.with(journal_key(shard, 0), journal_key(shard, kJournalLastNumber));
      row.step()) {
    at.as_of = row.number(1);
  }
  return at;
}

// Chooses the index that holds few rows besides those asked for.
std::vector<RunRow> Reader::list_runs(const RunFilter& filter) {
  const std::uint32_t states = mask_of(filter.states);
  if (filter.limit <= 0) {
    return {};
  }
  if (filter.parent) {
    std::vector<RunRow> runs;
    auto rows = runs_of_parent_.with(before_of(filter), states, filter.limit, filter.parent->value);
    read_runs(rows, runs);
    return runs;
  }
  const Snapshot snapshot(*this);
  const auto few = filter.name_space && !filter.definition && !filter.with_steps
                       ? few_ids_of(*filter.name_space)
                       : std::nullopt;
  if (!few) {
    return runs_of_one_or_all(filter, states);
  }
  std::vector<RunRow> runs;
  RunFilter of_one = filter;
  for (const Id definition : *few) {
    of_one.definition = definition;
    std::ranges::move(runs_of_one_or_all(of_one, states), std::back_inserter(runs));
    keep_newest(runs, filter.limit);
  }
  return runs;
}

// The definitions of a name space, when they are so few that reading the newest runs of each is
// less than looking through everybody's.
std::optional<std::vector<Id>> Reader::few_ids_of(const std::string& name_space) {
  std::vector<Id> ids;
  for (auto row = ids_of_name_space_.with(std::string_view(name_space), kFewDefinitions + 1);
       row.step();) {
    ids.push_back({row.number(0)});
  }
  return ids.size() > kFewDefinitions ? std::nullopt : std::optional(std::move(ids));
}

std::vector<RunRow> Reader::runs_of_one_or_all(const RunFilter& filter, std::uint32_t states) {
  const bool ended_steps_too = filter.with_steps && (states >> 7) != 0;
  if ((states & kSucceeded) != 0 || ended_steps_too) {
    return runs_in_order(filter, states);
  }
  return runs_by_state(filter, states);
}

// Through rows in their order, leaving out some: for filters that most rows match.
std::vector<RunRow> Reader::runs_in_order(const RunFilter& filter, std::uint32_t states) {
  std::vector<RunRow> runs;
  const auto before = before_of(filter);
  const std::int64_t definition = filter.definition ? filter.definition->value : 0;
  if (filter.with_steps) {
    auto rows = runs_newest_.with(before, states, filter.limit, definition, name_space_of(filter));
    read_runs(rows, runs);
  } else if (filter.definition) {
    auto rows = runs_of_definition_.with(before, states, filter.limit, definition);
    read_runs(rows, runs);
  } else {
    for (const RunKind kind : {RunKind::job, RunKind::workflow}) {
      auto rows = runs_of_kind_newest_.with(before, states, filter.limit, static_cast<int>(kind),
                                            name_space_of(filter));
      read_runs(rows, runs);
    }
    keep_newest(runs, filter.limit);
  }
  return runs;
}

// Through the small indexes of live and of badly ended runs, state by state.
std::vector<RunRow> Reader::runs_by_state(const RunFilter& filter, std::uint32_t states) {
  std::vector<RunRow> runs;
  const std::int64_t definition = filter.definition ? filter.definition->value : 0;
  Statement& ended = filter.definition ? runs_of_definition_ended_badly_ : runs_ended_badly_;
  for (int state = 0; state < kRunStates; ++state) {
    if ((states >> state & 1U) != 0 && is_final(static_cast<RunState>(state))) {
      auto rows = ended.with(before_of(filter), definition, filter.limit, state);
      if (!filter.definition) {
        rows.bind(name_space_of(filter));
      }
      read_runs(rows, runs);
    }
  }
  for (const Id id : live_ids(runs_live_, filter, states, shard_count_)) {
    if (auto run = one_run(id)) {
      runs.push_back(*std::move(run));
    }
  }
  keep_newest(runs, filter.limit);
  return runs;
}

std::vector<AttemptRow> Reader::list_attempts(Id run) {
  std::vector<AttemptRow> attempts;
  for (auto row = attempts_of_run_.with(run.value); row.step();) {
    attempts.push_back({.run = run,
                        .number = static_cast<int>(row.number(0)),
                        .token = {row.number(1)},
                        .state = static_cast<AttemptState>(row.number(2)),
                        .worker = row.text(3),
                        .incarnation = {row.number(4)},
                        .started = {row.number(5)},
                        .ended = {row.number(6)},
                        .error_kind = row.text(7),
                        .error = row.text(8),
                        .retry_at = {row.number(9)}});
  }
  return attempts;
}

std::vector<DefinitionRow> Reader::list_definitions(const DefinitionFilter& filter) {
  std::vector<DefinitionRow> found;
  const Snapshot snapshot(*this);
  const int kind = filter.kind ? static_cast<int>(*filter.kind) : -1;
  const std::string name_space = filter.name_space.value_or("");
  const auto wanted = [&](const DefinitionRow& row) {
    return (!filter.kind || row.kind == *filter.kind) &&
           (!filter.name_space || row.name_space == *filter.name_space) &&
           (!filter.name || row.name == *filter.name) && (filter.with_deleted || !row.deleted) &&
           row.id > filter.after;
  };
  if (filter.id) {
    std::int64_t revision = filter.revision;
    if (auto head = definition_head_.with(filter.id->value); revision == 0 && head.step()) {
      revision = head.number(0);
    }
    auto row = revision_.with(filter.id->value, revision);
    if (row.step()) {
      if (DefinitionRow definition = read_definition(row); wanted(definition)) {
        found.push_back(std::move(definition));
      }
    }
    return found;
  }
  Statement& page = filter.name         ? definitions_of_name_
                    : filter.name_space ? definitions_of_name_space_
                                        : definitions_;
  auto rows = page.with(filter.after.value, kind, name_space, filter.with_deleted, filter.limit);
  if (filter.name) {
    rows.bind(std::string_view(*filter.name));
  }
  while (rows.step()) {
    found.push_back(read_definition(rows));
  }
  return found;
}

std::vector<TriggerRow> Reader::list_triggers(Id definition) {
  std::vector<TriggerRow> triggers;
  for (auto row = triggers_of_definition_.with(definition.value); row.step();) {
    triggers.push_back(read_trigger(row));
  }
  return triggers;
}

Firings Reader::list_firings(const FiringFilter& filter) {
  const Snapshot snapshot(*this);
  Firings firings;
  const std::int64_t before = filter.runs_before.is_set() ? filter.runs_before.value : INT64_MAX;
  for (auto row = runs_of_trigger_.with(filter.trigger.value, before, filter.limit); row.step();) {
    firings.ran.push_back({{row.number(0)},
                           {row.number(1)},
                           {row.number(2)},
                           static_cast<RunState>(row.number(3)),
                           row.number(4) != 0});
  }
  for (auto row = skipped_firings_of_trigger_.with(filter.trigger.value, filter.limit,
                                                   filter.skipped_before.ms);
       row.step();) {
    firings.skipped.push_back({{row.number(0)},
                               {row.number(1)},
                               {row.number(2)},
                               static_cast<int>(row.number(3)),
                               row.text(4)});
  }
  return firings;
}

std::vector<BackfillRow> Reader::list_backfills(const BackfillFilter& filter) {
  std::vector<BackfillRow> backfills;
  const std::int64_t before = filter.before.is_set() ? filter.before.value : INT64_MAX;
  const std::int64_t only = filter.id ? filter.id->value : 0;
  const auto take = [&](Statement::Use rows) {
    while (rows.step()) {
      backfills.push_back(read_backfill(rows));
    }
  };
  if (filter.trigger) {
    take(backfills_of_trigger_.with(before, only, filter.going_on, filter.limit,
                                    filter.trigger->value));
  } else {
    take(backfills_.with(before, only, filter.going_on, filter.limit));
  }
  return backfills;
}

PermitUse Reader::list_permits(const PermitFilter& filter) {
  const Snapshot snapshot(*this);
  PermitUse use;
  if (auto row = permit_counts_.with(filter.shard, filter.name_space, filter.semaphore);
      row.step()) {
    use.held = row.number(0);
    use.waiting = row.number(1);
  }
  for (const int is_held : {1, 0}) {
    for (auto row =
             permits_of_semaphore_.with(filter.shard, filter.name_space, filter.semaphore, is_held,
                                        filter.limit - static_cast<int>(use.rows.size()));
         row.step();) {
      use.rows.push_back(read_permit(filter.shard, row));
    }
  }
  return use;
}

Outcome<std::vector<JournalPart>> Reader::read_journal(ShardNumber source,
                                                       std::int64_t from,
                                                       int rows) {
  const Snapshot snapshot(*this);
  std::vector<JournalPart> parts;
  const std::int64_t number = std::clamp<std::int64_t>(from, 0, kJournalLastNumber);
  std::int64_t first_key = journal_key(source, number);
  if (auto row = journal_row_at_.with(journal_key(source, 0), first_key); row.step()) {
    first_key = row.number(0);
  }
  for (auto row = journal_rows_.with(first_key, journal_key(source, kJournalLastNumber), rows);
       row.step();) {
    auto events = decode_events(row.view(1));
    if (!events) {
      return events.problem();
    }
    parts.push_back({source, journal_number(row.number(0)), std::move(*events)});
  }
  return parts;
}

std::vector<TokenRow> Reader::list_tokens() {
  std::vector<TokenRow> tokens;
  for (auto row = tokens_.with(); row.step();) {
    tokens.push_back(
        {{row.number(0)}, row.text(1), row.text(2), row.text(3), {row.number(4)}, {row.number(5)}});
  }
  return tokens;
}

std::vector<CalendarRow> Reader::list_calendars(const CalendarFilter& filter) {
  std::vector<CalendarRow> calendars;
  const std::string name_space = filter.name_space.value_or("");
  const std::string name = filter.name.value_or("");
  for (auto row = calendars_.with(filter.after, name_space, name, filter.newest, filter.revision,
                                  filter.with_document, filter.limit);
       row.step();) {
    calendars.push_back({.number = row.number(0),
                         .name_space = row.text(1),
                         .name = row.text(2),
                         .revision = static_cast<int>(row.number(3)),
                         .deleted = row.number(4) != 0,
                         .title = row.text(7),
                         .document = row.text(8),
                         .updated = {row.number(5)},
                         .principal = row.text(6)});
  }
  return calendars;
}

}  // namespace jobflow::store::sqlite
