// The exam, fourth part: what one shard tells another, and who waits for whom (I10).
#include "store/testing/store_conformance.h"

#include <gmock/gmock.h>

namespace jobflow::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Id id_in(ShardNumber shard, int count) {
  return {1'700'000'000'000LL << 22 | shard << 12 | count};
}

LetterRow letter(ShardNumber from, ShardNumber to, int number, int after = 0) {
  return {.from = from,
          .to = to,
          .number = id_in(from, number),
          .after = after == 0 ? Id{} : id_in(from, after),
          .body = WatchRun{.run = id_in(to, 7), .watcher = id_in(from, 8)}};
}

TEST_P(StoreConformance, I10_LettersAreKeptInOrderUntilTheyAreApplied) {
  Writer writer(*subject);
  LetterRow ended = letter(3, 5, 9, 2);
  ended.body = RunEnded{.run = {7}, .watcher = {8}, .state = RunState::cancelled};
  ASSERT_TRUE(
      landed(writer.commit({InsertLetter{letter(3, 5, 2)}, InsertLetter{letter(3, 4, 11)},
                            InsertLetter{letter(3, 3, 12)}, InsertLetter{letter(4, 5, 1)}})));
  ASSERT_TRUE(landed(writer.commit({InsertLetter{ended}})));
  const auto letters = [&](ShardNumber shard) { return desk.load_shard(1, shard).letters; };
  EXPECT_THAT(letters(3), ElementsAre(letter(3, 3, 12), letter(3, 4, 11), letter(3, 5, 2), ended));
  EXPECT_THAT(letters(4), ElementsAre(letter(4, 5, 1)));
  EXPECT_THAT(letters(5), IsEmpty());

  const auto rows = subject->rows_written();
  ASSERT_TRUE(landed(writer.commit({DeleteLetters{.from = 3, .to = 5, .up_to = id_in(3, 9)}})));
  EXPECT_EQ(subject->rows_written() - rows, 3) << "two letters and the member's row";
  EXPECT_THAT(letters(3), ElementsAre(letter(3, 3, 12), letter(3, 4, 11)));
  EXPECT_THAT(letters(4), ElementsAre(letter(4, 5, 1)));
}

TEST_P(StoreConformance, I10_AReceiverMarksWhatItHasApplied) {
  Writer writer(*subject);
  const auto mark = [](ShardNumber to, ShardNumber from, int number) {
    return LetterMarkRow{.to = to, .from = from, .number = id_in(from, number)};
  };
  ASSERT_TRUE(landed(writer.commit(
      {MarkLetter{mark(5, 3, 1)}, MarkLetter{mark(5, 2, 1)}, MarkLetter{mark(4, 3, 6)}})));
  ASSERT_TRUE(landed(writer.commit({MarkLetter{mark(5, 3, 2)}, MarkLetter{mark(5, 3, 4)}})));
  EXPECT_THAT(desk.load_shard(1, 5).marks, ElementsAre(mark(5, 2, 1), mark(5, 3, 4)));
  EXPECT_THAT(desk.load_shard(1, 4).marks, ElementsAre(mark(4, 3, 6)));
  EXPECT_THAT(desk.load_shard(1, 3).marks, IsEmpty());
}

TEST_P(StoreConformance, WhichTriggersFollowAJobIsKnownAtItsHome) {
  Writer writer(*subject);
  FollowRow first{.shard = 3,
                  .kind = DefinitionKind::workflow,
                  .name_space = "a",
                  .name = "w",
                  .trigger = id_in(5, 1),
                  .follow = id_in(5, 2),
                  .states = 896};
  FollowRow second = first;
  second.trigger = id_in(4, 9);
  FollowRow far = first;
  far.shard = 5;
  ASSERT_TRUE(landed(writer.commit({SaveFollow{first}, SaveFollow{second}, SaveFollow{far}})));
  const auto follows = [&](ShardNumber shard) { return desk.load_shard(1, shard).follows; };
  EXPECT_THAT(follows(3), ElementsAre(second, first));
  EXPECT_THAT(follows(5), ElementsAre(far));
  first.follow = id_in(5, 3);
  first.kind = DefinitionKind::job;
  first.name = "j";
  ASSERT_TRUE(landed(writer.commit(
      {SaveFollow{first}, DeleteFollow{3, second.trigger}, DeleteFollow{3, id_in(7, 7)}})));
  EXPECT_THAT(follows(3), ElementsAre(first));
  EXPECT_EQ(desk.load_shard(1, 3).shard_count, subject->facts().shard_count);
}

