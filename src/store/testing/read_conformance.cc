// The exam, second part: what is read back (house 3c, S9.2, and the lists).
#include "model/limits.h"
#include "store/testing/store_conformance.h"

#include <gmock/gmock.h>

namespace jobflow::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Id kJob{42LL << 22 | 3 << 12};  // its shard is 3

TEST_P(StoreConformance, EveryFieldComesBack) {
  Writer writer(*subject);
  const Id parent = writer.new_id(3), run = writer.new_id(3), trigger = writer.new_id(3);
  RunRow row{.id = run,
             .kind = RunKind::step,
             .definition = kJob,
             .revision = 7,
             .parent = parent,
             .step = "extract",
             .handler = "billing.extract",
             .params = R"({"a":[1,2,"ü"]})",
             .priority = -100,
             .created = {11},
             .trigger = trigger,
             .planned = {60'000},
             .occasion = {57},
             .backfilled = true,
             .hops = 58,
             .idempotency_key = "key",
             .principal = "token:admin",
             .after_run = {53},
             .progress = {.state = RunState::failed,
                          .version = 3,
                          .attempt = 2,
                          .token = {55},
                          .worker = "w",
                          .incarnation = {66},
                          .due = {77},
                          .started = {88},
                          .ended = {99},
                          .progress = 0.25,
                          .result = "{}",
                          .error_kind = "handler",
                          .error = "no such file",
                          .versions = R"([{"version":2,"from":["a"]}])"}};
  DefinitionRow definition = job_definition(kJob, "report", 7);
  definition.kind = DefinitionKind::workflow;
  definition.enabled = false;
  TriggerRow paused = cron_trigger(trigger, kJob, "cron-1", {});
  paused.progress = {.state = TriggerState::paused,
                     .anchor = {21},
                     .follow = {22},
                     .since = {23},
                     .paused_by = "token:ann",
                     .note = "not before Monday",
                     .skip_from = {24},
                     .skip_count = 25,
                     .skip_reason = "overlap"};
  const AttemptRow attempt{.run = run,
                           .number = 1,
                           .token = {54},
                           .state = AttemptState::lost,
                           .worker = "v",
                           .incarnation = {65},
                           .started = {80},
                           .ended = {85},
                           .error_kind = "lost",
                           .error = "gone",
                           .retry_at = {86}};
  const SkippedFiringRow skipped{trigger, {1'000}, {5'000}, 5, "misfire"};
  ASSERT_TRUE(landed(
      writer.commit({InsertRun{workflow_run(parent, kJob)}, InsertRun{row},
                     SaveRevision{definition}, SaveTrigger{paused}, InsertAttempt{attempt},
                     SaveSkippedFiring{skipped}, InsertIdempotency{{kJob, "key", run, {123}}}})));
  EXPECT_EQ(desk.run_at(run).row, row);
  EXPECT_THAT(desk.list_definitions({}), ElementsAre(definition));
  EXPECT_THAT(desk.list_triggers(kJob), ElementsAre(paused));
  EXPECT_THAT(desk.list_attempts(run), ElementsAre(attempt));
  EXPECT_THAT(desk.list_firings({.trigger = trigger}).skipped, ElementsAre(skipped));
  EXPECT_THAT(desk.read_for_command(1, {.keys = {{kJob, "key"}}}).keys,
              ElementsAre(IdempotencyRow{kJob, "key", run, {123}}));
  const auto journal = desk.read_journal(3, 1, 1);
  ASSERT_EQ(journal.size(), 1U);
  EXPECT_EQ(journal[0].events[1].subject, run);
}

TEST_P(StoreConformance, BigAndOddValuesComeBackAsTheyAre) {
  Writer writer(*subject);
  const Id run = writer.new_id(3);
  RunRow row = job_run(run, kJob);
  row.params = std::string(limits::kParamsBytes, 'p');
  ASSERT_TRUE(landed(writer.commit({InsertRun{row}})));
  row.progress = progress_in(RunState::failed, run);
  row.progress.result = std::string(limits::kResultBytes, 'r');
  row.progress.error = std::string("zero \0 byte, \xff not UTF-8, \xf0\x9f\x90\xa2", 31);
  DefinitionRow definition = job_definition(kJob, "big");
  definition.document = std::string(limits::kDefinitionBytes, 'd');
  ASSERT_TRUE(landed(writer.commit({UpdateRun{run, row.progress}, SaveRevision{definition}})));
  EXPECT_EQ(desk.run_at(run).row, row);
  EXPECT_TRUE(desk.list_definitions({}).at(0) == definition);
}

TEST_P(StoreConformance, AShardIsLoadedWithWhatIsLive) {
  Writer writer(*subject);
  const Id workflow = writer.new_id(3), job = writer.new_id(3), other_shard = writer.new_id(4);
  const Id trigger = writer.new_id(3);
  ASSERT_TRUE(landed(writer.commit({SaveRevision{job_definition(workflow, "w", 1)},
                                    SaveRevision{job_definition(job, "j", 1)},
                                    SaveRevision{job_definition(other_shard, "o", 1)},
                                    SaveTrigger{cron_trigger(trigger, job, "cron-1", {9'000})}})));
  RunRow live = workflow_run(writer.new_id(3), workflow);
  RunRow done = workflow_run(writer.new_id(3), workflow, RunState::succeeded);
  RunRow live_step = step_run(writer.new_id(3), live, "b");
  RunRow done_step = step_run(writer.new_id(3), live, "a", RunState::succeeded);
  RunRow old_step = step_run(writer.new_id(3), done, "a", RunState::succeeded);
  RunRow of_deleted = job_run(writer.new_id(3), job);
  RunRow elsewhere = job_run(writer.new_id(4), other_shard);
  ASSERT_TRUE(landed(
      writer.commit({InsertRun{live}, InsertRun{done}, InsertRun{live_step}, InsertRun{done_step},
                     InsertRun{old_step}, InsertRun{of_deleted}, InsertRun{elsewhere}})));
  DefinitionRow gone = job_definition(job, "j", 2);
  gone.deleted = true;
  ASSERT_TRUE(landed(writer.commit({SaveRevision{job_definition(workflow, "w", 2)},
                                    SaveRevision{gone}, DeleteTrigger{trigger}})));
  const ShardImage image = desk.load_shard(writer.ticket().member, 3);
  EXPECT_EQ(image.shard, 3);
  EXPECT_EQ(image.batch, 3);
  EXPECT_EQ(image.last_id, writer.last_id(3));
  EXPECT_EQ(image.next_event, 7);
  EXPECT_THAT(image.definitions, ElementsAre(job_definition(workflow, "w", 2)));
  EXPECT_THAT(image.triggers, IsEmpty());
  EXPECT_THAT(image.live_runs, ElementsAre(live, live_step, of_deleted));
  EXPECT_THAT(image.ended_steps, ElementsAre(done_step));
  EXPECT_THAT(image.old_revisions,
              ElementsAre(job_definition(workflow, "w", 1), job_definition(job, "j", 1)));
  EXPECT_THAT(desk.load_shard(writer.ticket().member, 5).live_runs, IsEmpty());
  EXPECT_EQ(desk.load_shard(writer.ticket().member, 5).next_event, 1);
}

TEST_P(StoreConformance, ADefinitionMarkedDeletedInPlaceIsKeptForItsLiveRuns) {
  Writer writer(*subject);
  const Id job = writer.new_id(3);
  DefinitionRow row = job_definition(job, "j");
  const RunRow run = job_run(writer.new_id(3), job);
  ASSERT_TRUE(landed(writer.commit({SaveRevision{row}, InsertRun{run}})));
  row.deleted = true;
  ASSERT_TRUE(landed(writer.commit({SaveRevision{row}})));
  const ShardImage image = desk.load_shard(writer.ticket().member, 3);
  EXPECT_THAT(image.definitions, IsEmpty());
  EXPECT_THAT(image.old_revisions, ElementsAre(row));
  // The name is free again: for another definition, or for this one.
  const Id next = writer.new_id(3);
  ASSERT_TRUE(landed(writer.commit({SaveRevision{job_definition(next, "j")}})));
  EXPECT_EQ(desk.list_definitions({.name = "j"}).at(0).id, next);
  EXPECT_EQ(desk.list_definitions({.name = "j", .with_deleted = true}).size(), 2U);
}

TEST_P(StoreConformance, House3c_WhatACommandNamesIsReadInOneSnapshot) {
  Writer writer(*subject);
  const Id workflow = writer.new_id(3);
  const RunRow run = workflow_run(writer.new_id(3), workflow, RunState::failed);
  const RunRow step_a = step_run(writer.new_id(3), run, "a", RunState::succeeded);
  const RunRow step_b = step_run(writer.new_id(3), run, "b", RunState::failed);
  const RunRow other = job_run(writer.new_id(3), kJob);
  ASSERT_TRUE(landed(writer.commit({SaveRevision{job_definition(workflow, "w", 1)}, InsertRun{run},
                                    InsertRun{step_b}, InsertRun{step_a}, InsertRun{other},
                                    InsertIdempotency{{kJob, "k", other.id, {5}}}})));
  ASSERT_TRUE(landed(writer.commit({SaveRevision{job_definition(workflow, "w", 2)}})));
  const CommandRows rows = desk.read_for_command(
      writer.ticket().member,
      {.runs = {run.id, other.id, {999}}, .keys = {{kJob, "k"}, {kJob, "nope"}, {{7}, "k"}}});
  EXPECT_EQ(rows.batch, 2);
  EXPECT_THAT(rows.runs, ElementsAre(run, other));
  EXPECT_THAT(rows.steps, ElementsAre(step_a, step_b));
  EXPECT_THAT(rows.revisions, ElementsAre(job_definition(workflow, "w", 1)));
  EXPECT_THAT(rows.keys, ElementsAre(IdempotencyRow{kJob, "k", other.id, {5}}));
}

TEST_P(StoreConformance, S92_ARunIsReadWithItsShardsJournalNumber) {
  Writer writer(*subject);
  const RunRow run = job_run(writer.new_id(3), kJob);
  ASSERT_TRUE(landed(writer.commit({InsertRun{run}})));
  EXPECT_EQ(desk.run_at(run.id).as_of, 1);
  ASSERT_TRUE(landed(writer.commit(
      {InsertRun{job_run(writer.new_id(3), kJob)}, InsertRun{job_run(writer.new_id(4), kJob)}})));
  EXPECT_EQ(desk.run_at(run.id).as_of, 2);
  EXPECT_FALSE(desk.read_run({12345}));
}

TEST_P(StoreConformance, RunsAreListedNewestFirstInPages) {
  Writer writer(*subject);
  const Id other_job{43LL << 22 | 4 << 12};
  std::vector<Change> changes;
  std::vector<RunRow> runs;  // oldest first
  const auto add = [&](RunRow row) {
    runs.push_back(row);
    changes.push_back(InsertRun{row});
  };
  changes.push_back(SaveRevision{job_definition(kJob, "of-default")});
  DefinitionRow of_finance = job_definition(other_job, "of-finance");
  of_finance.name_space = "finance";
  changes.push_back(SaveRevision{of_finance});
  for (int i = 0; i < 5; ++i) {
    const Instant now{1'700'000'000'000 + i * 10};
    add(job_run(writer.new_id(3, now), kJob, i < 3 ? RunState::succeeded : RunState::queued));
    add(job_run(writer.new_id(4, now + Span{1}), other_job, RunState::failed));
    const RunRow parent = workflow_run(writer.new_id(3, now + Span{2}), kJob);
    add(parent);
    add(step_run(writer.new_id(3, now + Span{3}), parent, "a", RunState::running));
    add(step_run(writer.new_id(3, now + Span{4}), parent, "b", RunState::failed));
  }
  ASSERT_TRUE(landed(writer.commit(std::move(changes))));
  const auto expect_list = [&](RunFilter filter, auto&& wanted, const char* what) {
    std::vector<Id> expected;
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
      if (wanted(*run)) {
        expected.push_back(run->id);
      }
    }
    filter.limit = 100;
    EXPECT_EQ(ids_of(desk.list_runs(filter)), expected) << what;
    std::vector<Id> paged;
    filter.limit = 3;
    while (true) {
      const auto page = ids_of(desk.list_runs(filter));
      EXPECT_LE(page.size(), 3U);
      if (page.empty()) {
        break;
      }
      paged.insert(paged.end(), page.begin(), page.end());
      filter.before = page.back();
    }
    EXPECT_EQ(paged, expected) << what << ", in pages";
    ASSERT_FALSE(expected.empty()) << what;
  };
  const auto root = [](const RunRow& run) { return run.kind != RunKind::step; };
  const auto in = [](const RunRow& run, RunState state) { return run.progress.state == state; };
  expect_list({}, root, "all");
  expect_list({.with_steps = true}, [](const RunRow&) { return true; }, "with steps");
  expect_list(
      {.definition = kJob}, [&](const RunRow& run) { return root(run) && run.definition == kJob; },
      "of a definition");
  expect_list(
      {.definition = kJob, .with_steps = true},
      [&](const RunRow& run) { return run.definition == kJob; }, "of a definition, with steps");
  expect_list(
      {.parent = runs[2].id}, [&](const RunRow& run) { return run.parent == runs[2].id; }, "steps");
  expect_list(
      {.parent = runs[2].id, .states = {RunState::failed}},
      [&](const RunRow& run) { return run.id == runs[4].id; }, "failed steps");
  expect_list(
      {.states = {RunState::queued}},
      [&](const RunRow& run) { return root(run) && in(run, RunState::queued); }, "queued");
  expect_list(
      {.states = {RunState::failed}},
      [&](const RunRow& run) { return root(run) && in(run, RunState::failed); }, "failed");
  expect_list(
      {.states = {RunState::failed}, .with_steps = true},
      [&](const RunRow& run) { return in(run, RunState::failed); }, "failed, with steps");
  expect_list(
      {.states = {RunState::running}, .with_steps = true},
      [&](const RunRow& run) { return in(run, RunState::running); }, "running, with steps");
  expect_list(
      {.states = {RunState::queued, RunState::failed, RunState::succeeded}},
      [&](const RunRow& run) { return root(run) && !in(run, RunState::running); }, "three states");
  expect_list(
      {.states = {RunState::queued, RunState::failed}},
      [&](const RunRow& run) {
        return root(run) && (in(run, RunState::queued) || in(run, RunState::failed));
      },
      "a live state and a final one");
  expect_list(
      {.definition = kJob, .states = {RunState::queued, RunState::running}},
      [&](const RunRow& run) {
        return root(run) && run.definition == kJob && !is_final(run.progress.state);
      },
      "live ones of a definition");
  expect_list(
      {.definition = other_job, .states = {RunState::failed}},
      [&](const RunRow& run) { return run.definition == other_job; },
      "failed ones of a definition");
  // Few definitions of a name space are read one by one, many by looking through all runs.
  for (const bool are_many : {false, true}) {
    std::vector<Change> more;
    for (int i = 0; are_many && i < 100; ++i) {
      more.push_back(SaveRevision{of_finance});
      auto& row = std::get<SaveRevision>(more.back()).row;
      row.id = writer.new_id(4);
      row.name += std::to_string(i);
    }
    ASSERT_TRUE(landed(writer.commit(std::move(more))));
    const auto of = [&](const RunRow& run) { return run.definition == other_job; };
    expect_list({.name_space = "finance"}, of, "of a name space");
    expect_list({.name_space = "finance", .states = {RunState::failed, RunState::queued}}, of,
                "of a name space, by state");
    expect_list(
        {.name_space = "default", .states = {RunState::queued}},
        [&](const RunRow& run) { return root(run) && in(run, RunState::queued); },
        "live ones of a name space");
    expect_list(
        {.name_space = "default", .with_steps = true},
        [&](const RunRow& run) { return run.definition == kJob; }, "of a name space, with steps");
    EXPECT_THAT(desk.list_runs({.name_space = "nobody's"}), IsEmpty());
  }
  EXPECT_THAT(desk.list_runs({.definition = kJob, .states = {RunState::failed}}), IsEmpty());
  EXPECT_THAT(desk.list_runs({.limit = 0}), IsEmpty());
}

TEST_P(StoreConformance, DefinitionsAreListedByIdWithFilters) {
  Writer writer(*subject);
  std::vector<Change> changes;
  std::vector<Id> ids;
  for (int i = 0; i < 6; ++i) {
    DefinitionRow row = job_definition(writer.new_id(3), "d-" + std::to_string(i / 2));
    row.kind = i % 2 == 0 ? DefinitionKind::job : DefinitionKind::workflow;
    row.name_space = i < 4 ? "default" : "finance";
    ids.push_back(row.id);
    changes.push_back(SaveRevision{row});
  }
  ASSERT_TRUE(landed(writer.commit(std::move(changes))));
  const auto list = [&](DefinitionFilter filter) {
    std::vector<Id> found;
    for (const auto& row : desk.list_definitions(filter)) {
      found.push_back(row.id);
    }
    return found;
  };
  EXPECT_EQ(list({}), ids);
  EXPECT_THAT(list({.limit = 2}), ElementsAre(ids[0], ids[1]));
  EXPECT_THAT(list({.after = ids[3], .limit = 2}), ElementsAre(ids[4], ids[5]));
  EXPECT_THAT(list({.kind = DefinitionKind::workflow}), ElementsAre(ids[1], ids[3], ids[5]));
  EXPECT_THAT(list({.name_space = "finance"}), ElementsAre(ids[4], ids[5]));
  EXPECT_THAT(list({.name = "d-1"}), ElementsAre(ids[2], ids[3]));
  EXPECT_THAT(list({.kind = DefinitionKind::job, .name_space = "default", .name = "d-1"}),
              ElementsAre(ids[2]));
  EXPECT_THAT(list({.id = ids[3]}), ElementsAre(ids[3]));
  EXPECT_THAT(list({.kind = DefinitionKind::job, .id = ids[3]}), IsEmpty());
  EXPECT_THAT(list({.name_space = "nowhere"}), IsEmpty());
  // The same name, kind and name space once more is refused (S2.1).
  EXPECT_EQ(writer.commit({SaveRevision{job_definition(writer.new_id(3), "d-0")}}).result,
            CommitResult::refused);
}

TEST_P(StoreConformance, S22_OldRevisionsStayReadable) {
  Writer writer(*subject);
  const Id job = writer.new_id(3);
  for (int revision = 1; revision <= 3; ++revision) {
    ASSERT_TRUE(landed(writer.commit({SaveRevision{job_definition(job, "j", revision)}})));
  }
  EXPECT_THAT(desk.list_definitions({.id = job}), ElementsAre(job_definition(job, "j", 3)));
  EXPECT_THAT(desk.list_definitions({.id = job, .revision = 2}),
              ElementsAre(job_definition(job, "j", 2)));
  EXPECT_THAT(desk.list_definitions({.id = job, .revision = 9}), IsEmpty());
  EXPECT_EQ(desk.list_definitions({}).size(), 1U);
}

TEST_P(StoreConformance, TriggersAreSavedAdvancedAndDeleted) {
  Writer writer(*subject);
  const Id first = writer.new_id(3), second = writer.new_id(3);
  TriggerRow a = cron_trigger(first, kJob, "cron-1", {9'000});
  const TriggerRow b = cron_trigger(second, kJob, "cron-2", {9'500});
  ASSERT_TRUE(landed(writer.commit({SaveTrigger{a}, SaveTrigger{b}})));
  a.progress = {.state = TriggerState::finished,
                .anchor = {1},
                .follow = {2},
                .since = {3},
                .paused_by = "p",
                .note = "no instant is left",
                .skip_from = {4},
                .skip_count = 5,
                .skip_reason = "r"};
  ASSERT_TRUE(landed(writer.commit({AdvanceTrigger{first, {.next_due = {10'000}}},
                                    AdvanceTrigger{first, a.progress},
                                    AdvanceTrigger{second, {.state = TriggerState::waiting}}})));
  TriggerRow b_waits = b;
  b_waits.progress = {.state = TriggerState::waiting};
  EXPECT_THAT(desk.list_triggers(kJob), ElementsAre(a, b_waits));
  EXPECT_EQ(
      writer.commit({SaveTrigger{cron_trigger(writer.new_id(3), kJob, "cron-2", {1})}}).result,
      CommitResult::refused);
  a = cron_trigger(first, kJob, "renamed", {20'000});
  ASSERT_TRUE(landed(writer.commit({SaveTrigger{a}, DeleteTrigger{second}})));
  EXPECT_THAT(desk.list_triggers(kJob), ElementsAre(a));
  // The names are free again.
  ASSERT_TRUE(landed(writer.commit(
      {SaveTrigger{b}, SaveTrigger{cron_trigger(writer.new_id(3), kJob, "cron-1", {1})}})));
}

// S4.10, house 3.1: what nothing goes on of is not in the image; it is read when it is named.
TEST_P(StoreConformance, DefinitionsSleepUntilTheyAreNamed) {
  Writer writer(*subject);
  const Id job = writer.new_id(3), due = writer.new_id(3), follower = writer.new_id(3);
  const DefinitionRow row = job_definition(job, "sleeper");
  const TriggerRow trigger = cron_trigger(due, job, "cron-1", {9'000});
  ASSERT_TRUE(landed(writer.commit({SaveRevision{row}, SaveTrigger{trigger}})));
  EXPECT_THAT(desk.load_shard(1, 3).definitions, IsEmpty());
  EXPECT_THAT(desk.load_shard(1, 3).triggers, IsEmpty());
  const auto read = [&](DefinitionKey key) {
    return desk.read_for_command(1, {.definitions = {std::move(key)}});
  };
  for (const DefinitionKey& key :
       {DefinitionKey{.id = job}, DefinitionKey{.id = due},
        DefinitionKey{.kind = row.kind, .name_space = row.name_space, .name = row.name}}) {
    EXPECT_THAT(read(key).definitions, ElementsAre(row));
    EXPECT_THAT(read(key).triggers, ElementsAre(trigger));
    EXPECT_EQ(read(key).batch, 1);
  }
  EXPECT_THAT(read({.id = writer.new_id(3)}).definitions, IsEmpty());
  EXPECT_THAT(read({.kind = row.kind, .name_space = "other", .name = row.name}).definitions,
              IsEmpty());
  // One that follows others' runs is in the image, with all of its definition's triggers.
  TriggerRow follows = cron_trigger(follower, job, "after", {});
  follows.progress = {.state = TriggerState::waiting, .follow = follower};
  ASSERT_TRUE(landed(writer.commit({SaveTrigger{follows}})));
  EXPECT_THAT(desk.load_shard(1, 3).definitions, ElementsAre(row));
  EXPECT_THAT(desk.load_shard(1, 3).triggers, ElementsAre(trigger, follows));
  EXPECT_THAT(desk.load_shard(1, 4).definitions, IsEmpty());
  DefinitionRow gone = job_definition(job, "sleeper", 2);
  gone.deleted = true;
  ASSERT_TRUE(
      landed(writer.commit({SaveRevision{gone}, DeleteTrigger{due}, DeleteTrigger{follower}})));
  EXPECT_THAT(read({.id = job}).definitions, IsEmpty());
  EXPECT_THAT(read({.kind = row.kind, .name_space = row.name_space, .name = row.name}).definitions,
              IsEmpty());
}

// S4.10: triggers come in the order in which they are due, a page at a time, none twice.
TEST_P(StoreConformance, TriggersAreReadAsTheirTimeComes) {
  Writer writer(*subject);
  constexpr int kTriggers = limits::kLookAheadTriggers + 10;
  std::vector<Change> rows;
  std::vector<DuePlace> places;
  for (int i = 0; i < kTriggers; ++i) {
    const Id job = writer.new_id(3), trigger = writer.new_id(3);
    const Instant due{1'000 + i / 7 * 7};  // several at one instant
    rows.emplace_back(SaveRevision{job_definition(job, "j" + std::to_string(i))});
    rows.emplace_back(SaveTrigger{cron_trigger(trigger, job, "cron-1", due)});
    places.push_back({due, trigger});
  }
  const Id elsewhere = writer.new_id(4), other = writer.new_id(4);
  rows.emplace_back(SaveRevision{job_definition(elsewhere, "elsewhere")});
  rows.emplace_back(SaveTrigger{cron_trigger(other, elsewhere, "cron-1", {1'001})});
  ASSERT_TRUE(landed(writer.commit(std::move(rows))));
  const auto read = [&](DuePlace after, Instant until) {
    return desk.read_for_command(1, {.due = DueStretch{3, after, until}});
  };
  const auto& at = [&](int place) -> DuePlace& { return places[static_cast<std::size_t>(place)]; };
  const CommandRows first = read({}, {1'000'000});
  EXPECT_EQ(first.definitions.size(), static_cast<std::size_t>(limits::kLookAheadTriggers));
  EXPECT_EQ(first.triggers.size(), first.definitions.size());
  EXPECT_EQ(first.due_up_to, at(limits::kLookAheadTriggers - 1));
  const CommandRows second = read(first.due_up_to, {1'000'000});
  EXPECT_EQ(second.definitions.size(), 10U);
  EXPECT_EQ(second.due_up_to.due, Instant{1'000'000});
  EXPECT_GT(second.due_up_to, at(kTriggers - 1));
  EXPECT_THAT(read(second.due_up_to, {2'000'000}).definitions, IsEmpty());
  EXPECT_EQ(read({}, {1'000}).triggers.size(), 7U) << "due by then, and no later";
  EXPECT_THAT(read({}, {999}).triggers, IsEmpty());
  // One that moves on is read where it is due next; one that is not active is not.
  ASSERT_TRUE(
      landed(writer.commit({AdvanceTrigger{at(0).trigger, {.next_due = {5'000'000}}},
                            AdvanceTrigger{at(1).trigger, {.state = TriggerState::paused}}})));
  EXPECT_EQ(read({}, {1'000}).triggers.size(), 5U);
  EXPECT_EQ(read(second.due_up_to, {5'000'000}).triggers.size(), 1U);
}

TEST_P(StoreConformance, S48_SkippedFiringsAreListedNewestFirst) {
  Writer writer(*subject);
  const Id trigger = writer.new_id(3);
  std::vector<SkippedFiringRow> rows;
  for (int i = 0; i < 3; ++i) {
    rows.push_back({trigger, {i * 100 + 1}, {i * 100 + 50}, 5, "misfire"});
    ASSERT_TRUE(landed(writer.commit({SaveSkippedFiring{rows.back()}})));
  }
  const auto skipped = [&](Id of, Instant before) {
    return desk.list_firings({.trigger = of, .skipped_before = before, .limit = 2}).skipped;
  };
  EXPECT_THAT(skipped(trigger, kNever), ElementsAre(rows[2], rows[1]));
  EXPECT_THAT(skipped(trigger, rows[2].from), ElementsAre(rows[1], rows[0]));
  EXPECT_THAT(skipped({5}, kNever), IsEmpty());
  EXPECT_EQ(writer.commit({SaveSkippedFiring{rows[0]}}).result, CommitResult::refused);
}

TEST_P(StoreConformance, S48_ATriggersRunsAreListedNewestFirst) {
  Writer writer(*subject);
  const Id trigger = writer.new_id(3), other = writer.new_id(3);
  ASSERT_TRUE(landed(writer.commit({SaveRevision{job_definition(kJob, "j")},
                                    SaveTrigger{cron_trigger(trigger, kJob, "a", {10'000})},
                                    SaveTrigger{cron_trigger(other, kJob, "b", {10'000})}})));
  std::vector<FiredRow> ran;
  for (int i = 0; i < 4; ++i) {
    RunRow run = job_run(writer.new_id(3), kJob);
    run.trigger = i == 2 ? other : trigger;
    run.planned = {1'000 + i};
    ASSERT_TRUE(landed(writer.commit({InsertRun{run}})));
    ran.push_back({run.id, run.planned, {}, run.progress.state});
  }
  EXPECT_THAT(desk.list_firings({.trigger = trigger}).ran, ElementsAre(ran[3], ran[1], ran[0]));
  EXPECT_THAT(desk.list_firings({.trigger = trigger, .limit = 1}).ran, ElementsAre(ran[3]));
  EXPECT_THAT(desk.list_firings({.trigger = trigger, .runs_before = ran[3].run, .limit = 9}).ran,
              ElementsAre(ran[1], ran[0]));
}

// Neighbours of one reason are one row, which grows (S4.8); it does nothing else.
TEST_P(StoreConformance, S48_ARowOfSkippedFiringsGrows) {
  Writer writer(*subject);
  const Id trigger = writer.new_id(3);
  const auto row = [&](int to, int count, const char* reason) {
    return SaveSkippedFiring{{trigger, {100}, {to}, count, reason}};
  };
  ASSERT_TRUE(landed(writer.commit({row(100, 1, "overlap"), row(200, 2, "overlap")})));
  ASSERT_TRUE(landed(writer.commit({row(300, 3, "overlap")})));
  EXPECT_EQ(writer.commit({row(300, 3, "overlap")}).result, CommitResult::refused);
  EXPECT_EQ(writer.commit({row(400, 3, "overlap")}).result, CommitResult::refused);
  EXPECT_EQ(writer.commit({row(250, 4, "overlap")}).result, CommitResult::refused);
  EXPECT_EQ(writer.commit({row(400, 4, "misfire")}).result, CommitResult::refused);
  EXPECT_THAT(desk.list_firings({.trigger = trigger}).skipped,
              ElementsAre(row(300, 3, "overlap").row));
}

// A backfill is advanced until it is over; meanwhile its shard is loaded with it (S4.10).
TEST_P(StoreConformance, BackfillsAreKeptAndListedNewestFirst) {
  Writer writer(*subject);
  const Id trigger = writer.new_id(3), other = writer.new_id(3);
  const auto begun = [&](Id of) {
    return BackfillRow{.id = writer.new_id(3),
                       .trigger = of,
                       .definition = kJob,
                       .from = {1'000},
                       .until = {9'000},
                       .total = 8,
                       .newest_first = true,
                       .max_parallel = 3,
                       .waits = true,
                       .pauses_on_failure = true,
                       .schedule = R"({"every":"1s"})",
                       .anchor = {5},
                       .params = R"({"a":1})",
                       .created = {10'000},
                       .principal = "token:ann"};
  };
  BackfillRow first = begun(trigger), second = begun(other);
  ASSERT_TRUE(landed(writer.commit(
      {SaveRevision{job_definition(kJob, "j")}, InsertBackfill{first}, InsertBackfill{second}})));
  EXPECT_THAT(desk.list_backfills({}), ElementsAre(second, first));
  EXPECT_THAT(desk.list_backfills({.limit = 1}), ElementsAre(second));
  EXPECT_THAT(desk.list_backfills({.before = second.id}), ElementsAre(first));
  EXPECT_THAT(desk.list_backfills({.trigger = other}), ElementsAre(second));
  EXPECT_THAT(desk.list_backfills({.id = first.id}), ElementsAre(first));
  EXPECT_THAT(desk.list_backfills({.id = first.id, .trigger = other}), IsEmpty());
  first.progress = {BackfillState::paused, {4'000}, 4, 1, 2, 1, {}, "enough"};
  second.progress = {BackfillState::cancelled, {}, 0, 0, 0, 0, {11'000}, "gone"};
  ASSERT_TRUE(landed(writer.commit(
      {AdvanceBackfill{first.id, first.progress}, AdvanceBackfill{second.id, second.progress}})));
  EXPECT_THAT(desk.list_backfills({}), ElementsAre(second, first));
  EXPECT_THAT(desk.list_backfills({.going_on = true}), ElementsAre(first));
  const ShardImage image = desk.load_shard(writer.ticket().member, 3);
  EXPECT_THAT(image.backfills, ElementsAre(first));
  EXPECT_EQ(image.definitions.size(), 1U);
  EXPECT_EQ(writer.commit({InsertBackfill{first}}).result, CommitResult::refused);
  EXPECT_EQ(writer.commit({AdvanceBackfill{{5}, first.progress}}).result, CommitResult::refused);
  second.progress.ended = {};
  EXPECT_EQ(writer.commit({AdvanceBackfill{second.id, second.progress}}).result,
            CommitResult::refused);
}

TEST_P(StoreConformance, S52_AnIdempotencyKeyIsReplacedAndExpires) {
  Writer writer(*subject);
  const Id first = writer.new_id(3), second = writer.new_id(3);
  const auto keys = [&] { return desk.read_for_command(1, {.keys = {{kJob, "k"}}}).keys; };
  ASSERT_TRUE(landed(writer.commit({InsertIdempotency{{kJob, "k", first, {1'000}}},
                                    InsertIdempotency{{kJob, "l", first, {1'100}}}})));
  EXPECT_EQ(keys().at(0).run, first);
  ASSERT_TRUE(landed(writer.commit({InsertIdempotency{{kJob, "k", second, {2'000}}}})));
  EXPECT_EQ(keys().at(0).run, second);
  EXPECT_EQ(desk.trim({.journal_before = {}, .keys_expired_at = {1'500}}), 1);
  EXPECT_EQ(keys().size(), 1U);
  EXPECT_EQ(desk.trim({.journal_before = {}, .keys_expired_at = {2'000}}), 1);
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_P(StoreConformance, TokensAreSavedAndReplaced) {
  TokenRow token{.id = {5},
                 .name = "admin",
                 .role = "admin",
                 .sha256_hex = std::string(64, 'a'),
                 .created = {1'000}};
  ASSERT_TRUE(desk.save_token(token));
  token.expires = {9'000};
  ASSERT_TRUE(desk.save_token(token));
  EXPECT_THAT(desk.list_tokens(), ElementsAre(token));
  TokenRow same_secret = token;
  same_secret.id = {6};
  EXPECT_EQ(desk.save_token(same_secret).problem().code, ProblemCode::store_refused);
  TokenRow worker = token;
  worker.id = {7};
  worker.sha256_hex = std::string(64, 'b');
  ASSERT_TRUE(desk.save_token(worker));
  EXPECT_THAT(desk.list_tokens(), ElementsAre(token, worker));
}

}  // namespace
}  // namespace jobflow::store::testing
