// Several members on one store: who owns what, what becomes of it when one dies, stalls, comes or
// goes, and commands that reach the wrong one (house 3a, 4; S1.6, S12.2-S12.4).
#include "runtime/feed.h"
#include "runtime/testing/cluster_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <utility>

namespace jobflow::runtime {
namespace {

using testing::ClusterStage;

class HallCluster : public ::testing::Test {
 protected:
  // Members up to `count` of a, b, c, each with its share.
  void start(int count) {
    for (int i = 0; i < count; ++i) {
      stage.start(std::string(1, static_cast<char>('a' + i)));
    }
    stage.advance(seconds(3));
  }
  // One job a shard or so, saved wherever.
  void save_jobs(const std::string& at, int count = 40) {
    for (int i = 0; i < count; ++i) {
      const auto saved = stage.save_job(at, "j" + std::to_string(i), R"({"handler":"h"})");
      stage.advance(milliseconds(1));
      ASSERT_TRUE(saved->has_value() && (*saved)->ok()) << i;
    }
  }
  // Triggers each job once, at `at`; answers how many were acknowledged.
  int trigger_all(const std::string& at, const std::string& key, int count = 40) {
    std::vector<testing::Answered> answers;
    answers.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      answers.push_back(stage.trigger(at, "j" + std::to_string(i), key));
    }
    stage.advance(seconds(6));
    int acknowledged = 0;
    for (const auto& answer : answers) {
      EXPECT_TRUE(answer->has_value()) << "never answered";
      acknowledged += answer->has_value() && (*answer)->ok() ? 1 : 0;
    }
    return acknowledged;
  }
  int shares_of_all(const std::map<std::string, int>& shares) {
    int all = 0;
    for (const auto& [name, share] : shares) {
      EXPECT_GT(share, 0) << name;
      all += share;
    }
    return all;
  }

  ClusterStage stage{32};
};

TEST_F(HallCluster, TheFirstTakesAllAndServes) {
  start(1);
  EXPECT_EQ(stage.shares(), (std::map<std::string, int>{{"a", 32}}));
  EXPECT_TRUE(stage.hall("a").ready());
  save_jobs("a");
  EXPECT_EQ(trigger_all("a", "k"), 40);
}

TEST_F(HallCluster, OthersGetTheirShareAndAnyMemberTakesAnyCommand) {  // S12.2, S12.4
  start(3);
  const auto shares = stage.shares();
  EXPECT_EQ(shares.size(), 3U);
  EXPECT_EQ(shares_of_all(shares), 32);
  save_jobs("b");
  EXPECT_EQ(trigger_all("a", "k"), 40);
  EXPECT_EQ(trigger_all("c", "k"), 40) << "the same runs";
  EXPECT_EQ(stage.runs().size(), 40U);
}

TEST_F(HallCluster, ADeadMembersShardsAreTakenOverWithinThreeSeconds) {  // S1.6
  start(3);
  save_jobs("a");
  stage.kill("b");
  stage.advance(milliseconds(3000));
  const auto shares = stage.shares();
  EXPECT_EQ(shares.count("b"), 0U);
  EXPECT_EQ(shares_of_all(shares), 32);
  EXPECT_EQ(trigger_all("a", "k"), 40);
  const auto sum = [&](const std::string& line) {
    return stage.metric("a", line) + stage.metric("c", line);
  };
  EXPECT_EQ(sum("jobflow_takeovers_total"), 1);
  EXPECT_EQ(sum("jobflow_takeover_seconds_count"), 1);
  EXPECT_LT(sum("jobflow_takeover_seconds_sum"), 3);
  const double before = stage.metric("a", "jobflow_takeovers_total");
  stage.stop("c");
  stage.advance(seconds(4));
  EXPECT_EQ(stage.metric("a", "jobflow_takeovers_total"), before) << "it left in order";
}

TEST_F(HallCluster, WhatIsAskedDuringATakeoverWaitsForTheNewOwner) {  // S12.4
  start(3);
  save_jobs("a");
  stage.kill("b");
  EXPECT_EQ(trigger_all("a", ""), 40) << "sent again under their ids";
  EXPECT_EQ(stage.runs().size(), 40U);
}

TEST_F(HallCluster, AMemberThatStalledIsFencedWhenItComesBack) {  // I1
  start(2);
  save_jobs("a");
  stage.pause("b");
  stage.advance(seconds(4));
  EXPECT_EQ(stage.shares(), (std::map<std::string, int>{{"a", 32}}));
  stage.go_on("b");
  stage.advance(seconds(1));
  EXPECT_TRUE(stage.was_fenced("b"));
  EXPECT_EQ(trigger_all("a", "k"), 40);
}

TEST_F(HallCluster, AProcessStartedAnewTakesItsOwnShardsInANewEpoch) {
  start(2);
  save_jobs("a");
  const auto before = stage.image().shards;
  stage.start("b");
  stage.advance(seconds(2));
  EXPECT_EQ(stage.shares().size(), 2U);
  const auto after = stage.image().shards;
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].owner, before[i].owner);
    EXPECT_EQ(after[i].epoch, before[i].epoch + (stage.names()[after[i].owner] == "b" ? 1 : 0));
  }
  EXPECT_EQ(trigger_all("b", "k"), 40);
}

