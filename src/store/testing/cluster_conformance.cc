// The exam, third part: who is in the cluster and who owns what (I1c-I1e).
#include "store/testing/store_conformance.h"

#include <gmock/gmock.h>

namespace jobflow::store::testing {
namespace {

const Id kJob{42LL << 22 | 3 << 12};  // its shard is 3

// A member of a cluster that writes beats, placements and the one shard it is given.
class Peer {
 public:
  Peer(Store& store, const std::string& name)
      : desk_(store),
        ticket_(desk_.join({.name = name, .alone = false, .address = name + ":7702"})) {}

  const Ticket& ticket() const { return ticket_; }
  std::int64_t id() const { return ticket_.member; }
  CommitAnswer beat() { return send({}); }
  CommitAnswer place(Placement placement) {
    Batch batch;
    batch.placement = std::move(placement);
    return send(std::move(batch));
  }
  CommitAnswer in_generation(std::int64_t generation) {
    Batch batch;
    batch.generation = generation;
    return send(std::move(batch));
  }
  // The last one that landed, said once more.
  CommitAnswer again(std::int64_t generation) {
    ticket_.batch -= 1;
    return in_generation(generation);
  }
  CommitAnswer claim(ShardNumber shard, std::int64_t epoch) {
    return place({.moves = {{.shard = shard, .from = 0, .epoch = epoch, .to = id()}}});
  }
  // A run in shard 3, whose events and ids go on from where the store stands.
  CommitAnswer write(std::int64_t epoch, std::int64_t hand_to = 0) {
    const ShardImage image = desk_.load_shard(id(), 3);
    const Id run = next_id(image.last_id, 3, {1'700'000'000'000});
    Batch batch;
    batch.parts.push_back({.shard = 3,
                           .epoch = epoch,
                           .last_id = run,
                           .journal = {.source = 3, .first = image.next_event, .events = {{}}},
                           .changes = {InsertRun{job_run(run, kJob)}},
                           .hand_to = hand_to});
    return send(std::move(batch));
  }
  CommitAnswer send(Batch batch) {
    batch.member = ticket_.member;
    batch.term = ticket_.term;
    batch.number = ticket_.batch + 1;
    CommitAnswer answer = desk_.commit(std::make_shared<Batch>(std::move(batch)));
    ticket_.batch += answer.result == CommitResult::landed ? 1 : 0;
    return answer;
  }

