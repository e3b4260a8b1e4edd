// The exam, first part: what commit() promises (I1-I1c, I2, house 3, 3b).
#include "store/testing/store_conformance.h"

#include <gmock/gmock.h>
#include <thread>

namespace jobflow::store::testing {
namespace {

using ::testing::ElementsAre;

const Id kJob{42LL << 22 | 3 << 12};  // its shard is 3

TEST_P(StoreConformance, JoinTakesANewTermAndRaisesEveryEpoch) {
  const Ticket first = desk.join({"solo"});
  EXPECT_EQ(first.term, 1);
  EXPECT_EQ(first.batch, 0);
  const auto epoch = desk.load_shard(first.member, 3).epoch;
  EXPECT_EQ(epoch, 1);

  const Ticket second = desk.join({"solo"});
  EXPECT_EQ(second.member, first.member);
  EXPECT_EQ(second.term, 2);
  for (ShardNumber shard = 0; shard < kShardCount; ++shard) {
    EXPECT_EQ(desk.load_shard(second.member, shard).epoch, epoch + 1);
  }
  EXPECT_NE(desk.join({"other"}).member, first.member);
}

TEST_P(StoreConformance, FactsNameTheStoreAndItsShards) {
  EXPECT_EQ(subject->facts().shard_count, kShardCount);
  EXPECT_FALSE(subject->facts().cluster_id.empty());
  EXPECT_FALSE(subject->facts().kind.empty());
  EXPECT_GE(subject->facts().schema_version, 1);
}

TEST_P(StoreConformance, I1b_TheSameBatchAgainHasLandedAndWritesNothing) {
  Writer writer(*subject);
  const Id run = writer.new_id(3);
  const auto batch = writer.batch({InsertRun{job_run(run, kJob)}});
  ASSERT_EQ(writer.send(batch).result, CommitResult::landed);
  const auto rows = subject->rows_written();
  EXPECT_EQ(desk.commit(batch).result, CommitResult::landed);
  EXPECT_EQ(desk.commit(batch).result, CommitResult::landed);
  EXPECT_EQ(subject->rows_written(), rows);
  EXPECT_EQ(desk.list_runs({}).size(), 1U);
  EXPECT_EQ(desk.load_shard(writer.ticket().member, 3).batch, 1);
  EXPECT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
            CommitResult::landed);
}

TEST_P(StoreConformance, I1b_AGapOrAnOlderNumberMeansThatHistoryChanged) {
  Writer writer(*subject);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
              CommitResult::landed);
  }
  for (const std::int64_t number : {1, 2, 5, 99}) {
    auto batch = *writer.batch({InsertRun{job_run(writer.new_id(3), kJob)}});
    batch.number = number;
    EXPECT_EQ(desk.commit(std::make_shared<Batch>(batch)).result, CommitResult::history_changed)
        << number;
  }
  EXPECT_EQ(desk.list_runs({}).size(), 3U);
}

TEST_P(StoreConformance, I1_ARevokedTermNeverWrites) {
  Writer old_writer(*subject);
  const auto landed = old_writer.batch({InsertRun{job_run(old_writer.new_id(3), kJob)}});
  ASSERT_EQ(old_writer.send(landed).result, CommitResult::landed);
  const auto store = database->open();
  Writer new_writer(*store);
  EXPECT_EQ(new_writer.ticket().batch, 1);  // I1c: revoking changes the term only

  const auto late = old_writer.batch({InsertRun{job_run(old_writer.new_id(3), kJob)}});
  EXPECT_EQ(old_writer.send(late).result, CommitResult::fenced);
  EXPECT_EQ(desk.commit(landed).result, CommitResult::fenced);
  new_writer.load(3);
  EXPECT_EQ(new_writer.commit({InsertRun{job_run(new_writer.new_id(3), kJob)}}).result,
            CommitResult::landed);
  EXPECT_EQ(desk.list_runs({}).size(), 2U);
}

