#include "store/testing/store_desk.h"

#include <algorithm>
#include <stdexcept>

namespace jobflow::store::testing {
namespace {

template <class T, class Verb>
T value_of(const Verb& verb) {
  auto outcome = await<Outcome<T>>(verb);
  if (!outcome) {
    throw std::runtime_error(outcome.problem().detail);
  }
  return std::move(*outcome);
}

// The id that decides a change's shard.
Id subject_of(const Change& change) {
  struct Subject {
    Id operator()(const InsertRun& change) { return change.row.id; }
    Id operator()(const UpdateRun& change) { return change.run; }
    Id operator()(const InsertAttempt& change) { return change.row.run; }
    Id operator()(const SaveRevision& change) { return change.row.id; }
    Id operator()(const SaveTrigger& change) { return change.row.id; }
    Id operator()(const AdvanceTrigger& change) { return change.trigger; }
    Id operator()(const DeleteTrigger& change) { return change.trigger; }
    Id operator()(const SaveSkippedFiring& change) { return change.row.trigger; }
    Id operator()(const InsertBackfill& change) { return change.row.id; }
    Id operator()(const AdvanceBackfill& change) { return change.backfill; }
    Id operator()(const InsertIdempotency& change) { return change.row.run; }
    Id operator()(const InsertCommand& change) { return change.row.subject; }
    Id operator()(const InsertLetter& change) { return {change.row.from << 12}; }
    Id operator()(const DeleteLetters& change) { return {change.from << 12}; }
    Id operator()(const MarkLetter& change) { return {change.row.to << 12}; }
    Id operator()(const SaveWatch& change) { return change.row.run; }
    Id operator()(const DeleteWatch& change) { return change.row.run; }
    Id operator()(const SaveFollow& change) { return {change.row.shard << 12}; }
    Id operator()(const DeleteFollow& change) { return {change.shard << 12}; }
    Id operator()(const SavePermit& change) { return {change.row.shard << 12}; }
    Id operator()(const DeletePermit& change) { return {change.shard << 12}; }
    Id operator()(const SaveHold& change) { return change.row.ask; }
    Id operator()(const DeleteHold& change) { return change.ask; }
  };
  return std::visit(Subject{}, change);
}

std::optional<Event> event_of(const Change& change) {
  if (const auto* insert = std::get_if<InsertRun>(&change)) {
    return Event{.state = static_cast<std::uint8_t>(insert->row.progress.state),
                 .subject = insert->row.id,
                 .definition = insert->row.definition};
  }
  if (const auto* update = std::get_if<UpdateRun>(&change)) {
    return Event{.state = static_cast<std::uint8_t>(update->progress.state),
                 .subject = update->run};
  }
  return std::nullopt;
}

}  // namespace

ClusterImage Desk::read_cluster() {
  return value_of<ClusterImage>([&](auto done) { store_.read_cluster(done); });
}
Ticket Desk::join(JoinRequest request) {
  return value_of<Ticket>([&](auto done) { store_.join(std::move(request), done); });
}
// As a sender must: what is answered `retry` is sent again, the same bytes (I1b).
CommitAnswer Desk::commit(std::shared_ptr<const Batch> batch) {
  CommitAnswer answer;
  do {
    answer = await<CommitAnswer>([&](auto done) { store_.commit(batch, done); });
  } while (answer.result == CommitResult::retry);
  return answer;
}
int Desk::trim(TrimLimits limits) {
  return value_of<int>([&](auto done) { store_.trim(limits, done); });
}
Outcome<Done> Desk::save_token(TokenRow token) {
  return await<Outcome<Done>>([&](auto done) { store_.save_token(token, done); });
}
Outcome<Done> Desk::save_calendar(CalendarRow row) {
  return await<Outcome<Done>>([&](auto done) { store_.save_calendar(row, done); });
}
std::vector<BackfillRow> Desk::list_backfills(BackfillFilter filter) {
  return value_of<std::vector<BackfillRow>>(
      [&](auto done) { store_.list_backfills(filter, done); });
}
PermitUse Desk::list_permits(PermitFilter filter) {
  return value_of<PermitUse>([&](auto done) { store_.list_permits(filter, done); });
}
std::vector<CalendarRow> Desk::list_calendars(CalendarFilter filter) {
  return value_of<std::vector<CalendarRow>>(
      [&](auto done) { store_.list_calendars(filter, done); });
}
ShardImage Desk::load_shard(std::int64_t member, ShardNumber shard) {
  return value_of<ShardImage>([&](auto done) { store_.load_shard(member, shard, done); });
}
CommandRows Desk::read_for_command(std::int64_t member, CommandReads reads) {
  return value_of<CommandRows>([&](auto done) { store_.read_for_command(member, reads, done); });
}
std::optional<RunAt> Desk::read_run(Id run) {
  return value_of<std::optional<RunAt>>([&](auto done) { store_.read_run(run, done); });
}
RunAt Desk::run_at(Id run) {
  auto found = read_run(run);
  if (!found) {
    throw std::runtime_error("there is no run " + to_string(run));
  }
  return std::move(*found);
}
std::vector<RunRow> Desk::list_runs(RunFilter filter) {
  return value_of<std::vector<RunRow>>([&](auto done) { store_.list_runs(filter, done); });
}
std::vector<AttemptRow> Desk::list_attempts(Id run) {
  return value_of<std::vector<AttemptRow>>([&](auto done) { store_.list_attempts(run, done); });
}
std::vector<DefinitionRow> Desk::list_definitions(DefinitionFilter filter) {
  return value_of<std::vector<DefinitionRow>>(
      [&](auto done) { store_.list_definitions(filter, done); });
}
std::vector<TriggerRow> Desk::list_triggers(Id definition) {
  return value_of<std::vector<TriggerRow>>(
      [&](auto done) { store_.list_triggers(definition, done); });
}
Firings Desk::list_firings(FiringFilter filter) {
  return value_of<Firings>([&](auto done) { store_.list_firings(filter, done); });
}
std::vector<JournalPart> Desk::read_journal(ShardNumber source, std::int64_t from, int rows) {
  return value_of<std::vector<JournalPart>>(
      [&](auto done) { store_.read_journal(source, from, rows, done); });
}
std::vector<TokenRow> Desk::list_tokens() {
  return value_of<std::vector<TokenRow>>([&](auto done) { store_.list_tokens(done); });
}

std::vector<Id> ids_of(const std::vector<RunRow>& runs) {
  std::vector<Id> ids;
  for (const RunRow& run : runs) {
    ids.push_back(run.id);
  }
  return ids;
}

Writer::Writer(Store& store, const std::string& name)
    : store_(store), ticket_(Desk(store).join({name})) {
  for (const ShardOwner& shard : Desk(store).read_cluster().shards) {
    shards_[shard.shard].epoch = shard.epoch;
  }
}

Writer::Writer(Store& store, const std::string& name, ShardNumber shard)
    : store_(store), ticket_(Desk(store).join({.name = name, .alone = false})) {
  auto batch = std::make_shared<Batch>(
      Batch{.member = ticket_.member, .term = ticket_.term, .number = ticket_.batch + 1});
  batch->placement =
      Placement{.moves = {{.shard = shard, .from = 0, .epoch = 0, .to = ticket_.member}}};
  send(batch);
  load(shard);
}

void Writer::load(ShardNumber shard) {
  const ShardImage image = Desk(store_).load_shard(ticket_.member, shard);
  shards_[shard] = {image.last_id, image.next_event, image.epoch};
  ticket_.batch = image.batch;
}

Id Writer::new_id(ShardNumber shard, Instant now) {
  Id& last = shards_[shard].last_id;
  last = next_id(last, shard, now.is_set() ? now : Instant{1'700'000'000'000});
  return last;
}

std::shared_ptr<const Batch> Writer::batch(std::vector<Change> changes, Instant time) {
  auto batch = std::make_shared<Batch>(Batch{
      .member = ticket_.member, .term = ticket_.term, .number = ticket_.batch + 1, .time = time});
  std::map<ShardNumber, ShardPart> parts;
  for (Change& change : changes) {
    const Id subject = subject_of(change);
    const Shard& shard = shards_[subject.shard()];
    ShardPart& part = parts[subject.shard()];
    part.shard = subject.shard();
    part.epoch = shard.epoch;
    part.last_id = shard.last_id;
    part.journal.source = part.shard;
    part.journal.first = shard.next_event;
    if (auto event = event_of(change)) {
      event->time = time;
      part.journal.events.push_back(*event);
    }
    part.changes.push_back(std::move(change));
  }
  for (auto& [number, part] : parts) {
    batch->parts.push_back(std::move(part));
  }
  return batch;
}

CommitAnswer Writer::send(const std::shared_ptr<const Batch>& batch) {
  CommitAnswer answer = Desk(store_).commit(batch);
  if (answer.result == CommitResult::landed && batch->number == ticket_.batch + 1) {
    ++ticket_.batch;
    for (const ShardPart& part : batch->parts) {
      Shard& shard = shards_[part.shard];
      shard.next_event = part.journal.first + static_cast<std::int64_t>(part.journal.events.size());
    }
  }
  return answer;
}

RunRow job_run(Id id, Id definition, RunState state) {
  return RunRow{.id = id,
                .definition = definition,
                .handler = "noop",
                .params = R"({"n":1})",
                .created = id.time(),
                .principal = "token:admin",
                .progress = progress_in(state, id)};
}

RunRow workflow_run(Id id, Id definition, RunState state) {
  RunRow row = job_run(id, definition, state);
  row.kind = RunKind::workflow;
  row.handler.clear();
  return row;
}

RunRow step_run(Id id, const RunRow& parent, std::string step, RunState state) {
  RunRow row = job_run(id, parent.definition, state);
  row.kind = RunKind::step;
  row.revision = parent.revision;
  row.parent = parent.id;
  row.step = std::move(step);
  return row;
}

RunProgress progress_in(RunState state, Id token) {
  RunProgress progress{.state = state};
  if (state == RunState::running || is_final(state)) {
    progress.attempt = 1;
    progress.token = token;
    progress.worker = "worker-1";
    progress.incarnation = {token.value + 1};
    progress.started = {1'700'000'000'500};
  }
  if (state == RunState::scheduled) {
    progress.due = {1'700'000'100'000};
  }
  if (is_final(state)) {
    progress.ended = {1'700'000'001'000};
    progress.progress = 1;
    progress.result = "null";
  }
  return progress;
}

DefinitionRow job_definition(Id id, std::string name, int revision) {
  return DefinitionRow{.id = id,
                       .name_space = "default",
                       .name = std::move(name),
                       .revision = revision,
                       .document = R"({"spec":{"handler":"noop"}})",
                       .created = {1'000},
                       .updated = {1'000 + revision},
                       .principal = "token:admin"};
}

TriggerRow cron_trigger(Id id, Id definition, std::string name, Instant next_due) {
  return TriggerRow{.id = id,
                    .definition = definition,
                    .name = std::move(name),
                    .schedule = R"({"cron":"*/5 * * * *"})",
                    .params = "{}",
                    .progress = {.next_due = next_due}};
}

}  // namespace jobflow::store::testing