TEST_F(HallCluster, ANewcomerIsHandedItsShareUnderLoadAndNothingIsLost) {  // S12.2, I1e
  start(2);
  save_jobs("a");
  std::vector<testing::Answered> answers;
  stage.start("c");
  for (int i = 0; i < 400; ++i) {
    answers.push_back(stage.trigger(i % 2 == 0 ? "a" : "b", "j" + std::to_string(i % 40)));
    stage.advance(milliseconds(5));
  }
  stage.advance(seconds(5));
  EXPECT_EQ(stage.shares().size(), 3U);
  std::size_t acknowledged = 0;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer->has_value());
    EXPECT_TRUE((*answer)->ok()) << (*answer)->problem().detail;
    acknowledged += (*answer)->ok() ? 1 : 0;
  }
  EXPECT_EQ(stage.runs().size(), acknowledged);
}

TEST_F(HallCluster, AMemberThatStopsHandsEverythingOverFirst) {
  start(3);
  save_jobs("a");
  stage.stop("b");
  for (int i = 0; i < 40 && !stage.has_stopped("b"); ++i) {
    stage.advance(milliseconds(50));
  }
  ASSERT_TRUE(stage.has_stopped("b"));
  const auto shares = stage.shares();
  EXPECT_EQ(shares.count("b"), 0U);
  EXPECT_EQ(shares_of_all(shares), 32);
  EXPECT_EQ(trigger_all("a", "k"), 40);
}

TEST_F(HallCluster, TheLastOneStopsWithItsShards) {
  start(1);
  stage.stop("a");
  stage.advance(seconds(1));
  EXPECT_TRUE(stage.has_stopped("a"));
  stage.start("b");
  stage.advance(seconds(4));
  EXPECT_EQ(stage.shares(), (std::map<std::string, int>{{"b", 32}}));
}

// A store that stalls for all is nobody's death.
TEST_F(HallCluster, NobodyIsTakenOverBecauseTheStoreWasAway) {
  start(3);
  const auto before = stage.image().shards;
  for (const char* name : {"a", "b", "c"}) {
    stage.store(name).set(
        {.commit = [](const store::Batch&) { return store::CommitFault::unavailable; },
         .read = [] { return store::ReadFault::fails; }});
  }
  stage.advance(seconds(10));
  EXPECT_FALSE(stage.hall("a").ready()) << "S12.3";
  for (const char* name : {"a", "b", "c"}) {
    stage.store(name).set({});
  }
  stage.advance(seconds(5));
  EXPECT_EQ(stage.image().shards, before);
  EXPECT_TRUE(stage.hall("a").ready());
}

