// Workers and the hall, story by story: who gets what again after a break, what counts as sent,
// and whose credits come back (S6.5-S6.7, S7.2-S7.4).
#include "runtime/hall.h"
#include "runtime/testing/hall_stage.h"
#include "runtime/testing/held_store.h"

#include <gtest/gtest.h>

namespace jobflow::runtime {
namespace {

using testing::HallStage;
using testing::HeldStore;
using testing::PlayedWorker;

const Id kA{0x1000}, kB{0x2000};

class HallWorker : public ::testing::Test {
 protected:
  HallWorker() {
    EXPECT_TRUE(stage.start().ok());
    stage.save_job("j", R"({"handler":"h"})");
  }

  Id trigger() { return (*stage.trigger("j"))->id; }
  void close(Id incarnation,
             const std::shared_ptr<PlayedWorker>& stream,
             std::vector<Assignment> unsent = {}) {
    stream->is_open = false;
    stage.hall->closed(incarnation, stream.get(), std::move(unsent));
    stage.time.settle();
  }
  RunProgress at(Id run) { return stage.row(run).progress; }
  void land_everything() {
    held.hold = false;
    while (!held.tasks.empty()) {
      held.run();
      stage.time.settle();
    }
  }

  HeldStore held;
  HallStage stage{held.store};
};

TEST_F(HallWorker, GetsWhatNeverReachedItAgain) {
  const auto first = stage.connect("w", kA, {"h"});
  const Id run = trigger();
  ASSERT_EQ(first->assignments.size(), 1U);
  close(kA, first);
  const auto second = stage.connect("w", kA, {"h"});
  ASSERT_EQ(second->assignments.size(), 1U);
  EXPECT_EQ(second->assignments[0].token, first->assignments[0].token);
  ASSERT_FALSE(second->epochs.empty()) << "first the epoch (S6.6)";
  EXPECT_EQ(at(run).attempt, 1);
}

// S6.7: known not sent is no attempt; the run goes to whoever is there.
TEST_F(HallWorker, DoesNotCountWhatItsTransportNeverTook) {
  const auto first = stage.connect("a", kA, {"h"});
  const Id run = trigger();
  close(kA, first, first->assignments);
  EXPECT_EQ(at(run).state, RunState::queued);
  const auto other = stage.connect("b", kB, {"h"});
  ASSERT_EQ(other->assignments.size(), 1U);
  EXPECT_EQ(other->assignments[0].attempt, 1);
  EXPECT_GT(other->assignments[0].token, first->assignments[0].token);
}

// The old stream's end is heard after the new stream's hello, and says that it never wrote the
// assignment. It was sent again since: a second worker must not get it (S1.2).
TEST_F(HallWorker, SettlesWhatAnOlderStreamLeftByTheNewerHello) {
  const auto first = stage.connect("a", kA, {"h"});
  const Id run = trigger();
  const auto given = first->assignments;
  first->is_open = false;
  const auto second = stage.connect("a", kA, {"h"});
  const auto other = stage.connect("b", kB, {"h"});
  ASSERT_EQ(second->assignments.size(), 1U);
  stage.hall->closed(kA, first.get(), given);
  stage.time.settle();
  EXPECT_EQ(at(run).token, given[0].token);
  EXPECT_TRUE(other->assignments.empty());
}

// The worker comes back while its assignment is becoming durable: one sending, not two that could
// end differently.
TEST_F(HallWorker, IsSentOnceWhatWasUnderWayWhenItCameBack) {
  const auto first = stage.connect("a", kA, {"h"}, 1);
  held.hold = true;
  stage.trigger("j");
  close(kA, first);
  const auto second = stage.connect("a", kA, {"h"}, 1);
  land_everything();
  EXPECT_TRUE(first->assignments.empty());
  ASSERT_EQ(second->assignments.size(), 1U);
  const Id run = second->assignments[0].run;
  EXPECT_EQ(at(run).attempt, 1);
  stage.trigger("j");
  EXPECT_EQ(second->assignments.size(), 1U) << "its one slot is taken";
  stage.finish(kA, second->assignments[0]);
  EXPECT_EQ(second->assignments.size(), 2U);
}

// It leaves before the assignment was released: known not sent.
TEST_F(HallWorker, LosesNothingThatWasStillUnderWayWhenItLeft) {
  const auto first = stage.connect("a", kA, {"h"});
  held.hold = true;
  stage.trigger("j");
  stage.hall->heard(kA, first.get(), {.leaving = true});
  stage.time.settle();
  land_everything();
  EXPECT_TRUE(first->assignments.empty());
  const auto other = stage.connect("b", kB, {"h"});
  ASSERT_EQ(other->assignments.size(), 1U);
  EXPECT_EQ(other->assignments[0].attempt, 1);
}

// The same, and the same process registers again before the commit lands: what was taken back is
// not sent any more.
TEST_F(HallWorker, IsNotSentWhatWasTakenBack) {
  const auto first = stage.connect("a", kA, {"h"}, 1);
  held.hold = true;
  stage.trigger("j");
  stage.hall->heard(kA, first.get(), {.leaving = true});
  stage.time.settle();
  const auto second = stage.connect("a", kA, {"h"}, 1);
  land_everything();
  ASSERT_EQ(second->assignments.size(), 1U);
  EXPECT_EQ(at(second->assignments[0].run).token, second->assignments[0].token);
  EXPECT_EQ(at(second->assignments[0].run).attempt, 1);
}

// Cancelled while the worker was away, which had never got it: its slot is free again.
TEST_F(HallWorker, GetsItsSlotBackForARunThatEndedWithoutIt) {
  const auto first = stage.connect("a", kA, {"h"}, 1);
  const Id run = trigger();
  close(kA, first);
  stage.ask(engine::CancelRun{run});
  EXPECT_EQ(at(run).state, RunState::cancelling);
  const auto second = stage.connect("a", kA, {"h"}, 1);
  EXPECT_EQ(at(run).state, RunState::cancelled);
  EXPECT_TRUE(second->assignments.empty());
  trigger();
  EXPECT_EQ(second->assignments.size(), 1U);
}

TEST_F(HallWorker, IsToldToStopWhatItHoldsInVain) {
  const Id nobodys{(kA.value << 22) | 7};
  const auto worker = stage.connect("a", kA, {"h"}, 1, {{nobodys, Id{99}}});
  ASSERT_EQ(worker->cancels.size(), 1U);
  EXPECT_EQ(worker->cancels[0].token, Id{99});
  trigger();
  EXPECT_TRUE(worker->assignments.empty()) << "the zombie still has its slot";
  stage.report(kA, {.run = nobodys, .token = Id{99}, .outcome = ReportOutcome::cancelled});
  EXPECT_EQ(worker->acks, std::vector<Id>{Id{99}});
  EXPECT_EQ(worker->assignments.size(), 1U);
}

// Its report is becoming durable while it comes back and says that it still holds the attempt. The
// acknowledgement is the last word about it.
TEST_F(HallWorker, GetsItsSlotBackWithTheAcknowledgement) {
  const auto first = stage.connect("a", kA, {"h"}, 1);
  const Id run = trigger();
  const Assignment given = first->assignments.at(0);
  held.hold = true;
  stage.finish(kA, given);
  close(kA, first);
  const auto second = stage.connect("a", kA, {"h"}, 1, {{run, given.token}});
  land_everything();
  EXPECT_EQ(second->acks, std::vector<Id>{given.token});
  trigger();
  EXPECT_EQ(second->assignments.size(), 1U);
}

// S6.6: a new process of that name does not prove that the earlier one is gone. Its lease does.
TEST_F(HallWorker, WaitsALeaseForTheAttemptsOfANamesEarlierProcess) {
  const auto first = stage.connect("a", kA, {"h"});
  const Id run = trigger();
  close(kA, first);
  const auto second = stage.connect("a", kB, {"h"});
  EXPECT_EQ(at(run).state, RunState::running);
  trigger();
  EXPECT_EQ(second->assignments.size(), 1U) << "it works meanwhile";
  for (int i = 0; i < 11; ++i) {
    stage.time.advance(seconds(1));
    stage.hall->heard(kB, second.get(), {.heartbeat = true});
  }
  EXPECT_EQ(at(run).state, RunState::failed);
  EXPECT_EQ(at(run).error_kind, "lost");
}

// Two workers of one name, and a server that was away: whoever comes back first, the run that is
// out with the other one is not lost, and its report counts (S6.6, S7.3).
TEST_F(HallWorker, ANamesakeTakesNothingFromWhoComesBack) {
  const auto first = stage.connect("a", kA, {"h"});
  const Id run = trigger();
  const Assignment given = first->assignments.at(0);
  HallStage again(held.store, stage.time.now() + seconds(2));  // the server's next process
  ASSERT_TRUE(again.start().ok());
  again.connect("a", kB, {"h"});
  EXPECT_EQ(again.row(run).progress.state, RunState::running);
  const auto back = again.connect("a", kA, {"h"}, 10, {{given.run, given.token}});
  EXPECT_FALSE(back->closed) << "not turned away, whatever its name";
  again.finish(kA, given);
  EXPECT_EQ(again.row(run).progress.state, RunState::succeeded);
  EXPECT_EQ(again.row(run).progress.attempt, 1);
}

TEST_F(HallWorker, DrainsAndLeaves) {
  const auto worker = stage.connect("a", kA, {"h"});
  trigger();
  stage.hall->heard(kA, worker.get(), {.heartbeat = true, .draining = true});
  stage.time.settle();
  const Id later = trigger();
  EXPECT_EQ(at(later).state, RunState::queued);
  stage.finish(kA, worker->assignments.at(0));
  EXPECT_EQ(worker->assignments.size(), 1U);
  stage.hall->heard(kA, worker.get(), {.leaving = true});
  stage.time.settle();
  const auto other = stage.connect("a", kB, {"h"});
  EXPECT_EQ(other->assignments.size(), 1U) << "the same name, at once";
}

// S6.6: our own stall is not the worker's silence.
TEST_F(HallWorker, IsNotLostBecauseTheServerStoodStill) {
  const auto worker = stage.connect("a", kA, {"h"});
  const Id run = trigger();
  stage.time.stall(minutes(2));
  stage.time.advance(seconds(5));
  EXPECT_EQ(at(run).state, RunState::running);
  stage.hall->heard(kA, worker.get(), {.heartbeat = true});
  stage.time.advance(seconds(9));
  EXPECT_EQ(at(run).state, RunState::running);
  stage.time.advance(seconds(3));
  EXPECT_EQ(at(run).error_kind, "lost") << "now it could have been heard";
}

// Nor is the time in which the store was away: nothing is judged then.
TEST_F(HallWorker, IsNotLostBecauseTheStoreWasAway) {
  stage.connect("a", kA, {"h"});
  const Id run = trigger();
  bool away = true;
  held.store.set({.commit = [&](const store::Batch&) {
    return away ? store::CommitFault::unavailable : store::CommitFault::none;
  }});
  stage.report(kA, {.run = run, .token = Id{1}});  // something to write: a stale report
  stage.time.advance(minutes(2));
  away = false;
  stage.time.advance(seconds(5));
  EXPECT_EQ(at(run).state, RunState::running);
}

// A lost answer of ours: the report comes twice and counts once; no row is written for it.
// The store lost its history, and with it that the shard had other owners in between: the worker
// alone knows (S6.5, house 8).
TEST_F(HallWorker, IsObeyedWhenItKnowsANewerEpochThanItsShardsOwner) {
  const auto worker = stage.connect("w", kA, {"h"});
  const Id run = trigger();
  const std::int64_t newest = worker->assignments.at(0).epoch + 3;
  for (std::size_t seen = 0; seen < 8 && seen < worker->assignments.size(); ++seen) {
    const Assignment order = worker->assignments[seen];
    if (order.epoch >= newest) {
      stage.finish(kA, order);
      break;
    }
    stage.report(kA, {.run = run,
                      .token = order.token,
                      .outcome = ReportOutcome::refused,
                      .error_kind = "old_epoch"});
    stage.time.advance(seconds(1));
  }
  EXPECT_EQ(at(run).state, RunState::succeeded);
  EXPECT_EQ(worker->assignments.back().epoch, newest);
}

TEST_F(HallWorker, MayReportTwice) {
  const auto worker = stage.connect("a", kA, {"h"});
  const Id run = trigger();
  stage.finish(kA, worker->assignments.at(0), "1");
  const auto rows = held.store.rows_written();
  stage.finish(kA, worker->assignments.at(0), "2");
  EXPECT_EQ(worker->acks.size(), 2U);
  EXPECT_EQ(at(run).result, "1");
  EXPECT_EQ(held.store.rows_written(), rows);
}

}  // namespace
}  // namespace jobflow::runtime
