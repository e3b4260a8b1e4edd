// The committer alone, against a store that is played line by line (house 3, 3b, I1b, I4).
#include "runtime/committer.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace jobflow::runtime {
namespace {

using store::CommitResult;

// Everything a batch says, as one text: two equal texts are the same batch, byte for byte.
std::string bytes_of(const store::Batch& batch) {
  std::string text = std::to_string(batch.member) + "/" + std::to_string(batch.term) + "/" +
                     std::to_string(batch.number) + "@" + std::to_string(batch.time.ms);
  for (const store::ShardPart& part : batch.parts) {
    text += " shard " + std::to_string(part.shard) + " last " + to_string(part.last_id) + " from " +
            std::to_string(part.journal.first) + ":";
    for (const Change& change : part.changes) {
      text += " r" + std::to_string(std::get<UpdateRun>(change).run.value);
    }
    for (const Event& event : part.journal.events) {
      text += " e" + std::to_string(event.subject.value);
    }
  }
  return text;
}

class Stage final : public CommitterOwner {
 public:
  explicit Stage(MemberTimes times = {}) : committer(*this, times) {
    committer.begin({.member = 7, .term = 3, .batch = 100});
  }

  // A decision of `name` that writes a row and an event; its answer and effect are heard as `name`.
  void add(ShardNumber shard, int name) {
    Decided decided = with_answer(shard, name);
    decided.decision.changes.emplace_back(UpdateRun{.run = Id{name}, .progress = {}});
    decided.decision.events.push_back({.subject = Id{name}});
    decided.last_id = Id{name};
    decided.first_event = next_event[shard] + 1;
    next_event[shard] += 1;
    committer.add(std::move(decided));
  }
  void add_answer_only(ShardNumber shard, int name) { committer.add(with_answer(shard, name)); }
  void kick() { committer.kick(moment()); }
  void answer(CommitResult result) { committer.answered({result, "because"}, moment()); }

  const store::Batch& last() const { return *sent.back(); }
  // The rows of the last batch sent.
  std::vector<std::int64_t> last_rows() const {
    std::vector<std::int64_t> rows;
    for (const store::ShardPart& part : last().parts) {
      for (const Change& change : part.changes) {
        rows.push_back(std::get<UpdateRun>(change).run.value);
      }
    }
    return rows;
  }
  // Plays a store that refuses the rows in `poison`, until nothing is under way.
  void play(const std::vector<std::int64_t>& poison) {
    while (sent.size() > answered_sends) {
      answered_sends = sent.size();
      const auto rows = last_rows();
      const bool is_bad = std::any_of(rows.begin(), rows.end(), [&](std::int64_t row) {
        return std::count(poison.begin(), poison.end(), row) > 0;
      });
      if (!is_bad) {
        landed_rows.insert(landed_rows.end(), rows.begin(), rows.end());
        landed_numbers.push_back(last().number);
        for (const store::ShardPart& part : last().parts) {
          journal[part.shard].push_back(part.journal.first);
        }
      }
      answer(is_bad ? CommitResult::refused : CommitResult::landed);
    }
  }

  void landed(const store::Batch& batch, std::size_t decisions, Span) override {
    heard.push_back("landed " + std::to_string(batch.number) + " of " + std::to_string(decisions));
  }
  void released(Decided& decided) override {
    heard.push_back("released " + decided.command.principal);
  }
  void flushed() override { heard.emplace_back("flushed"); }
  void refused(Decided bad, std::vector<Decided> kept, std::string why) override {
    std::string line = "refused " + bad.command.principal + " (" + why + ") kept";
    for (const Decided& decided : kept) {
      line += " " + decided.command.principal;
    }
    heard.push_back(line);
  }
  void store_away(bool away, const std::string&) override {
    heard.emplace_back(away ? "away" : "back");
  }
  void fenced(const std::string&) override { heard.emplace_back("fenced"); }
  void history_changed(std::vector<Decided> undurable, bool /*is_known*/) override {
    heard.push_back("history changed, " + std::to_string(undurable.size()) + " undurable");
  }
  void send(std::shared_ptr<const store::Batch> batch) override {
    sent.push_back(std::move(batch));
  }