TEST_P(StoreConformance, I1_AnUnknownMemberIsFenced) {
  Writer writer(*subject);
  auto batch = *writer.batch({InsertRun{job_run(writer.new_id(3), kJob)}});
  batch.member = 77;
  EXPECT_EQ(desk.commit(std::make_shared<Batch>(batch)).result, CommitResult::fenced);
  EXPECT_TRUE(desk.list_runs({}).empty());
}

// Each of these can never be written (house 3b).
std::vector<std::pair<std::string, Change>> refused_changes(Writer& writer, Id there) {
  const Id id = writer.new_id(3);
  RunRow bad = job_run(id, kJob);
  const auto run = [&](auto&& change) {
    RunRow row = job_run(id, kJob);
    change(row);
    return InsertRun{row};
  };
  std::vector<std::pair<std::string, Change>> changes;
  changes.emplace_back("a run that is there", InsertRun{job_run(there, kJob)});
  changes.emplace_back("final without an end",
                       run([](RunRow& row) { row.progress.state = RunState::failed; }));
  changes.emplace_back("ended but not final", run([](RunRow& row) { row.progress.ended = {5}; }));
  changes.emplace_back("running without a token",
                       run([](RunRow& row) { row.progress.state = RunState::running; }));
  changes.emplace_back("a state that is none", run([](RunRow& row) {
                         row.progress.state = static_cast<RunState>(13);
                         row.progress.ended = {5};
                       }));
  changes.emplace_back("a step without a parent",
                       run([](RunRow& row) { row.kind = RunKind::step; }));
  changes.emplace_back("fired without an occasion", run([](RunRow& row) { row.trigger = {9}; }));
  changes.emplace_back("no definition", run([](RunRow& row) { row.definition = {}; }));
  changes.emplace_back("an update of no run",
                       UpdateRun{{id.value + 1}, progress_in(RunState::queued, id)});
  changes.emplace_back("an update to final without an end",
                       UpdateRun{there, RunProgress{.state = RunState::failed}});
  changes.emplace_back("advancing no trigger",
                       AdvanceTrigger{{7LL << 22 | 3 << 12}, {.state = TriggerState::paused}});
  changes.emplace_back("an active trigger that is never due",
                       SaveTrigger{cron_trigger(id, kJob, "cron-1", {})});
  changes.emplace_back("a taken name", SaveRevision{job_definition({id.value + 7}, "taken")});
  changes.emplace_back("a revision that goes back", SaveRevision{job_definition(kJob, "taken", 1)});
  changes.emplace_back("skipped firings of none",
                       SaveSkippedFiring{{{id.value}, {5}, {5}, 0, "overlap"}});
  return changes;
}