// Its workers would listen to it for as long as the store is out of its reach.
TEST_F(HallCluster, AProcessWhoseTermIsOverHearsItFromTheOthers) {
  start(3);
  stage.store("c").set(
      {.commit = [](const store::Batch&) { return store::CommitFault::unavailable; },
       .read = [] { return store::ReadFault::fails; }});
  stage.cut("a", "c");
  stage.cut("b", "c");
  stage.advance(seconds(10));
  EXPECT_EQ(stage.shares().size(), 2U);
  EXPECT_FALSE(stage.was_fenced("c")) << "nobody could tell";
  stage.heal();
  stage.advance(seconds(1));
  EXPECT_TRUE(stage.was_fenced("c"));
}

TEST_F(HallCluster, AChangedHistoryIsEverybodysNews) {  // I1b, house 8
  start(3);
  save_jobs("a");
  int faults = 1;
  stage.store("b").set({.commit = [&](const store::Batch&) {
    return faults-- > 0 ? store::CommitFault::history_changed : store::CommitFault::none;
  }});
  stage.advance(seconds(4));
  EXPECT_EQ(stage.image().generation, 2);
  EXPECT_EQ(stage.shares().size(), 3U);
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_TRUE(stage.hall(name).ready()) << name;
  }
  EXPECT_EQ(trigger_all("a", "k"), 40);
}

// An epoch in which a shard was given away may come again, with the shard.
TEST_F(HallCluster, WhatWasGivenAwayInALostHistoryIsTakenAgain) {  // I1b
  start(2);
  save_jobs("a");
  stage.keep_history();
  for (int i = 0; i < 3; ++i) {
    stage.start("c");
    stage.advance(seconds(3));
    EXPECT_EQ(stage.shares().size(), 3U);
    stage.kill("c");
    stage.advance(seconds(5));
  }
  stage.lose_history();
  stage.advance(seconds(5));
  EXPECT_EQ(stage.shares().size(), 2U);
  EXPECT_EQ(trigger_all("a", "k"), 40);
}

TEST_F(HallCluster, EventsOfAllShardsReachASubscriberAtAnyMember) {  // S9.3
  start(3);
  save_jobs("a");
  std::map<ShardNumber, std::int64_t> last;
  std::size_t heard = 0;
  const auto subscription = stage.hall("c").feed().subscribe(
      {}, [](const Event& event) { return event.type == EventType::run_changed; },
      [&](const FeedSlice& slice) {
        EXPECT_FALSE(slice.lagged);
        for (const NumberedEvent& one : slice.events) {
          EXPECT_GT(one.number, last[one.source]) << "a repeat";
          last[one.source] = one.number;
          ++heard;
        }
      });
  EXPECT_EQ(trigger_all("a", "k"), 40);
  EXPECT_EQ(heard, 40U) << "each run was queued";
  stage.kill("b");
  stage.advance(seconds(4));
  EXPECT_EQ(trigger_all("a", "l"), 40);
  EXPECT_EQ(heard, 80U);
  stage.hall("c").feed().cancel(subscription);
}

// S9.3: who is told by nobody finds it in the store. Of a and c one declares b dead, the other
// only sees it.
TEST_F(HallCluster, TheEndOfADeadMembersOwnEventsIsHeardEverywhere) {
  start(3);
  stage.cut("a", "b");
  stage.cut("b", "c");
  stage.cut("a", "c");
  const auto heard = std::make_shared<std::map<std::string, int>>();
  for (const char* name : {"a", "c"}) {
    stage.hall(name).feed().subscribe(
        {}, [](const Event& event) { return event.type == EventType::worker_changed; },
        [heard, name](const FeedSlice& slice) {
          (*heard)[name] += static_cast<int>(slice.events.size());
        });
  }
  const auto stream = stage.connect("b", "w", Id{0x1000}, {"h"});
  stage.advance(milliseconds(100));
  EXPECT_TRUE(heard->empty());
  stage.kill("b");
  stage.advance(seconds(4));
  EXPECT_EQ((*heard)["a"], 1);
  EXPECT_EQ((*heard)["c"], 1);
}

