#include "store/fault_store.h"

#include "store/memory/memory_store.h"
#include "store/testing/store_conformance.h"

#include <gtest/gtest.h>

namespace jobflow::store {
namespace {

using testing::Desk;
using testing::job_run;
using testing::Writer;

const Id kJob{42LL << 22 | 3 << 12};

// Faults one after the other, then none.
FaultScript script_of(std::vector<CommitFault> faults) {
  auto left = std::make_shared<std::vector<CommitFault>>(faults.rbegin(), faults.rend());
  return {.commit = [left](const Batch&) {
    if (left->empty()) {
      return CommitFault::none;
    }
    const CommitFault fault = left->back();
    left->pop_back();
    return fault;
  }};
}

class FaultyWriter : public ::testing::Test {
 protected:
  CommitResult send_once(const std::shared_ptr<const Batch>& batch) {
    return testing::await<CommitAnswer>([&](auto done) { faulty_store.commit(batch, done); })
        .result;
  }
  std::shared_ptr<const Batch> batch() {
    return writer.batch({InsertRun{job_run(writer.new_id(3), kJob)}});
  }
  std::size_t runs() { return Desk(faulty_store).list_runs({}).size(); }

  FaultStore faulty_store{make_memory_store(8), {}};
  Writer writer{faulty_store};
};

TEST_F(FaultyWriter, ALostBatchIsNotThere) {
  faulty_store.set(script_of({CommitFault::lost}));
  const auto sent = batch();
  EXPECT_EQ(send_once(sent), CommitResult::retry);
  EXPECT_EQ(runs(), 0U);
  EXPECT_EQ(send_once(sent), CommitResult::landed);
  EXPECT_EQ(runs(), 1U);
}

TEST_F(FaultyWriter, ALostAnswerHasLandedAndDoesNotDouble) {
  faulty_store.set(script_of({CommitFault::answer_lost, CommitFault::answer_lost}));
  const auto sent = batch();
  EXPECT_EQ(send_once(sent), CommitResult::retry);
  EXPECT_EQ(runs(), 1U);
  EXPECT_EQ(send_once(sent), CommitResult::retry);
  EXPECT_EQ(send_once(sent), CommitResult::landed);
  EXPECT_EQ(runs(), 1U);
}

TEST_F(FaultyWriter, ALateBatchDoesNotDouble) {
  faulty_store.set(script_of({CommitFault::lands_late}));
  const auto sent = batch();
  EXPECT_EQ(send_once(sent), CommitResult::retry);
  EXPECT_EQ(runs(), 0U);
  EXPECT_EQ(send_once(sent), CommitResult::landed);
  EXPECT_EQ(faulty_store.late_answers(), std::vector{CommitResult::landed});
  EXPECT_EQ(runs(), 1U);
}

TEST_F(FaultyWriter, OtherAnswersWriteNothing) {
  faulty_store.set(
      script_of({CommitFault::unavailable, CommitFault::fenced, CommitFault::history_changed}));
  const auto sent = batch();
  EXPECT_EQ(send_once(sent), CommitResult::unavailable);
  EXPECT_EQ(send_once(sent), CommitResult::fenced);
  EXPECT_EQ(send_once(sent), CommitResult::history_changed);
  EXPECT_EQ(runs(), 0U);
  EXPECT_EQ(send_once(sent), CommitResult::landed);
}

TEST_F(FaultyWriter, RefusesRowsByPredicate) {
  const Id bad = writer.new_id(3);
  faulty_store.set({.refuses = [=](const Change& change) {
    const auto* insert = std::get_if<InsertRun>(&change);
    return insert != nullptr && insert->row.id == bad;
  }});
  EXPECT_EQ(send_once(writer.batch(
                {InsertRun{job_run(writer.new_id(3), kJob)}, InsertRun{job_run(bad, kJob)}})),
            CommitResult::refused);
  EXPECT_EQ(runs(), 0U);
  EXPECT_EQ(send_once(batch()), CommitResult::landed);
}

TEST_F(FaultyWriter, ReadsFailOrAreStale) {
  faulty_store.set({.read = [] { return ReadFault::fails; }});
  const auto failed = testing::await<Outcome<CommandRows>>(
      [&](auto done) { faulty_store.read_for_command(writer.ticket().member, {}, done); });
  EXPECT_EQ(failed.problem().code, ProblemCode::unavailable);

  faulty_store.set({.read = [] { return ReadFault::stale; }});
  std::vector<CommandRows> stale;
  faulty_store.read_for_command(writer.ticket().member, {},
                                [&](Outcome<CommandRows> rows) { stale.push_back(*rows); });
  EXPECT_TRUE(stale.empty());
  EXPECT_EQ(send_once(batch()), CommitResult::landed);
  ASSERT_EQ(stale.size(), 1U);
  EXPECT_EQ(stale[0].batch, 0) << "older than the batch that has landed since";
}

// A store whose every commit meets one of these before it lands; its sender sends again (I1b).
class FaultyHandles final : public testing::Database {
 public:
  FaultyHandles(int shard_count, std::vector<CommitFault> faults)
      : database_(make_memory_database(shard_count)), faults_(std::move(faults)) {}
  std::unique_ptr<Store> open() override {
    auto counts = std::make_shared<std::map<std::int64_t, std::size_t>>();
    return std::make_unique<FaultStore>(
        make_memory_store(database_), FaultScript{.commit = [counts, this](const Batch& batch) {
          std::size_t& sendings = (*counts)[batch.number];
          const bool faulty = sendings < faults_.size();
          const CommitFault fault = faulty ? faults_[sendings] : CommitFault::none;
          sendings = faulty ? sendings + 1 : 0;
          return fault;
        }});
  }

 private:
  std::shared_ptr<MemoryDatabase> database_;
  const std::vector<CommitFault> faults_;
};

testing::StoreKind faulty(const char* name, std::vector<CommitFault> faults) {
  return {name,
          [=](int shard_count) { return std::make_unique<FaultyHandles>(shard_count, faults); }};
}

}  // namespace

namespace testing {

INSTANTIATE_TEST_SUITE_P(Faulty,
                         StoreConformance,
                         ::testing::Values(faulty("faultless", {}),
                                           faulty("lost", {CommitFault::lost}),
                                           faulty("answer_lost", {CommitFault::answer_lost}),
                                           faulty("late", {CommitFault::lands_late}),
                                           faulty("all",
                                                  {CommitFault::lost, CommitFault::lands_late,
                                                   CommitFault::answer_lost,
                                                   CommitFault::lands_late})),
                         kind_name);

}  // namespace testing
}  // namespace jobflow::store