TEST_P(StoreConformance, I1a_ARefusedRowLeavesNothingOfItsBatch) {
  Writer writer(*subject);
  const Id there = writer.new_id(3);
  ASSERT_EQ(
      writer
          .commit({InsertRun{job_run(there, kJob)}, SaveRevision{job_definition(kJob, "taken", 1)},
                   SaveRevision{job_definition(kJob, "taken", 2)}})
          .result,
      CommitResult::landed);
  const auto rows = subject->rows_written();
  const auto before = desk.load_shard(writer.ticket().member, 3);
  for (const auto& [what, change] : refused_changes(writer, there)) {
    const Id good = writer.new_id(5);
    const Id definition = writer.new_id(4);
    const auto answer = writer.commit(
        {InsertRun{job_run(good, kJob)}, SaveRevision{job_definition(definition, "good")},
         SaveTrigger{cron_trigger(definition, definition, "cron-1", {9'000})},
         UpdateRun{there, progress_in(RunState::cancelled, there)},
         InsertAttempt{{.run = there, .number = 1}},
         SaveSkippedFiring{{definition, {5}, {6}, 2, "overlap"}},
         InsertIdempotency{{kJob, "k", good, {9'000}}}, change});
    EXPECT_EQ(answer.result, CommitResult::refused) << what;
    EXPECT_FALSE(answer.detail.empty()) << what;
    EXPECT_FALSE(desk.read_run(good)) << what;
  }
  const auto after = desk.load_shard(writer.ticket().member, 3);
  EXPECT_EQ(after.batch, before.batch);
  EXPECT_EQ(after.next_event, before.next_event);
  EXPECT_EQ(after.last_id, before.last_id);
  EXPECT_EQ(desk.run_at(there).row.progress.state, RunState::queued);
  EXPECT_EQ(desk.list_definitions({}).size(), 1U);
  EXPECT_TRUE(desk.list_attempts(there).empty());
  EXPECT_TRUE(desk.read_for_command(1, {.keys = {{kJob, "k"}}}).keys.empty());
  EXPECT_EQ(subject->rows_written() - rows, 0) << "rolled-back rows are not counted";
  // The number was not used: the next batch takes it.
  EXPECT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
            CommitResult::landed);
}

TEST_P(StoreConformance, I2_AnOccasionHasOneRun) {
  Writer writer(*subject);
  const Id trigger = writer.new_id(3);
  const auto fired = [&](Instant planned, Id occasion = {}) {
    RunRow row = job_run(writer.new_id(3), kJob);
    row.trigger = trigger;
    row.planned = planned;
    row.occasion = occasion;
    return InsertRun{row};
  };
  EXPECT_EQ(writer.commit({fired({60'000})}).result, CommitResult::landed);
  EXPECT_EQ(writer.commit({fired({60'000})}).result, CommitResult::refused);
  EXPECT_EQ(writer.commit({fired({120'000}), fired({120'000})}).result, CommitResult::refused);
  EXPECT_EQ(writer.commit({fired({120'000})}).result, CommitResult::landed);
  EXPECT_EQ(desk.list_runs({}).size(), 2U);
  // Two runs of an upstream may end in one millisecond: each end is an occasion.
  EXPECT_EQ(writer.commit({fired({60'000}, {7}), fired({60'000}, {8})}).result,
            CommitResult::landed);
  EXPECT_EQ(writer.commit({fired({60'000}, {7})}).result, CommitResult::refused);
}

TEST_P(StoreConformance, House35_ARunIsOneRowWriteABatch) {
  Writer writer(*subject);
  const Id run = writer.new_id(3);
  auto rows = subject->rows_written();
  // Made and assigned in one batch: member, run, journal.
  ASSERT_EQ(writer
                .commit({InsertRun{job_run(run, kJob)},
                         UpdateRun{run, progress_in(RunState::running, run)}})
                .result,
            CommitResult::landed);
  EXPECT_EQ(subject->rows_written() - rows, 3);
  EXPECT_EQ(desk.run_at(run).row.progress, progress_in(RunState::running, run));

  rows = subject->rows_written();
  RunProgress half = progress_in(RunState::running, run);
  half.progress = 0.5;
  ASSERT_EQ(
      writer.commit({UpdateRun{run, half}, UpdateRun{run, progress_in(RunState::succeeded, run)}})
          .result,
      CommitResult::landed);
  EXPECT_EQ(subject->rows_written() - rows, 3);
  EXPECT_EQ(desk.run_at(run).row.progress, progress_in(RunState::succeeded, run));
}

TEST_P(StoreConformance, ABatchMayTouchManyShards) {
  Writer writer(*subject);
  std::vector<Change> changes;
  std::vector<Id> ids;
  for (int i = 0; i < 1000; ++i) {
    ids.push_back(writer.new_id(static_cast<ShardNumber>(i % kShardCount)));
    changes.push_back(InsertRun{job_run(ids.back(), kJob)});
  }
  ASSERT_EQ(writer.commit(std::move(changes)).result, CommitResult::landed);
  changes.clear();
  for (const Id id : ids) {
    changes.push_back(UpdateRun{id, progress_in(RunState::succeeded, id)});
  }
  ASSERT_EQ(writer.commit(std::move(changes)).result, CommitResult::landed);
  EXPECT_EQ(desk.list_runs({.limit = 2000}).size(), 1000U);
  EXPECT_EQ(desk.list_runs({.states = {RunState::succeeded}, .limit = 2000}).size(), 1000U);
  for (ShardNumber shard = 0; shard < kShardCount; ++shard) {
    const auto image = desk.load_shard(writer.ticket().member, shard);
    EXPECT_EQ(image.next_event, 251);
    EXPECT_EQ(image.last_id, writer.last_id(shard));
    EXPECT_TRUE(image.live_runs.empty());
  }
}

TEST_P(StoreConformance, S91_TheJournalIsGapless) {
  Writer writer(*subject);
  std::int64_t next = 1;
  for (int size = 1; size <= 4; ++size) {
    std::vector<Change> changes;
    for (int i = 0; i < size; ++i) {
      changes.push_back(InsertRun{job_run(writer.new_id(3), kJob)});
    }
    ASSERT_EQ(writer.commit(std::move(changes), {size * 1'000}).result, CommitResult::landed);
  }
  for (const JournalPart& part : desk.read_journal(3, 1, 100)) {
    EXPECT_EQ(part.source, 3);
    EXPECT_EQ(part.first, next);
    next += static_cast<std::int64_t>(part.events.size());
  }
  EXPECT_EQ(next, 11);
  const auto firsts = [&](std::int64_t from, int rows) {
    std::vector<std::int64_t> found;
    for (const auto& part : desk.read_journal(3, from, rows)) {
      found.push_back(part.first);
    }
    return found;
  };
  EXPECT_THAT(firsts(1, 2), ElementsAre(1, 2));
  EXPECT_THAT(firsts(3, 100), ElementsAre(2, 4, 7));
  EXPECT_THAT(firsts(10, 100), ElementsAre(7));
  EXPECT_THAT(firsts(11, 100), ElementsAre());
  EXPECT_TRUE(desk.read_journal(4, 1, 100).empty());
  EXPECT_TRUE(desk.read_journal(2, 1, 100).empty());
}

TEST_P(StoreConformance, AJournalThatDoesNotFitMeansThatHistoryChanged) {
  Writer writer(*subject);
  ASSERT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
            CommitResult::landed);
  for (const std::int64_t first : {1, 3}) {
    auto batch = *writer.batch({InsertRun{job_run(writer.new_id(3), kJob)}});
    batch.parts[0].journal.first = first;
    EXPECT_EQ(desk.commit(std::make_shared<Batch>(batch)).result, CommitResult::history_changed);
  }
  auto batch = *writer.batch({InsertRun{job_run(writer.new_id(3), kJob)}});
  batch.parts[0].last_id = {1};
  EXPECT_EQ(desk.commit(std::make_shared<Batch>(batch)).result, CommitResult::history_changed);
  EXPECT_EQ(desk.list_runs({}).size(), 1U);
}

TEST_P(StoreConformance, House37_TheLastIdIsWrittenWithoutEvents) {
  Writer writer(*subject);
  for (int i = 0; i < 3; ++i) {
    const Id definition = writer.new_id(3);
    ASSERT_EQ(writer.commit({SaveRevision{job_definition(definition, "job-" + std::to_string(i))}})
                  .result,
              CommitResult::landed);
    const auto image = desk.load_shard(writer.ticket().member, 3);
    EXPECT_EQ(image.last_id, definition);
    EXPECT_EQ(image.next_event, 1);
  }
  EXPECT_TRUE(desk.read_journal(3, 1, 10).empty());
  ASSERT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
            CommitResult::landed);
  EXPECT_EQ(desk.read_journal(3, 1, 10).size(), 1U);
  EXPECT_EQ(desk.load_shard(writer.ticket().member, 3).next_event, 2);
}

TEST_P(StoreConformance, TrimKeepsWhereEachJournalEnds) {
  Writer writer(*subject);
  for (int i = 1; i <= 10; ++i) {
    ASSERT_EQ(writer
                  .commit({InsertRun{job_run(writer.new_id(3), kJob)},
                           InsertRun{job_run(writer.new_id(4), kJob)}},
                          {i * 1'000})
                  .result,
              CommitResult::landed);
  }
  EXPECT_EQ(desk.trim({.journal_before = {4'000}, .keys_expired_at = {}, .rows = 4}), 4);
  EXPECT_EQ(desk.trim({.journal_before = {4'000}, .keys_expired_at = {}, .rows = 4}), 2);
  EXPECT_EQ(desk.trim({.journal_before = {4'000}, .keys_expired_at = {}, .rows = 4}), 0);
  EXPECT_EQ(desk.read_journal(3, 1, 100).front().first, 4);
  EXPECT_EQ(desk.read_journal(4, 1, 100).front().first, 4);
  EXPECT_EQ(desk.trim({.journal_before = kNever, .keys_expired_at = {}}), 12);
  for (const ShardNumber shard : {ShardNumber{3}, ShardNumber{4}}) {
    const auto image = desk.load_shard(writer.ticket().member, shard);
    EXPECT_EQ(image.next_event, 11);
    EXPECT_EQ(image.last_id, writer.last_id(shard));
    EXPECT_EQ(desk.read_journal(shard, 1, 100).size(), 1U);
  }
  EXPECT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
            CommitResult::landed);
}

TEST_P(StoreConformance, S91_TrimKeepsToASizeToo) {
  Writer writer(*subject);
  for (int i = 1; i <= 5; ++i) {
    ASSERT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}, {i * 1'000}).result,
              CommitResult::landed);
  }
  const TrimLimits wide{.journal_before = {}, .keys_expired_at = {}};
  EXPECT_EQ(desk.trim(wide), 0);
  TrimLimits narrow = wide;
  narrow.journal_bytes = 0;
  narrow.rows = 3;
  EXPECT_EQ(desk.trim(narrow), 3);
  EXPECT_EQ(desk.trim(wide), 1) << "what was decided to go goes in the next call";
  EXPECT_EQ(desk.read_journal(3, 1, 10).front().first, 5);
}

TEST_P(StoreConformance, TwoMembersWriteAtOnceAndNobodyIsTurnedAway) {
  const auto other_store = database->open();
  const auto write = [](Store& store, const std::string& name, ShardNumber shard) {
    Writer writer(store, name, shard);
    for (int i = 0; i < 50; ++i) {
      const auto answer = writer.commit({InsertRun{job_run(writer.new_id(shard), kJob)}});
      ASSERT_EQ(answer.result, CommitResult::landed) << answer.detail;
    }
  };
  std::thread other([&] { write(*other_store, "b", 2); });
  write(*subject, "a", 1);
  other.join();
  EXPECT_EQ(desk.list_runs({.limit = 200}).size(), 100U);
}

TEST_P(StoreConformance, OfTwoWritersOfOneNameOnlyTheLastToJoinWrites) {
  const auto other_store = database->open();
  std::int64_t landed = 0;
  for (int round = 0; round < 10; ++round) {
    Writer first(*subject);
    Writer second(*other_store);
    first.load(3);
    second.load(3);
    const Id run = second.new_id(3);
    std::jthread late([&] {
      const auto answer = first.commit({InsertRun{job_run(first.new_id(3), kJob)}});
      EXPECT_EQ(answer.result, CommitResult::fenced) << answer.detail;
    });
    const auto answer = second.commit({InsertRun{job_run(run, kJob)}});
    EXPECT_EQ(answer.result, CommitResult::landed) << answer.detail;
    ++landed;
  }
  const auto image = desk.load_shard(1, 3);
  EXPECT_EQ(image.batch, landed);
  EXPECT_EQ(static_cast<std::int64_t>(image.live_runs.size()), landed);
  EXPECT_EQ(image.next_event, landed + 1);
}

}  // namespace
}  // namespace jobflow::store::testing