TEST_F(HallCluster, ACursorFromBeforeAChangeOfHistoryLagsEverywhere) {  // S9.2, house 8
  start(3);
  save_jobs("a");
  const Cursor old = stage.hall("c").feed().now();
  const auto lagged = std::make_shared<int>(0);
  const auto listener = [lagged](const FeedSlice& slice) { *lagged += slice.lagged ? 1 : 0; };
  for (const char* name : {"a", "b", "c"}) {
    stage.hall(name).feed().subscribe(old, nullptr, listener);
  }
  EXPECT_EQ(*lagged, 0);
  int faults = 1;
  stage.store("b").set({.commit = [&](const store::Batch&) {
    return faults-- > 0 ? store::CommitFault::history_changed : store::CommitFault::none;
  }});
  stage.advance(seconds(4));
  EXPECT_EQ(*lagged, 3) << "who was listening";
  for (const char* name : {"a", "b", "c"}) {
    stage.hall(name).feed().subscribe(old, nullptr, listener);
    stage.hall(name).feed().subscribe(stage.hall("a").feed().now(), nullptr, listener);
  }
  EXPECT_EQ(*lagged, 6) << "who came with the old cursor, and nobody else";
}

// --- workers

// A worker process: does what it is told, wherever its stream is, and knows each token once (S6.5).
struct Body {
  ClusterStage& stage;
  std::string at;
  std::string name;
  Id incarnation;
  int slots;
  std::shared_ptr<testing::PlayedWorker> stream = {};
  std::size_t seen = 0;
  std::size_t acks_seen = 0;
  std::int64_t connections = 0;
  std::map<Id, Assignment> live = {};       // token -> what
  std::map<Id, Assignment> reported = {};   // not acknowledged
  std::map<Id, std::vector<Id>> runs = {};  // run -> tokens that ran

  void connect() {
    std::vector<WorkerHello::Holding> holding;
    for (const auto& [token, assignment] : live) {
      holding.push_back({assignment.run, token});
    }
    for (const auto& [token, assignment] : reported) {
      holding.push_back({assignment.run, token});
    }
    stream = stage.connect(at, name, incarnation, {"h"}, slots, holding, ++connections);
    seen = acks_seen = 0;
    for (const auto& [token, assignment] : reported) {
      stage.finish(at, incarnation, assignment);
    }
  }
  // Takes what came; ends everything when told to.
  void work(bool ends) {
    for (; seen < stream->assignments.size(); ++seen) {
      const Assignment& one = stream->assignments[seen];
      auto& tokens = runs[one.run];
      if (std::find(tokens.begin(), tokens.end(), one.token) == tokens.end()) {
        tokens.push_back(one.token);
        live[one.token] = one;
        EXPECT_LE(live.size(), static_cast<std::size_t>(slots)) << "S6.2";
      } else if (reported.contains(one.token)) {
        stage.finish(at, incarnation, one);
      }
    }
    for (; acks_seen < stream->acks.size(); ++acks_seen) {
      reported.erase(stream->acks[acks_seen]);
    }
    if (ends) {
      for (const auto& [token, assignment] : std::exchange(live, {})) {
        reported[token] = assignment;
        stage.finish(at, incarnation, assignment);
      }
    }
    stage.hall(at).heard(incarnation, nullptr, {.heartbeat = true});
  }
};