  Committer committer;
  Instant now{1000};  // monotonic; the wall clock goes its own way
  Moment moment() const { return {now - milliseconds(500), now}; }
  std::map<ShardNumber, std::int64_t> next_event;
  std::vector<std::shared_ptr<const store::Batch>> sent;
  std::vector<std::string> heard;
  std::size_t answered_sends = 0;
  std::vector<std::int64_t> landed_rows, landed_numbers;
  std::map<ShardNumber, std::vector<std::int64_t>> journal;

 private:
  Decided with_answer(ShardNumber shard, int name) {
    Decided decided;
    decided.shard = shard;
    decided.command.principal = std::to_string(name);
    decided.decision.effects.emplace_back(engine::SendAck{Id{1}, Id{name}});
    return decided;
  }
};

using Lines = std::vector<std::string>;
using Rows = std::vector<std::int64_t>;

TEST(Committer, SendsAtOnceWhenIdleAndGathersWhileOneIsUnderWay) {
  Stage stage;
  stage.add(1, 11);
  stage.kick();
  ASSERT_EQ(stage.sent.size(), 1U);
  EXPECT_EQ(stage.last().number, 101);
  stage.add(2, 21);
  stage.add(1, 12);
  stage.add(2, 22);
  stage.kick();
  EXPECT_EQ(stage.sent.size(), 1U) << "one in flight";
  stage.answer(CommitResult::landed);
  ASSERT_EQ(stage.sent.size(), 2U) << "what gathered goes at once";
  EXPECT_EQ(bytes_of(stage.last()),
            "7/3/102@500 shard 2 last 22 from 1: r21 r22 e21 e22 shard 1 last 12 from 2: r12 e12");
  stage.answer(CommitResult::landed);
  EXPECT_TRUE(stage.committer.idle());
  EXPECT_EQ(stage.committer.undurable(), 0U);
}

// I4: nothing is heard before its commit; then in the order of the decisions.
TEST(Committer, ReleasesEffectsAfterTheCommitInOrder) {
  Stage stage;
  stage.add(1, 1);
  stage.add(2, 2);
  stage.add(1, 3);
  stage.kick();
  EXPECT_EQ(stage.heard, Lines{});
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.heard,
            (Lines{"landed 101 of 3", "released 1", "released 2", "released 3", "flushed"}));
}

TEST(Committer, AnswersThatWriteNothingWaitBehindEarlierDecisions) {
  Stage stage;
  stage.add_answer_only(1, 1);
  stage.kick();
  EXPECT_EQ(stage.heard, (Lines{"released 1", "flushed"})) << "nothing to wait for";
  EXPECT_TRUE(stage.sent.empty());
  stage.heard.clear();
  stage.add(1, 2);
  stage.kick();
  stage.add_answer_only(1, 3);
  stage.kick();
  EXPECT_EQ(stage.heard, Lines{}) << "what it says may rest on what is not durable";
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.heard,
            (Lines{"landed 101 of 1", "released 2", "flushed", "released 3", "flushed"}));
  EXPECT_EQ(stage.sent.size(), 1U);
}

// An answer that writes nothing touches no shard: no part, no journal row (house 3.5).
TEST(Committer, LeavesShardsThatWriteNothingOutOfTheBatch) {
  Stage stage;
  stage.add_answer_only(5, 1);
  stage.add(1, 2);
  stage.add_answer_only(6, 3);
  stage.kick();
  EXPECT_EQ(bytes_of(stage.last()), "7/3/101@500 shard 1 last 2 from 1: r2 e2");
  stage.answer(CommitResult::refused);
  stage.play({2});
  EXPECT_EQ(stage.heard,
            (Lines{"refused 2 (because) kept", "released 1", "flushed", "released 3", "flushed"}));
  EXPECT_TRUE(stage.committer.idle());
}

