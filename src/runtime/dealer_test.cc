#include "runtime/dealer.h"

#include "runtime/testing/hall_stage.h"

#include <gtest/gtest.h>

namespace jobflow::runtime {
namespace {

using testing::PlayedWorker;

constexpr Span kLease = seconds(10);
const Id kA{1}, kB{2};
const Instant kNow{1'000'000};

WorkerHello hello(const std::string& name, Id incarnation, std::vector<Id> tokens = {}) {
  WorkerHello said{.name = name, .incarnation = incarnation, .slots = 2};
  said.handlers.push_back({.name = "h"});
  for (const Id token : tokens) {
    said.holding.push_back({Id{900}, token});
  }
  return said;
}

class DealerTest : public ::testing::Test {
 protected:
  std::shared_ptr<PlayedWorker> connect(const std::string& name,
                                        Id incarnation,
                                        std::vector<Id> tokens = {}) {
    auto stream = std::make_shared<PlayedWorker>();
    auto arrival = dealer.connect(hello(name, incarnation, std::move(tokens)), stream, kNow, at);
    EXPECT_TRUE(arrival.ok());
    last_namesakes = arrival ? arrival->namesakes : std::vector<Id>{};
    return stream;
  }
  bool has_candidates() {
    return !dealer.roster().candidates({.name_space = "default", .handler = "h"}).empty();
  }
  void say(Id incarnation, FromWorker said) { dealer.heard(incarnation, said, kNow, at); }