class HallClusterWorkers : public HallCluster {
 protected:
  // Two members, and a worker with the first one that runs forty jobs of both.
  Body begin_forty() {
    start(2);
    save_jobs("a");
    Body body{stage, "a", "w", Id{0x1000}, 40};
    body.connect();
    EXPECT_EQ(trigger_all("a", "k"), 40);
    body.work(false);
    EXPECT_EQ(body.live.size(), 40U);
    return body;
  }
  // Lets time pass until everything has ended; answers whether it has.
  bool run_out(std::vector<Body*> bodies, Span within = seconds(30)) {
    for (Span passed{}; passed < within; passed = {passed.ms + 20}) {
      stage.advance(milliseconds(20));
      for (Body* body : bodies) {
        body->work(true);
      }
      const auto runs = stage.runs();
      if (std::all_of(runs.begin(), runs.end(),
                      [](const RunRow& run) { return is_final(run.progress.state); })) {
        return true;
      }
    }
    return false;
  }
  void expect_each_once(const std::vector<Body*>& bodies) {
    std::map<Id, std::size_t> executions;
    for (const Body* body : bodies) {
      for (const auto& [run, tokens] : body->runs) {
        executions[run] += tokens.size();
      }
    }
    for (const RunRow& run : stage.runs()) {
      EXPECT_EQ(run.progress.state, RunState::succeeded) << run.progress.error;
      EXPECT_EQ(executions[run.id], 1U);
    }
  }
};

TEST_F(HallClusterWorkers, AWorkerOfOneMemberRunsWhatAnyMemberOwns) {
  start(3);
  save_jobs("a");
  Body body{stage, "a", "w", Id{0x1000}, 3};
  body.connect();
  EXPECT_EQ(trigger_all("b", "k"), 40);
  ASSERT_TRUE(run_out({&body}));
  expect_each_once({&body});
}

TEST_F(HallClusterWorkers, AWorkerWhoseMemberDiesGoesOnWithAnother) {  // S6.6: nothing is lost
  start(3);
  save_jobs("a");
  Body body{stage, "c", "w", Id{0x1000}, 20};
  body.connect();
  EXPECT_EQ(trigger_all("a", "k"), 40);
  stage.advance(milliseconds(500));
  body.work(false);
  EXPECT_FALSE(body.live.empty());
  stage.kill("c");
  body.at = "b";
  body.connect();
  ASSERT_TRUE(run_out({&body}));
  expect_each_once({&body});
}

TEST_F(HallClusterWorkers, ABodyThatRunsThroughATakeoverAndAHandOverRunsOnce) {
  Body body = begin_forty();
  stage.kill("b");
  for (int i = 0; i < 200; ++i) {
    if (i == 100) {
      stage.start("c");
    }
    stage.advance(milliseconds(50));
    body.work(false);
  }
  EXPECT_EQ(stage.shares().size(), 2U);
  ASSERT_TRUE(run_out({&body}));
  expect_each_once({&body});
}

// Its orders are with the owner's partner, and its words, too.
TEST_F(HallClusterWorkers, AWorkerIsNotLostWhileItsMemberCannotBeHeard) {  // S6.6
  Body body = begin_forty();
  stage.cut("a", "b");
  for (int i = 0; i < 60; ++i) {
    stage.advance(milliseconds(500));
    body.work(false);
  }
  for (const RunRow& run : stage.runs()) {
    EXPECT_EQ(run.progress.state, RunState::running) << run.progress.error;
  }
  stage.heal();
  ASSERT_TRUE(run_out({&body}));
  expect_each_once({&body});
}

// What was long under way does not tell who is there now (S6.6; seed 701529 with another plan).
TEST_F(HallClusterWorkers, AWorkerIsNotLostForNewsThatAreOld) {
  Body body = begin_forty();
  stage.slow("b", "a", seconds(15));
  const auto pass = [&](Span span) {
    for (Span passed{}; passed < span; passed = passed + milliseconds(500)) {
      stage.advance(milliseconds(500));
      body.work(false);
    }
  };
  pass(seconds(20));
  stage.hall("a").closed(body.incarnation, body.stream.get(), {});
  body.at = "b";
  body.connect();
  pass(seconds(13));
  for (const RunRow& run : stage.runs()) {
    EXPECT_EQ(run.progress.state, RunState::running) << run.progress.error;
  }
  pass(seconds(8));
  ASSERT_TRUE(run_out({&body}, seconds(90)));
  expect_each_once({&body});
}