// I1b: nothing is concluded from a lost answer; the same batch goes again, byte for byte.
TEST(Committer, RetriesTheSameBatchByteForByte) {
  Stage stage;
  stage.add(1, 1);
  stage.add(2, 2);
  stage.kick();
  const std::string first = bytes_of(stage.last());
  stage.now = {2000};
  stage.answer(CommitResult::retry);
  ASSERT_EQ(stage.sent.size(), 2U) << "the first retry waits for nothing";
  stage.add(1, 3);
  stage.kick();
  stage.answer(CommitResult::retry);
  ASSERT_EQ(stage.sent.size(), 2U) << "the next ones back off";
  for (int tries = 0; tries < 12; ++tries) {
    const Instant wake = stage.committer.next_wake();
    ASSERT_GT(wake, stage.now);
    ASSERT_LE(wake, stage.now + milliseconds(250));
    stage.committer.wake(wake - milliseconds(1));
    const auto sends = stage.sent.size();
    stage.now = wake;
    stage.committer.wake(wake);
    ASSERT_EQ(stage.sent.size(), sends + 1);
    EXPECT_EQ(bytes_of(stage.last()), first);
    stage.answer(CommitResult::retry);
  }
  EXPECT_EQ(stage.heard, Lines{});
  stage.committer.wake(stage.committer.next_wake());
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.last().number, 102);
  EXPECT_EQ(stage.last_rows(), Rows{3});
}

TEST(Committer, BacksOffWhileTheStoreIsAwayAndSaysSoOnce) {
  Stage stage;
  stage.add(1, 1);
  stage.kick();
  const std::string first = bytes_of(stage.last());
  Span pause{};
  for (int tries = 0; tries < 10; ++tries) {
    stage.answer(CommitResult::unavailable);
    EXPECT_GE(stage.committer.next_wake() - stage.now, pause) << "the pauses grow";
    pause = stage.committer.next_wake() - stage.now;
    stage.now = stage.committer.next_wake();
    stage.add(1, 10 + tries);  // reports go on
    stage.kick();
    stage.committer.wake(stage.now);
    EXPECT_EQ(bytes_of(stage.last()), first);
  }
  EXPECT_EQ(pause, seconds(2));
  EXPECT_EQ(stage.heard, Lines{"away"});
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.heard.at(1), "back");
  EXPECT_EQ(stage.last().number, 102);
  EXPECT_EQ(stage.last_rows().size(), 10U) << "all that gathered, in one";
  EXPECT_EQ(stage.committer.next_wake(), kNever);
}

// House 3b: by shard, then by halves, down to the one; the others land, numbers stay gapless.
TEST(Committer, FindsTheOneBadDecision) {
  for (int bad = 1; bad <= 16; ++bad) {
    SCOPED_TRACE("bad " + std::to_string(bad));
    Stage stage;
    stage.add(9, 100);  // keeps the committer busy, so that the others share a batch
    stage.kick();
    for (int name = 1; name <= 16; ++name) {
      stage.add(static_cast<ShardNumber>(name % 3), name);
    }
    stage.play({bad});
    Rows landed = stage.landed_rows;
    std::sort(landed.begin(), landed.end());
    Rows expected;
    std::string refusal = "refused " + std::to_string(bad) + " (because) kept";
    for (int name = 1; name <= 16; ++name) {
      const bool was_kept = name > bad && name % 3 == bad % 3;
      if (was_kept) {
        refusal += " " + std::to_string(name);
      } else if (name != bad) {
        expected.push_back(name);
      }
    }
    // Of the bad one's shard, what came before landed and what came after is handed back; halves
    // may have landed in between or not, the order never changes.
    EXPECT_EQ(std::count(stage.heard.begin(), stage.heard.end(), refusal), 1) << refusal;
    expected.push_back(100);
    EXPECT_EQ(landed, expected);
    for (std::size_t i = 0; i < stage.landed_numbers.size(); ++i) {
      EXPECT_EQ(stage.landed_numbers[i], 101 + static_cast<std::int64_t>(i)) << "gapless";
    }
    EXPECT_TRUE(stage.committer.idle());
  }
}