 private:
  Desk desk_;
  Ticket ticket_;
};

MemberRow row_of(Desk& desk, std::int64_t id) {
  for (const MemberRow& member : desk.read_cluster().members) {
    if (member.id == id) {
      return member;
    }
  }
  return {};
}

ShardOwner owner_of(Desk& desk, ShardNumber shard) {
  return desk.read_cluster().shards.at(shard);
}

TEST_P(StoreConformance, AMemberThatJoinsOwnsNothingYet) {
  const Peer a(*subject, "a");
  const auto image = desk.read_cluster();
  EXPECT_EQ(image.generation, 1);
  ASSERT_EQ(image.members.size(), 1U);
  EXPECT_EQ(image.members[0], (MemberRow{.id = a.id(),
                                         .name = "a",
                                         .term = 1,
                                         .batch = 0,
                                         .state = MemberState::active,
                                         .address = "a:7702"}));
  ASSERT_EQ(image.shards.size(), static_cast<std::size_t>(kShardCount));
  for (ShardNumber shard = 0; shard < kShardCount; ++shard) {
    EXPECT_EQ(image.shards[shard], (ShardOwner{.shard = shard, .owner = 0, .epoch = 0}));
  }
}

TEST_P(StoreConformance, ABeatMovesTheMembersRowAndNothingElse) {
  Peer a(*subject, "a");
  const auto before = desk.read_cluster().shards;
  ASSERT_TRUE(landed(a.beat()));
  ASSERT_TRUE(landed(a.beat()));
  EXPECT_EQ(row_of(desk, a.id()).batch, 2);
  EXPECT_EQ(row_of(desk, a.id()).state, MemberState::active);
  EXPECT_EQ(desk.read_cluster().shards, before);
}

TEST_P(StoreConformance, I1e_AnOrphanIsClaimedOnce) {
  Peer a(*subject, "a"), b(*subject, "b");
  ASSERT_TRUE(landed(a.claim(3, 0)));
  EXPECT_EQ(owner_of(desk, 3), (ShardOwner{.shard = 3, .owner = a.id(), .epoch = 1}));
  EXPECT_EQ(b.claim(3, 0).result, CommitResult::not_as_seen);
  EXPECT_EQ(owner_of(desk, 3).owner, a.id());
  EXPECT_EQ(row_of(desk, b.id()).batch, 0) << "rolled back, its number too";
  EXPECT_TRUE(landed(b.beat()));
}

TEST_P(StoreConformance, I1e_ATakeoverRevokesAndMovesInOneTransaction) {
  Peer a(*subject, "a"), b(*subject, "b");
  ASSERT_TRUE(landed(a.claim(3, 0)));
  const auto batch = row_of(desk, a.id()).batch;
  const Placement takeover{.revoked = {{.member = a.id(), .term = 1, .batch = batch}},
                           .moves = {{.shard = 3, .from = a.id(), .epoch = 1, .to = b.id()}}};
  ASSERT_TRUE(landed(b.place(takeover)));
  EXPECT_EQ(owner_of(desk, 3), (ShardOwner{.shard = 3, .owner = b.id(), .epoch = 2}));
  EXPECT_EQ(row_of(desk, a.id()).term, 2);
  EXPECT_EQ(row_of(desk, a.id()).batch, batch) << "I1c";
  EXPECT_EQ(row_of(desk, a.id()).state, MemberState::gone);
  EXPECT_EQ(a.beat().result, CommitResult::fenced);
  EXPECT_EQ(a.write(1).result, CommitResult::fenced);
  EXPECT_TRUE(landed(b.write(2)));
}

// A failover that forgets that a process joined gives the number of its term away once more: to who
// declares the process before it dead. That one is as fenced as any (seed 2300855).
TEST_P(StoreConformance, I1_OneThatIsGoneWritesNothingThoughItsTermIsTheSame) {
  Peer a(*subject, "a"), b(*subject, "b");
  ASSERT_TRUE(landed(a.beat()));
  const auto batch = row_of(desk, a.id()).batch;
  ASSERT_TRUE(landed(b.place({.revoked = {{.member = a.id(), .term = 1, .batch = batch}}})));
  Batch beat{.member = a.id(), .term = 2, .number = batch + 1};
  EXPECT_EQ(desk.commit(std::make_shared<Batch>(beat)).result, CommitResult::fenced);
  beat.number = batch;
  EXPECT_EQ(desk.commit(std::make_shared<Batch>(beat)).result, CommitResult::fenced);
  EXPECT_EQ(row_of(desk, a.id()).batch, batch);
  Peer again(*subject, "a");
  EXPECT_TRUE(landed(again.beat()));
}

TEST_P(StoreConformance, I1e_AMemberWhoseRowHasMovedIsNotDead) {
  Peer a(*subject, "a"), b(*subject, "b");
  ASSERT_TRUE(landed(a.claim(3, 0)));
  const auto seen = row_of(desk, a.id()).batch;
  ASSERT_TRUE(landed(a.beat()));
  const Placement takeover{.revoked = {{.member = a.id(), .term = 1, .batch = seen}},
                           .moves = {{.shard = 3, .from = a.id(), .epoch = 1, .to = b.id()}}};
  EXPECT_EQ(b.place(takeover).result, CommitResult::not_as_seen);
  EXPECT_EQ(row_of(desk, a.id()).term, 1);
  EXPECT_TRUE(landed(a.write(1)));
}

TEST_P(StoreConformance, I1e_OfATakeoverThatDoesNotFitNothingIsWritten) {
  Peer a(*subject, "a"), b(*subject, "b");
  ASSERT_TRUE(landed(a.claim(3, 0)));
  ASSERT_TRUE(landed(a.claim(4, 0)));
  const Placement takeover{
      .revoked = {{.member = a.id(), .term = 1, .batch = row_of(desk, a.id()).batch}},
      .moves = {{.shard = 3, .from = a.id(), .epoch = 1, .to = b.id()},
                {.shard = 4, .from = a.id(), .epoch = 7, .to = b.id()}}};
  EXPECT_EQ(b.place(takeover).result, CommitResult::not_as_seen);
  EXPECT_EQ(row_of(desk, a.id()).term, 1);
  EXPECT_EQ(row_of(desk, a.id()).state, MemberState::active);
  EXPECT_EQ(owner_of(desk, 3).owner, a.id());
}

TEST_P(StoreConformance, I1e_TheLastWordOfAnOwnerHandsItsShardOver) {
  Peer a(*subject, "a"), b(*subject, "b");
  ASSERT_TRUE(landed(a.claim(3, 0)));
  ASSERT_TRUE(landed(a.write(1, b.id())));
  EXPECT_EQ(owner_of(desk, 3), (ShardOwner{.shard = 3, .owner = b.id(), .epoch = 2}));
  EXPECT_EQ(a.write(1).result, CommitResult::history_changed) << "it is not its any more";
  EXPECT_TRUE(landed(b.write(2)));
  EXPECT_EQ(desk.list_runs({}).size(), 2U);
}

TEST_P(StoreConformance, I1b_ATakeoverSentTwiceLandsOnce) {
  Peer a(*subject, "a"), b(*subject, "b");
  ASSERT_TRUE(landed(a.claim(3, 0)));
  auto batch = std::make_shared<Batch>(Batch{.member = b.id(), .term = 1, .number = 1});
  batch->placement =
      Placement{.revoked = {{.member = a.id(), .term = 1, .batch = row_of(desk, a.id()).batch}},
                .moves = {{.shard = 3, .from = a.id(), .epoch = 1, .to = b.id()}}};
  ASSERT_TRUE(landed(desk.commit(batch)));
  EXPECT_TRUE(landed(desk.commit(batch)));
  EXPECT_EQ(owner_of(desk, 3).epoch, 2);
  EXPECT_EQ(row_of(desk, a.id()).term, 2);
}

TEST_P(StoreConformance, AMemberSaysThatItLeavesAndOneThatReturnsIsActive) {
  Peer a(*subject, "a");
  ASSERT_TRUE(landed(a.place({.own_state = MemberState::leaving})));
  EXPECT_EQ(row_of(desk, a.id()).state, MemberState::leaving);
  ASSERT_TRUE(landed(a.beat()));
  EXPECT_EQ(row_of(desk, a.id()).state, MemberState::leaving) << "a beat says nothing about it";
  const Peer again(*subject, "a");
  EXPECT_EQ(again.id(), a.id());
  EXPECT_EQ(row_of(desk, a.id()).state, MemberState::active);
  EXPECT_EQ(a.beat().result, CommitResult::fenced);
}

TEST_P(StoreConformance, TheGenerationIsRaisedOnceByWhoeverSawIt) {
  Peer a(*subject, "a"), b(*subject, "b");
  ASSERT_TRUE(landed(a.place({.generation = 1, .next_generation = 3})));
  EXPECT_EQ(b.place({.generation = 1, .next_generation = 3}).result, CommitResult::not_as_seen);
  EXPECT_EQ(desk.read_cluster().generation, 3);
}

// What was decided in a history that is over never lands, whoever found out about it (house 8).
TEST_P(StoreConformance, ABatchLandsInItsOwnGenerationOnly) {
  Peer a(*subject, "a"), b(*subject, "b");
  ASSERT_TRUE(landed(b.in_generation(1)));
  ASSERT_TRUE(landed(a.place({.generation = 1, .next_generation = 2})));
  EXPECT_EQ(b.in_generation(1).result, CommitResult::old_generation);
  EXPECT_EQ(b.in_generation(3).result, CommitResult::history_changed) << "the store forgot that";
  ASSERT_TRUE(landed(b.in_generation(2)));
  EXPECT_TRUE(landed(b.again(1))) << "it has landed, when its history was not over";
  ASSERT_TRUE(landed(b.beat())) << "of a member that says none";
  EXPECT_EQ(row_of(desk, b.id()).batch, 3);
}

}  // namespace
}  // namespace jobflow::store::testing
