// Runs of one member's shards that wait for runs of another's, while members die, stall, leave and
// cannot hear each other (I10).
#include "runtime/testing/cluster_stage.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace jobflow::runtime {
namespace {

using store::CommitFault;
using testing::ClusterStage;

constexpr int kShardCount = 16;

template <class Wanted>
bool holds(const store::Batch& batch) {
  return std::any_of(batch.parts.begin(), batch.parts.end(), [](const store::ShardPart& part) {
    return std::any_of(part.changes.begin(), part.changes.end(),
                       [](const Change& change) { return std::holds_alternative<Wanted>(change); });
  });
}

class HallLetters : public ::testing::Test {
 protected:
  void SetUp() override {
    stage.start("a");
    stage.start("b");
    stage.advance(seconds(3));
    for (int i = 0; i < kJobs; ++i) {
      stage.save_job("a", name(i), R"({"handler":"h"})");
    }
    stage.advance(milliseconds(100));
  }
  static std::string name(int job) { return "j" + std::to_string(job); }
  // One whose home is that member's, from a first one on.
  int job_of(const std::string& member, int first = 0) {
    const auto names = stage.names();
    const auto shards = stage.image().shards;
    for (int i = first; i < kJobs; ++i) {
      const auto home = home_shard("default", "job", name(i), kShardCount);
      if (names.at(shards.at(home).owner) == member) {
        return i;
      }
    }
    ADD_FAILURE() << "none of " << member;
    return 0;
  }
  Id run(int job, Id after = {}) {
    const auto answer = stage.submit(
        "a", engine::TriggerRun{.name_space = "default", .name = name(job), .after_run = after});
    stage.advance(milliseconds(20));
    EXPECT_TRUE(answer->has_value() && (*answer)->ok());
    return answer->has_value() && (*answer)->ok() ? (**answer)->id : Id{};
  }
  void cancel(const std::string& at, Id run) { stage.submit(at, engine::CancelRun{run}); }
  RunRow row(Id run) {
    for (RunRow& one : stage.runs()) {
      if (one.id == run) {
        return one;
      }
    }
    return {};
  }
  RunState state(Id run) { return row(run).progress.state; }
  // Nothing is left to be said, and nobody to be told.
  void expect_all_said(const std::string& at) {
    for (ShardNumber shard = 0; shard < kShardCount; ++shard) {
      stage.store(at).load_shard(1, shard, [&](const Outcome<ShardImage>& image) {
        EXPECT_TRUE(image->letters.empty()) << shard;
        EXPECT_TRUE(image->watches.empty()) << shard;
      });
    }
    stage.settle();
  }