TEST_P(StoreConformance, S35_PermitsAreKnownAtTheirSemaphoresHomeAndAtTheirRuns) {
  Writer writer(*subject);
  PermitRow held{.shard = 3,
                 .ask = id_in(5, 1),
                 .run = id_in(5, 7),
                 .name_space = "a",
                 .semaphore = "db",
                 .priority = -2,
                 .since = {10},
                 .granted = {}};
  PermitRow waiting = held;
  waiting.ask = id_in(4, 9);
  waiting.run = id_in(4, 8);
  PermitRow other = waiting;
  other.ask = id_in(6, 1);
  other.semaphore = "disk";
  PermitRow far = held;
  far.shard = 5;
  const HoldRow hold{.ask = id_in(5, 1),
                     .run = id_in(5, 7),
                     .name_space = "a",
                     .semaphore = "db",
                     .granted = false};
  HoldRow elsewhere = hold;
  elsewhere.ask = id_in(4, 9);
  ASSERT_TRUE(landed(writer.commit({SavePermit{held}, SavePermit{waiting}, SavePermit{other},
                                    SavePermit{far}, SaveHold{hold}, SaveHold{elsewhere}})));
  EXPECT_THAT(desk.load_shard(1, 3).permits, ElementsAre(waiting, held, other));
  EXPECT_THAT(desk.load_shard(1, 5).permits, ElementsAre(far));
  EXPECT_THAT(desk.load_shard(1, 5).holds, ElementsAre(hold));
  EXPECT_THAT(desk.load_shard(1, 4).holds, ElementsAre(elsewhere));

  held.granted = {77};
  HoldRow granted = hold;
  granted.granted = true;
  ASSERT_TRUE(landed(writer.commit({SavePermit{held}, SaveHold{granted}})));
  EXPECT_THAT(desk.load_shard(1, 5).holds, ElementsAre(granted));
  const auto use = [&](int limit) {
    return desk.list_permits({.shard = 3, .name_space = "a", .semaphore = "db", .limit = limit});
  };
  EXPECT_THAT(use(9).rows, ElementsAre(held, waiting)) << "who holds one comes first";
  EXPECT_THAT(use(1).rows, ElementsAre(held));
  EXPECT_EQ(use(1).held, 1);
  EXPECT_EQ(use(1).waiting, 1);
  EXPECT_EQ(desk.list_permits({.shard = 3, .name_space = "b", .semaphore = "db"}).held, 0);

  const auto rows = subject->rows_written();
  ASSERT_TRUE(landed(writer.commit({DeletePermit{3, held.ask}, DeletePermit{3, held.ask},
                                    DeleteHold{hold.ask}, DeleteHold{hold.ask}})));
  EXPECT_EQ(subject->rows_written() - rows, 3) << "one of each, and the member's row";
  EXPECT_THAT(desk.load_shard(1, 3).permits, ElementsAre(waiting, other));
  EXPECT_THAT(desk.load_shard(1, 5).holds, IsEmpty());

  PermitRow bad = held;
  bad.semaphore.clear();
  HoldRow runless = hold;
  runless.run = {};
  EXPECT_EQ(writer.commit({SavePermit{bad}}).result, CommitResult::refused);
  EXPECT_EQ(writer.commit({SaveHold{runless}}).result, CommitResult::refused);
}

TEST_P(StoreConformance, WhoWaitsForARunIsKnownAtItsHome) {
  Writer writer(*subject);
  const WatchRow first{.run = id_in(3, 1), .watcher = id_in(5, 1)};
  const WatchRow second{.run = id_in(3, 1), .watcher = id_in(5, 2)};
  const WatchRow other{.run = id_in(4, 1), .watcher = id_in(5, 2)};
  ASSERT_TRUE(landed(writer.commit({SaveWatch{second}, SaveWatch{first}, SaveWatch{other}})));
  EXPECT_THAT(desk.load_shard(1, 3).watches, ElementsAre(first, second));
  const auto rows = subject->rows_written();
  ASSERT_TRUE(landed(writer.commit({SaveWatch{first}})));
  EXPECT_EQ(subject->rows_written() - rows, 1) << "it was there: only the member's row";
  ASSERT_TRUE(landed(writer.commit({DeleteWatch{first}, DeleteWatch{first}})));
  EXPECT_THAT(desk.load_shard(1, 3).watches, ElementsAre(second));
  EXPECT_THAT(desk.load_shard(1, 4).watches, ElementsAre(other));
}

TEST_P(StoreConformance, OfARefusedBatchNoLetterStays) {
  Writer writer(*subject);
  const Id run = writer.new_id(3);
  ASSERT_TRUE(
      landed(writer.commit({InsertLetter{letter(3, 5, 2)}, SaveWatch{{.run = run, .watcher = {8}}},
                            MarkLetter{{.to = 3, .from = 5, .number = {4}}}})));
  const auto before = desk.load_shard(1, 3);
  const std::vector<Change> good{
      DeleteLetters{.from = 3, .to = 5, .up_to = id_in(3, 2)}, InsertLetter{letter(3, 5, 5)},
      DeleteWatch{{.run = run, .watcher = {8}}}, SaveWatch{{.run = run, .watcher = {9}}},
      MarkLetter{{.to = 3, .from = 5, .number = {6}}}};
  for (const Change& bad :
       {Change(InsertLetter{letter(3, 5, 5)}), Change(InsertLetter{letter(3, 5, 6, 6)}),
        Change(MarkLetter{{.to = 3, .from = 5, .number = {}}}),
        Change(SaveWatch{{.run = run, .watcher = {}}})}) {
    auto changes = good;
    changes.push_back(bad);
    EXPECT_EQ(writer.commit(std::move(changes)).result, CommitResult::refused);
    const auto after = desk.load_shard(1, 3);
    EXPECT_EQ(after.letters, before.letters);
    EXPECT_EQ(after.watches, before.watches);
    EXPECT_EQ(after.marks, before.marks);
  }
}

}  // namespace
}  // namespace jobflow::store::testing