TEST(Committer, GivesBackWhatTheShardDecidedLaterWhereverItIs) {
  Stage stage;
  stage.add(1, 1);
  stage.kick();
  for (int name = 2; name <= 6; ++name) {
    stage.add(1, name);
  }
  stage.answer(CommitResult::landed);  // 2..6 are under way
  stage.add(1, 7);
  stage.add(2, 8);
  stage.kick();
  stage.answered_sends = stage.sent.size() - 1;
  stage.play({3});
  EXPECT_EQ(std::count(stage.heard.begin(), stage.heard.end(),
                       std::string("refused 3 (because) kept 4 5 6 7")),
            1);
  EXPECT_EQ(stage.landed_rows, (Rows{2, 8}));
  EXPECT_TRUE(stage.committer.idle());
}

// 3c: what a snapshot of some batch had seen, whatever numbers the decisions landed under.
TEST(Committer, KnowsWhichDecisionsASnapshotHadSeen) {
  Stage stage;
  stage.add(1, 1);
  stage.kick();
  const std::int64_t first = stage.committer.durable_place();
  stage.add(2, 2);
  const std::int64_t last = stage.committer.next_place() - 1;
  EXPECT_EQ(last, first + 2);
  EXPECT_EQ(stage.committer.place_of_batch(100), first);
  EXPECT_EQ(stage.committer.place_of_batch(101), first + 1) << "its answer may still be on its way";
  stage.answer(CommitResult::refused);  // 101 is the other one now
  EXPECT_EQ(stage.last_rows(), Rows{2});
  EXPECT_EQ(stage.committer.place_of_batch(101), last);
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.committer.place_of_batch(101), last);
  EXPECT_EQ(stage.committer.place_of_batch(100), 0) << "before this committer's first landing";
  stage.add(1, 3);
  EXPECT_EQ(stage.committer.place_of_batch(101), last);
  stage.kick();
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.committer.place_of_batch(101), last);
  EXPECT_EQ(stage.committer.place_of_batch(102), last + 1);
}

TEST(Committer, SaysWhenItIsFenced) {
  Stage stage;
  stage.add(1, 1);
  stage.kick();
  stage.add(1, 2);
  stage.answer(CommitResult::fenced);
  EXPECT_EQ(stage.heard, Lines{"fenced"});
  EXPECT_EQ(stage.committer.take_all().size(), 2U) << "the owner takes what is left";
  stage.kick();
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.sent.size(), 1U);
  EXPECT_EQ(stage.heard, Lines{"fenced"}) << "a late answer to what was taken back means nothing";
}

TEST(Committer, HandsEverythingBackWhenHistoryChanged) {
  Stage stage;
  stage.add(1, 1);
  stage.add(2, 2);
  stage.kick();
  stage.add(1, 3);
  stage.answer(CommitResult::history_changed);
  EXPECT_EQ(stage.heard, Lines{"history changed, 3 undurable"});
  EXPECT_TRUE(stage.committer.idle());
  stage.committer.begin({.member = 7, .term = 4, .batch = 5});
  stage.add(1, 4);
  stage.kick();
  EXPECT_EQ(stage.last().number, 6);
  EXPECT_EQ(stage.last().term, 4);
}

// --- one of several members (house 4, "Time and death")

constexpr MemberTimes kTimes{.beat_every = milliseconds(500), .lease = seconds(2)};

TEST(CommitterOfMany, BeatsAtOnceAndWheneverItHasBeenSilent) {
  Stage stage(kTimes);
  stage.kick();
  ASSERT_EQ(stage.sent.size(), 1U) << "the first beat proves the lease";
  EXPECT_TRUE(stage.last().parts.empty());
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.committer.next_wake(), stage.now + milliseconds(500));
  stage.kick();
  EXPECT_EQ(stage.sent.size(), 1U);
  stage.now = stage.now + milliseconds(400);
  stage.add(1, 1);
  stage.kick();
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.committer.next_wake(), stage.now + milliseconds(500)) << "that was a beat too";
  stage.now = stage.now + milliseconds(500);
  stage.kick();
  EXPECT_EQ(stage.sent.size(), 3U);
  EXPECT_EQ(stage.last().number, 103);
}

