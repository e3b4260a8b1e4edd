// House 4, "Time and death": when a member is held to be dead, and who owns what then.
#include "runtime/lookout.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace jobflow::runtime {
namespace {

constexpr Span kLease = seconds(2);

// Member 1 looks; the others' rows move when they beat.
class LookoutTest : public ::testing::Test {
 protected:
  LookoutTest() {
    for (std::int64_t id = 1; id <= 3; ++id) {
      image.members.push_back({.id = id, .name = "m" + std::to_string(id), .term = 1});
    }
    for (ShardNumber shard = 0; shard < 64; ++shard) {
      image.shards.push_back({.shard = shard, .owner = 0, .epoch = 0});
    }
  }
  // The owners as everybody alive wants them.
  void settle() {
    std::vector<std::int64_t> ids;
    for (const MemberRow& member : image.members) {
      ids.push_back(member.id);
    }
    for (ShardOwner& shard : image.shards) {
      shard.owner = rendezvous(shard.shard, ids);
      shard.epoch = 1;
    }
  }
  void beat(std::int64_t id) { image.members.at(static_cast<std::size_t>(id - 1)).batch += 1; }
  // Looks every 250 ms for a while, during which `who` beat.
  void watch(Span span, const std::vector<std::int64_t>& who) {
    for (const Instant end = now + span; now < end; now = now + milliseconds(250)) {
      for (const std::int64_t id : who) {
        beat(id);
      }
      lookout.beat_landed(now);
      lookout.saw(image, now);
    }
  }
  std::vector<std::int64_t> dead() {
    std::vector<std::int64_t> ids;
    for (const auto& revoked : lookout.conclude(now).placement.revoked) {
      ids.push_back(revoked.member);
    }
    return ids;
  }

  using Ids = std::vector<std::int64_t>;
  ClusterImage image;
  Instant now{5'000'000};
  Lookout lookout{1, kLease};
};

TEST(Rendezvous, SpreadsShardsAndMovesOnlyWhatMust) {  // S4.10, S12.2
  std::vector<std::int64_t> members = {1, 2, 3, 4};
  std::map<std::int64_t, int> share;
  int moved = 0;
  const std::vector<std::int64_t> more = {1, 2, 3, 4, 5};
  for (ShardNumber shard = 0; shard < 1024; ++shard) {
    const auto before = rendezvous(shard, members);
    const auto after = rendezvous(shard, more);
    ++share[before];
    EXPECT_TRUE(after == before || after == 5) << "between two that stayed";
    moved += after == before ? 0 : 1;
  }
  for (const auto& [member, shards] : share) {
    EXPECT_NEAR(shards, 256, 60) << member;
  }
  EXPECT_NEAR(moved, 205, 50);
  EXPECT_EQ(rendezvous(7, {}), 0);
}

TEST_F(LookoutTest, GivesWhatIsNobodysToWhoeverShouldHaveIt) {
  watch(seconds(1), {1, 2, 3});
  const auto conclusion = lookout.conclude(now);
  EXPECT_TRUE(conclusion.placement.revoked.empty());
  ASSERT_EQ(conclusion.placement.moves.size(), 64U);
  for (const auto& move : conclusion.placement.moves) {
    EXPECT_EQ(move.from, 0);
    EXPECT_EQ(move.to, rendezvous(move.shard, Ids{1, 2, 3}));
  }
}

TEST_F(LookoutTest, HoldsAMemberDeadAfterAWholeLeaseOfSilence) {
  settle();
  watch(seconds(1), {1, 2, 3});
  watch(milliseconds(1500), {1, 2});
  EXPECT_EQ(dead(), Ids{}) << "not a whole lease yet";
  watch(milliseconds(500), {1, 2});
  EXPECT_EQ(dead(), Ids{3});
  const auto conclusion = lookout.conclude(now);
  EXPECT_FALSE(conclusion.placement.moves.empty());
  for (const auto& move : conclusion.placement.moves) {
    EXPECT_EQ(move.from, 3);
    EXPECT_EQ(move.to, rendezvous(move.shard, Ids{1, 2}));
  }
  beat(3);
  lookout.saw(image, now);
  EXPECT_EQ(dead(), Ids{}) << "it moves";
}

TEST_F(LookoutTest, JudgesNobodyAfterATimeOfBlindness) {
  settle();
  watch(seconds(3), {1, 2, 3});
  now = now + seconds(30);  // no look and no beat of ours went through
  EXPECT_TRUE(lookout.is_blind(now));
  EXPECT_EQ(dead(), Ids{});
  watch(milliseconds(1750), {1});
  EXPECT_EQ(dead(), Ids{}) << "everybody gets a fresh lease";
  watch(milliseconds(500), {1});
  EXPECT_EQ(dead(), (Ids{2, 3}));
}

TEST_F(LookoutTest, JudgesNobodyWhileItsOwnBeatsDoNotLand) {
  settle();
  watch(seconds(3), {1, 2, 3});
  for (int i = 0; i < 20; ++i, now = now + milliseconds(250)) {
    lookout.saw(image, now);  // reads work, writes do not
  }
  EXPECT_EQ(dead(), Ids{});
  watch(milliseconds(1750), {1});
  EXPECT_EQ(dead(), Ids{}) << "they may have been held up as we were";
}

TEST_F(LookoutTest, AnOldAnswerThatComesLateChangesNothing) {
  settle();
  watch(seconds(1), {1, 2, 3});
  const ClusterImage old = image;
  watch(seconds(3), {1, 2, 3});
  lookout.saw(old, now - seconds(3));
  EXPECT_EQ(lookout.image().members[1].batch, image.members[1].batch);
}

TEST_F(LookoutTest, HandsOverWhatANewcomerShouldHave) {
  settle();
  image.members.push_back({.id = 4, .name = "m4", .term = 1});
  watch(seconds(1), {1, 2, 3, 4});
  const auto conclusion = lookout.conclude(now);
  EXPECT_TRUE(conclusion.is_empty());
  EXPECT_FALSE(conclusion.hand_over.empty());
  for (const auto& [shard, to] : conclusion.hand_over) {
    EXPECT_EQ(image.shards[shard].owner, 1);
    EXPECT_EQ(to, 4);
  }
}

TEST_F(LookoutTest, HandsEverythingOverWhenItLeavesAndTakesNothing) {
  settle();
  image.members[1].state = MemberState::leaving;  // 2 leaves as well
  lookout.set_leaving();
  watch(seconds(1), {1, 2, 3});
  const auto conclusion = lookout.conclude(now);
  const auto mine = std::count_if(image.shards.begin(), image.shards.end(),
                                  [](const ShardOwner& shard) { return shard.owner == 1; });
  EXPECT_EQ(static_cast<std::ptrdiff_t>(conclusion.hand_over.size()), mine);
  for (const auto& [shard, to] : conclusion.hand_over) {
    EXPECT_EQ(to, 3);
  }
}

TEST_F(LookoutTest, KeepsWhatItHasWhenEverybodyLeaves) {
  settle();
  for (MemberRow& member : image.members) {
    member.state = MemberState::leaving;
  }
  watch(seconds(1), {1, 2, 3});
  EXPECT_TRUE(lookout.conclude(now).hand_over.empty());
  EXPECT_TRUE(lookout.conclude(now).is_empty());
}

}  // namespace
}  // namespace jobflow::runtime