  static constexpr const char* kWaiting = "jobflow_letters_waiting";
  static constexpr const char* kOldest = "jobflow_letters_oldest_age_seconds";
  static constexpr const char* kAgain = "jobflow_letters_total{what=\"sent_again\"}";
  static constexpr const char* kWritten = "jobflow_letters_total{what=\"written\"}";
  static constexpr int kJobs = 40;
  ClusterStage stage{kShardCount};
};

TEST_F(HallLetters, ARunWaitsForAnotherMembersAndForOneOfItsOwn) {
  for (const char* home : {"b", "a"}) {
    const Id awaited = run(job_of("a"));
    const Id watcher = run(job_of(home), awaited);
    EXPECT_EQ(state(watcher), RunState::waiting);
    EXPECT_EQ(row(watcher).after_run, awaited);
    cancel("b", awaited);
    stage.advance(milliseconds(20));
    EXPECT_EQ(state(watcher), RunState::queued) << "at once, not when it is sent again";
    const Id late = run(job_of(home), awaited);
    EXPECT_EQ(state(late), RunState::queued) << "it had ended already";
  }
  expect_all_said("a");
}

TEST_F(HallLetters, OneThatDoesNotExistIsSaidToBeMissing) {
  const auto answer = stage.submit(
      "a", engine::TriggerRun{
               .name_space = "default", .name = name(0), .after_run = {kShardCount << 12}});
  EXPECT_EQ((*answer)->problem().code, ProblemCode::not_found) << "no shard, no letter";
  const Id watcher = run(job_of("a"), {3 << 12 | 1});
  stage.advance(seconds(1));
  EXPECT_EQ(state(watcher), RunState::failed);
  EXPECT_EQ(row(watcher).progress.error_kind, "after_run");
  expect_all_said("a");
}

TEST_F(HallLetters, WhatTheNetworkSwallowedIsSentAgain) {
  const Id awaited = run(job_of("a"));
  const Id watcher = run(job_of("b"), awaited);
  stage.cut("a", "b");
  cancel("a", awaited);
  stage.advance(seconds(3));
  EXPECT_EQ(state(watcher), RunState::waiting);
  EXPECT_EQ(stage.metric("a", kWaiting), 1);
  EXPECT_GE(stage.metric("a", kOldest), 2.5);
  EXPECT_GE(stage.metric("a", kAgain), 2);
  stage.heal();
  stage.advance(milliseconds(1100));
  EXPECT_EQ(state(watcher), RunState::queued);
  stage.advance(seconds(1));
  expect_all_said("a");
  EXPECT_EQ(stage.metric("a", kWaiting), 0);
  EXPECT_EQ(stage.metric("a", kOldest), 0);
  EXPECT_EQ(stage.metric("a", kWritten) + stage.metric("b", kWritten), 2) << "asked, and told";
}

// The letter is durable, and its sender dies before it is sent.
TEST_F(HallLetters, WhoeverTakesTheSenderOverSendsIt) {
  const Id awaited = run(job_of("a"));
  const Id watcher = run(job_of("b"), awaited);
  bool has_landed = false;
  stage.store("a").set({.commit = [&](const store::Batch& batch) {
    const bool is_it = holds<InsertLetter>(batch);
    return std::exchange(has_landed, has_landed || is_it) ? CommitFault::lost
           : is_it                                        ? CommitFault::answer_lost
                                                          : CommitFault::none;
  }});
  cancel("a", awaited);
  stage.advance(milliseconds(10));
  ASSERT_TRUE(has_landed);
  EXPECT_EQ(state(awaited), RunState::cancelled);
  EXPECT_EQ(state(watcher), RunState::waiting);
  stage.kill("a");
  stage.advance(seconds(5));
  EXPECT_EQ(state(watcher), RunState::queued);
  expect_all_said("b");
}

// It dies before its applying is durable, or before it could say so.
TEST_F(HallLetters, WhoeverTakesTheReceiverOverAppliesItOnce) {
  for (const CommitFault fault : {CommitFault::lost, CommitFault::answer_lost}) {
    const Id awaited = run(job_of("a"));
    const Id watcher = run(job_of("b"), awaited);
    int marks = 0;
    bool is_over = false;
    stage.store("b").set({.commit = [&](const store::Batch& batch) {
      is_over = is_over || holds<MarkLetter>(batch);
      return !is_over ? CommitFault::none : marks++ == 0 ? fault : CommitFault::lost;
    }});
    cancel("a", awaited);
    stage.advance(milliseconds(10));
    ASSERT_GT(marks, 0);
    stage.kill("b");
    stage.advance(seconds(5));
    EXPECT_EQ(state(watcher), RunState::queued);
    EXPECT_EQ(row(watcher).progress.due < stage.now() - seconds(4),
              fault == CommitFault::answer_lost)
        << "it went on once, when that was durable";
    expect_all_said("a");
    stage.start("b");
    stage.advance(seconds(5));
  }
}

// How often it asks there to be told.
int watches_by(Id watcher, const store::Batch& batch) {
  int asked = 0;
  for (const store::ShardPart& part : batch.parts) {
    for (const Change& change : part.changes) {
      const auto* letter = std::get_if<InsertLetter>(&change);
      const auto* watch = letter == nullptr ? nullptr : std::get_if<WatchRun>(&letter->row.body);
      asked += watch != nullptr && watch->watcher == watcher ? 1 : 0;
    }
  }
  return asked;
}

// Whoever noticed that history was lost dies before it has asked again (house 8).
TEST_F(HallLetters, WhoeverTakesAWaitingRunOverAfterALostHistoryAsksAgain) {
  const Id watcher = run(job_of("b"), run(job_of("a")));
  bool has_noticed = false;
  bool is_over = false;
  stage.store("b").set({.commit = [&](const store::Batch& batch) {
    const bool raises = batch.placement && batch.placement->generation != 0;
    return !std::exchange(has_noticed, true)           ? CommitFault::history_changed
           : std::exchange(is_over, is_over || raises) ? CommitFault::lost
           : raises                                    ? CommitFault::answer_lost
                                                       : CommitFault::none;
  }});
  int asked = 0;
  stage.store("a").set({.commit = [&](const store::Batch& batch) {
    asked += watches_by(watcher, batch);
    return CommitFault::none;
  }});
  for (int i = 0; i < 1000 && !is_over; ++i) {
    stage.advance(milliseconds(5));
  }
  stage.kill("b");
  stage.advance(seconds(5));
  EXPECT_EQ(stage.image().generation, 2);
  EXPECT_EQ(asked, 1);
}

// A member that cannot look does not know yet that another one has seen history lost. What it
// decided until then, perhaps by news of that history, lands no more (house 8; seed 841917).
TEST_F(HallLetters, WhatWasDecidedInALostHistoryDoesNotLandInTheNext) {
  const auto row_of_b = [&] {
    const ClusterImage image = stage.image();
    return *std::ranges::find(image.members, std::string("b"), &MemberRow::name);
  };
  const Id awaited = run(job_of("a"));
  bool is_cut_off = true;
  std::optional<std::int64_t> first_again;  // the number of its first batch in a new term
  stage.store("b").set({.commit =
                            [&](const store::Batch& batch) {
                              if (batch.term > 1 && !first_again) {
                                first_again = batch.number;
                              }
                              return is_cut_off ? CommitFault::lost : CommitFault::none;
                            },
                        .read =
                            [&] {
                              return row_of_b().term == 1 ? store::ReadFault::fails
                                                          : store::ReadFault::none;
                            }});
  stage.settle();
  const std::int64_t landed = row_of_b().batch;
  stage.submit("b", engine::TriggerRun{
                        .name_space = "default", .name = name(job_of("b")), .after_run = awaited});
  stage.store("a").set({.commit = [noticed = false](const store::Batch&) mutable {
    return std::exchange(noticed, true) ? CommitFault::none : CommitFault::history_changed;
  }});
  for (int i = 0; i < 1500 && stage.image().generation == 1; ++i) {
    stage.advance(milliseconds(1));
  }
  ASSERT_EQ(stage.image().generation, 2);
  is_cut_off = false;
  stage.advance(seconds(5));
  EXPECT_EQ(stage.image().generation, 2) << "everybody knows: nobody says it again";
  EXPECT_EQ(first_again, landed + 1);
  EXPECT_FALSE(stage.was_fenced("b"));
}

// Many at once, while shards of both sides move or their members go (S12.2, S1.6).
TEST_F(HallLetters, AllAreToldWhateverBecomesOfTheMembers) {
  const std::vector<std::pair<const char*, std::function<void()>>> meanwhile{
      {"a newcomer gets its share", [&] { stage.start("c"); }},
      {"a member leaves", [&] { stage.stop("b"); }},
      {"one comes in its place", [&] { stage.start("b"); }},
      {"one dies", [&] { stage.kill("c"); }},
      {"one stalls and is fenced", [&] { stage.pause("b"); }},
  };
  for (const auto& [what, happens] : meanwhile) {
    SCOPED_TRACE(what);
    std::vector<std::pair<Id, Id>> pairs;
    for (int i = 0; i < kJobs; ++i) {
      const Id awaited = run(i);
      pairs.emplace_back(awaited, run((i * 7 + 3) % kJobs, awaited));
    }
    happens();
    for (const auto& [awaited, watcher] : pairs) {
      cancel("a", awaited);
      stage.advance(milliseconds(25));
    }
    stage.advance(seconds(6));
    for (const auto& [awaited, watcher] : pairs) {
      cancel("a", awaited);  // who was asked while it died did not hear it
      stage.advance(milliseconds(1));
    }
    stage.advance(seconds(6));
    for (const auto& [awaited, watcher] : pairs) {
      EXPECT_EQ(state(watcher), RunState::queued) << to_string(state(awaited));
    }
    expect_all_said("a");
  }
}

// The store refuses what a letter wants: its run is set aside, and the letters behind it go on.
TEST_F(HallLetters, ALetterThatCannotBeCarriedOutHoldsUpNoOther) {  // I8
  const int job = job_of("b");
  const Id awaited = run(job_of("a"));
  const Id poison = run(job, awaited);
  const Id next = run(job, awaited);
  stage.store("b").set({.refuses = [&](const Change& change) {
    const auto* update = std::get_if<UpdateRun>(&change);
    return update != nullptr && update->run == poison && update->progress.state == RunState::queued;
  }});
  cancel("a", awaited);
  stage.advance(seconds(3));
  EXPECT_EQ(state(poison), RunState::failed);
  EXPECT_EQ(row(poison).progress.error_kind, "store_refused");
  EXPECT_EQ(state(next), RunState::queued);
  expect_all_said("a");
}

TEST_F(HallLetters, AWatchThatCannotBeWrittenHoldsUpNoOther) {  // I8
  const Id awaited = run(job_of("a"));
  Id refused;
  stage.store("a").set({.refuses = [&](const Change& change) {
    const auto* watch = std::get_if<SaveWatch>(&change);
    refused = watch != nullptr && !refused.is_set() ? watch->row.watcher : refused;
    return watch != nullptr && watch->row.watcher == refused;
  }});
  const int job = job_of("b");
  const Id poison = run(job, awaited);
  const Id next = run(job, awaited);
  cancel("a", awaited);
  stage.advance(seconds(3));
  EXPECT_EQ(state(next), RunState::queued);
  EXPECT_EQ(refused, poison);
  EXPECT_EQ(state(poison), RunState::waiting) << "until its bound, or until somebody looks";
  expect_all_said("a");
}

}  // namespace
}  // namespace jobflow::runtime