TEST(CommitterOfMany, ReleasesNothingBeforeItsFirstBeatHasLanded) {
  Stage stage(kTimes);
  stage.add_answer_only(1, 1);
  stage.kick();
  EXPECT_EQ(stage.heard, Lines{});
  stage.answer(CommitResult::landed);
  stage.answer(CommitResult::landed);
  EXPECT_NE(stage.heard, Lines{});
}

// I4, house 4: the batch landed, but its answer came when the lease, counted from its sending, had
// run out: somebody else may own our shards by now.
TEST(CommitterOfMany, HoldsBackWhatItsLeaseNoLongerCovers) {
  Stage stage(kTimes);
  stage.kick();
  stage.answer(CommitResult::landed);
  stage.heard.clear();
  stage.add(1, 1);
  stage.kick();
  stage.now = stage.now + seconds(2);
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.heard, Lines{}) << "late";
  EXPECT_EQ(stage.committer.undurable(), 1U) << "not settled yet";
  stage.kick();
  ASSERT_EQ(stage.sent.size(), 3U) << "a beat proves it anew";
  stage.answer(CommitResult::landed);
  EXPECT_FALSE(stage.heard.empty());
  EXPECT_EQ(stage.committer.undurable(), 0U);
}

TEST(CommitterOfMany, DropsWhatItHeldBackWhenItWasFenced) {
  Stage stage(kTimes);
  stage.kick();
  stage.answer(CommitResult::landed);
  stage.heard.clear();
  stage.add(1, 1);
  stage.kick();
  stage.now = stage.now + seconds(3);
  stage.answer(CommitResult::landed);
  stage.kick();
  stage.answer(CommitResult::fenced);
  EXPECT_EQ(stage.heard, Lines{"fenced"});
  EXPECT_EQ(stage.committer.take_all().size(), 1U) << "nobody was told";
}

// The lease counts from the first sending of what landed, whichever sending it was that did.
TEST(CommitterOfMany, CountsItsLeaseFromTheFirstSending) {
  Stage stage(kTimes);
  stage.kick();
  const Instant first = stage.now;
  stage.now = stage.now + milliseconds(1500);
  stage.answer(CommitResult::retry);
  ASSERT_EQ(stage.sent.size(), 2U);
  stage.answer(CommitResult::landed);
  EXPECT_EQ(stage.committer.lease_from(), first);
}

TEST(CommitterOfMany, SendsAPlacementByItselfAndSaysWhetherItFitted) {
  Stage stage(kTimes);
  stage.kick();
  stage.answer(CommitResult::landed);
  std::vector<bool> placed;
  const auto note = [&](bool is_placed) { placed.push_back(is_placed); };
  stage.add(1, 1);
  stage.committer.place({.moves = {{.shard = 5, .from = 0, .epoch = 0, .to = 7}}}, note);
  stage.committer.place({.generation = 1}, note);
  stage.kick();
  ASSERT_TRUE(stage.last().placement.has_value());
  EXPECT_TRUE(stage.last().parts.empty());
  EXPECT_EQ(stage.last().number, 102);
  stage.answer(CommitResult::retry);
  stage.answer(CommitResult::landed);
  EXPECT_EQ(placed, std::vector<bool>{true});
  EXPECT_EQ(stage.last().number, 103);
  ASSERT_TRUE(stage.last().placement.has_value());
  stage.answer(CommitResult::not_as_seen);
  EXPECT_EQ(placed, (std::vector<bool>{true, false}));
  EXPECT_EQ(stage.last().number, 103) << "nothing was written: the number is free again";
  EXPECT_EQ(stage.last_rows(), Rows{1});
}

TEST(CommitterOfMany, SendsTheLastWordOfAShard) {
  Stage stage(kTimes);
  stage.kick();
  stage.answer(CommitResult::landed);
  stage.add(4, 1);
  stage.committer.add({.shard = 4, .last_id = Id{1}, .first_event = 2, .hand_to = 9});
  stage.kick();
  ASSERT_EQ(stage.last().parts.size(), 1U);
  EXPECT_EQ(stage.last().parts[0].hand_to, 9);
  EXPECT_EQ(stage.last().parts[0].last_id, Id{1});
}

}  // namespace
}  // namespace jobflow::runtime