  Dealer dealer{kLease};
  Instant at{50'000};  // monotonic
  std::vector<Id> last_namesakes;
};

// S7.2: the lease counts from the last word.
TEST_F(DealerTest, KeepsAWorkerAsLongAsItSpeaks) {
  connect("a", kA);
  at = at + kLease - milliseconds(1);
  EXPECT_TRUE(dealer.expired(at).empty());
  say(kA, {.heartbeat = true});
  at = at + kLease - milliseconds(1);
  EXPECT_TRUE(dealer.expired(at).empty());
  at = at + milliseconds(1);
  EXPECT_EQ(dealer.expired(at), std::vector<Id>{kA});
}

TEST_F(DealerTest, CountsALostLinksLeaseFromItsEnd) {
  const auto stream = connect("a", kA);
  at = at + seconds(8);
  EXPECT_TRUE(dealer.closed(kA, stream.get(), at));
  EXPECT_FALSE(has_candidates());
  EXPECT_EQ(dealer.views().at(0).state, "suspect");
  at = at + kLease - milliseconds(1);
  EXPECT_TRUE(dealer.expired(at).empty());
  EXPECT_EQ(dealer.expired(at + milliseconds(1)), std::vector<Id>{kA});
}

// S6.6: silent for a lease in which the owner could have heard it.
TEST_F(DealerTest, CountsAllLeasesAnewAfterAStallOfOurs) {
  connect("a", kA);
  at = at + seconds(60);
  dealer.restart_leases(at, at);
  EXPECT_TRUE(dealer.expired(at + kLease - milliseconds(1)).empty());
  EXPECT_EQ(dealer.expired(at + kLease), std::vector<Id>{kA});
}

// S6.6: what another member would have told us is no silence while we cannot hear that one.
TEST_F(DealerTest, CountsNoTimeInWhichItWasDeaf) {
  connect("a", kA);
  for (int i = 0; i < 60; ++i) {
    at = at + seconds(1);
    dealer.stretch_leases(seconds(1), at, at);
  }
  EXPECT_TRUE(dealer.expired(at + kLease - milliseconds(1)).empty());
  EXPECT_EQ(dealer.expired(at + kLease), std::vector<Id>{kA});
}

TEST_F(DealerTest, KnowsWhichStreamOfAWorkerIsTheNewest) {
  WorkerHello second = hello("a", kA);
  second.connection = 2;
  ASSERT_TRUE(dealer.connect(second, std::make_shared<PlayedWorker>(), kNow, at, 7).ok());
  WorkerHello first = second;
  first.connection = 1;
  EXPECT_TRUE(dealer.knows_newer(first));
  EXPECT_FALSE(dealer.knows_newer(second));
  EXPECT_FALSE(dealer.knows_newer(hello("a", kA))) << "it does not say";
  EXPECT_FALSE(dealer.connect(first, std::make_shared<PlayedWorker>(), kNow, at).ok());
  EXPECT_EQ(dealer.holder_of(kA), 7);
}

TEST_F(DealerTest, GivesWhoIsKnownFromRowsOneLeaseToComeBack) {
  dealer.expect(kA, at);
  EXPECT_TRUE(dealer.views().empty());
  ASSERT_NE(dealer.roster().find(kA), nullptr) << "it is not gone";
  EXPECT_FALSE(dealer.roster().find(kA)->connected);
  dealer.expect(kA, at + seconds(5));
  EXPECT_EQ(dealer.expired(at + kLease), std::vector<Id>{kA}) << "said twice, counted once";
  at = at + seconds(9);
  connect("a", kA);
  EXPECT_TRUE(dealer.expired(at + seconds(5)).empty());
  dealer.expect(kA, at);
  EXPECT_EQ(dealer.views().size(), 1U) << "it is here";
}

TEST_F(DealerTest, RefusesANameThatALiveWorkerHas) {
  const auto first = connect("a", kA);
  const auto second = std::make_shared<PlayedWorker>();
  const auto refused = dealer.connect(hello("a", kB), second, kNow, at);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.problem().code, ProblemCode::already_exists);
  EXPECT_FALSE(first->closed);
  auto elsewhere = hello("a", kB);
  elsewhere.name_space = "other";
  EXPECT_TRUE(dealer.connect(elsewhere, second, kNow, at).ok()) << "a name is a namespace's";
}

TEST_F(DealerTest, NamesTheEarlierProcessOfANameWhoseLinkIsGone) {
  const auto first = connect("a", kA);
  dealer.closed(kA, first.get(), at);
  connect("a", kB);
  EXPECT_EQ(last_namesakes, std::vector<Id>{kA});
}

// S6.6: who was here, or has attempts out, comes back whatever name somebody else took meanwhile.
TEST_F(DealerTest, NeverTurnsAwayAnIncarnationThatItKnows) {
  const auto first = connect("a", kA);
  dealer.closed(kA, first.get(), at);
  const auto other = connect("a", kB);
  const auto back = connect("a", kA);
  EXPECT_FALSE(other->closed);
  EXPECT_FALSE(back->closed);
}

TEST_F(DealerTest, WelcomesAnExpectedIncarnationBesideItsNamesake) {
  dealer.expect(kA, at);
  connect("a", kB);
  const auto back = connect("a", kA);
  EXPECT_FALSE(back->closed);
}

TEST_F(DealerTest, LetsANewerStreamOfTheSameProcessTakeOver) {
  const auto first = connect("a", kA);
  const auto second = connect("a", kA);
  ASSERT_TRUE(first->closed);
  EXPECT_TRUE(last_namesakes.empty());
  EXPECT_FALSE(dealer.closed(kA, first.get(), at)) << "the older one's end says nothing";
  EXPECT_TRUE(has_candidates());
  dealer.outgoing(kA).acks.push_back(Id{5});
  EXPECT_TRUE(dealer.flush().empty());
  EXPECT_EQ(second->acks.size(), 1U);
  EXPECT_TRUE(first->acks.empty());
}

// What it says it holds takes its slots; what it does not say is free again.
TEST_F(DealerTest, BelievesTheHelloAboutWhatIsHeld) {
  connect("a", kA, {Id{11}, Id{12}});
  EXPECT_FALSE(has_candidates()) << "two slots, two held";
  EXPECT_EQ(dealer.views().at(0).busy, 2);
  connect("a", kA, {Id{12}});
  EXPECT_TRUE(has_candidates());
  EXPECT_EQ(dealer.views().at(0).busy, 1);
}

TEST_F(DealerTest, DealsNothingToADrainingWorker) {
  connect("a", kA);
  say(kA, {.heartbeat = true, .load = 0.5, .draining = true});
  EXPECT_FALSE(has_candidates());
  EXPECT_EQ(dealer.views().at(0).state, "draining");
  EXPECT_EQ(dealer.views().at(0).load, 0.5);
  say(kA, {.progress = {{}}});
  EXPECT_FALSE(has_candidates()) << "only a heartbeat says how it is";
  say(kA, {.heartbeat = true});
  EXPECT_TRUE(has_candidates());
}

// S6.7: what did not leave is said; what left is not.
TEST_F(DealerTest, AnswersWhatCouldNotBeSent) {
  const auto here = connect("a", kA);
  const auto gone = connect("b", kB);
  gone->is_open = false;
  dealer.outgoing(kA).assignments.push_back({.run = Id{1}, .token = Id{11}});
  dealer.outgoing(kB).assignments.push_back({.run = Id{2}, .token = Id{22}});
  dealer.outgoing(Id{77}).assignments.push_back({.run = Id{3}, .token = Id{33}});
  dealer.outgoing(Id{78}).acks.push_back(Id{44});
  const auto unsent = dealer.flush();
  ASSERT_EQ(unsent.size(), 2U);
  EXPECT_EQ(unsent[0].token, Id{22});
  EXPECT_EQ(unsent[1].token, Id{33});
  EXPECT_EQ(here->assignments.size(), 1U);
  EXPECT_TRUE(dealer.flush().empty());
}

// A stream that ended, and whose end is still on its way here, is dealt nothing more; else its runs
// would go round and round until that end is heard.
TEST_F(DealerTest, DealsNothingToAStreamThatHasEnded) {
  const auto stream = connect("a", kA);
  stream->is_open = false;
  dealer.outgoing(kA).assignments.push_back({.run = Id{1}, .token = Id{11}});
  EXPECT_EQ(dealer.flush().size(), 1U);
  EXPECT_FALSE(has_candidates());
  EXPECT_TRUE(dealer.closed(kA, stream.get(), at)) << "its end still counts";
  connect("a", kA);
  EXPECT_TRUE(has_candidates());
}

TEST_F(DealerTest, ForgetsWhoWasRemoved) {
  const auto stream = connect("a", kA);
  dealer.remove(kA);
  EXPECT_TRUE(stream->closed);
  EXPECT_EQ(dealer.size(), 0U);
  EXPECT_FALSE(has_candidates());
  EXPECT_EQ(dealer.name_of(kA), "");
  say(kA, {.heartbeat = true});
  EXPECT_EQ(dealer.size(), 0U);
  EXPECT_FALSE(dealer.closed(kA, stream.get(), at));
  connect("a", kA);
  EXPECT_TRUE(has_candidates()) << "it may register again";
}

}  // namespace
}  // namespace jobflow::runtime