// It hears of them before it has heard of their worker (S6.6).
TEST_F(HallClusterWorkers, OrdersOfAnEarlierProcessThatDidNotLeaveLoseNothing) {
  start(2);
  save_jobs("a");
  Body body{stage, "a", "w", Id{0x1000}, 40};
  body.connect();
  EXPECT_EQ(trigger_all("a", "k"), 40);
  const auto first = body.stream;
  EXPECT_EQ(first->assignments.size(), 40U);
  int reads = 0;
  stage.start("b", {.read = [&] {
                return ++reads > 3 ? store::ReadFault::stale : store::ReadFault::none;
              }});
  stage.advance(milliseconds(30));
  stage.hall("a").closed(body.incarnation, first.get(), first->assignments);
  stage.advance(milliseconds(30));
  stage.store("b").set({});
  stage.advance(seconds(1));
  body.connect();
  ASSERT_TRUE(run_out({&body}));
  expect_each_once({&body});
}

// What its process before was told may never have come, and what came to a worker there is known
// by that worker alone.
TEST_F(HallClusterWorkers, AMemberStartedAnewIsAskedAnew) {
  start(2);
  save_jobs("a");
  Body body{stage, "b", "w", Id{0x1000}, 40};
  body.connect();
  stage.advance(seconds(1));
  for (int i = 0; i < 40; ++i) {
    stage.trigger("a", "j" + std::to_string(i), "k");
  }
  stage.pause("b");  // with orders for its worker in its inbox
  stage.advance(milliseconds(300));
  stage.start("b");
  body.connect();
  ASSERT_TRUE(run_out({&body}));
  expect_each_once({&body});
}

// Two members believe to have it: one of them has not noticed that it went.
TEST_F(HallClusterWorkers, AWorkersNewestStreamCounts) {
  start(3);
  save_jobs("a");
  Body body{stage, "a", "w", Id{0x1000}, 2};
  body.connect();
  body.at = "b";
  body.connect();  // nobody tells a that the first stream is over
  EXPECT_EQ(trigger_all("c", "k"), 40);
  ASSERT_TRUE(run_out({&body}));
  expect_each_once({&body});
}

TEST_F(HallClusterWorkers, SlotsAreSharedAmongAllWhoNeedThem) {
  start(3);
  save_jobs("a");
  Body body{stage, "a", "w", Id{0x1000}, 1};
  body.connect();
  for (int i = 0; i < 120; ++i) {
    stage.trigger("b", "j" + std::to_string(i % 40));
  }
  stage.advance(milliseconds(100));
  EXPECT_EQ(stage.runs().size(), 120U);
  ASSERT_TRUE(run_out({&body}, seconds(60)));
  expect_each_once({&body});
}

TEST_F(HallClusterWorkers, ALinkThatBreaksLosesNothing) {
  start(3);
  save_jobs("a");
  Body body{stage, "a", "w", Id{0x1000}, 10};
  body.connect();
  std::vector<testing::Answered> answers;
  for (int i = 0; i < 120; ++i) {
    if (i % 30 == 10) {
      stage.cut("a", i % 60 == 10 ? "b" : "c");
    }
    if (i % 30 == 20) {
      stage.heal();
    }
    answers.push_back(stage.trigger("a", "j" + std::to_string(i % 40)));
    stage.advance(milliseconds(40));
    body.work(true);
  }
  stage.heal();
  stage.advance(seconds(10));
  ASSERT_TRUE(run_out({&body}, seconds(60)));
  expect_each_once({&body});
}

}  // namespace
}  // namespace jobflow::runtime
