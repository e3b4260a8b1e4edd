// S9.1, S9.2: every subscriber sees each source's events in order, without gap or repeat, whether
// they come live, from memory or from the store; who is too slow or too late is told so, and slows
// nobody.
#include "runtime/feed.h"

#include "runtime/feed_memory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <thread>

namespace jobflow::runtime {
namespace {

template <class T>
using Callback = store::Callback<T>;

// A journal only. Its answers can be held back until the test lets them go.
class JournalStore final : public store::Store {
 public:
  void add(const JournalPart& part) {
    const std::lock_guard lock(mutex_);
    parts_[part.source].push_back(part);
  }
  void trim_before(ShardNumber source, std::int64_t number) {
    const std::lock_guard lock(mutex_);
    auto& parts = parts_[source];
    while (!parts.empty() && parts.front().first < number) {
      parts.pop_front();
    }
  }
  void read_journal(ShardNumber source,
                    std::int64_t from,
                    int rows,
                    Callback<Outcome<std::vector<JournalPart>>> done) override {
    std::vector<JournalPart> found;
    {
      const std::lock_guard lock(mutex_);
      ++reads;
      for (const JournalPart& part : parts_[source]) {
        const auto end = part.first + static_cast<std::int64_t>(part.events.size());
        if (end > from && static_cast<int>(found.size()) < rows) {
          found.push_back(part);
        }
      }
      if (hold) {
        held_.push_back([found, done] { done(found); });
        return;
      }
    }
    fail ? done(Problem{ProblemCode::unavailable, "away"}) : done(std::move(found));
  }
  // Answers one read that was held back.
  void release() {
    std::function<void()> answer;
    {
      const std::lock_guard lock(mutex_);
      ASSERT_FALSE(held_.empty());
      answer = std::move(held_.front());
      held_.pop_front();
    }
    answer();
  }

  std::size_t held() {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }

  std::atomic<int> reads{0};
  std::atomic<bool> hold{false};
  std::atomic<bool> fail{false};

  const store::StoreFacts& facts() const override { return facts_; }
  void join(store::JoinRequest, Callback<Outcome<store::Ticket>>) override {}
  void commit(std::shared_ptr<const store::Batch>, Callback<store::CommitAnswer>) override {}
  void trim(store::TrimLimits, Callback<Outcome<int>>) override {}
  void save_token(TokenRow, Callback<Outcome<Done>>) override {}
  void save_calendar(CalendarRow, Callback<Outcome<Done>>) override {}
  void list_backfills(store::BackfillFilter, Callback<Outcome<std::vector<BackfillRow>>>) override {
  }
  void list_permits(store::PermitFilter, Callback<Outcome<store::PermitUse>>) override {}
  void list_calendars(store::CalendarFilter, Callback<Outcome<std::vector<CalendarRow>>>) override {
  }
  void read_cluster(Callback<Outcome<ClusterImage>>) override {}
  void load_shard(std::int64_t, ShardNumber, Callback<Outcome<ShardImage>>) override {}
  void read_for_command(std::int64_t, CommandReads, Callback<Outcome<CommandRows>>) override {}
  void read_run(Id, Callback<Outcome<std::optional<store::RunAt>>>) override {}
  void list_runs(store::RunFilter, Callback<Outcome<std::vector<RunRow>>>) override {}
  void list_attempts(Id, Callback<Outcome<std::vector<AttemptRow>>>) override {}
  void list_definitions(store::DefinitionFilter,
                        Callback<Outcome<std::vector<DefinitionRow>>>) override {}
  void list_triggers(Id, Callback<Outcome<std::vector<TriggerRow>>>) override {}
  void list_firings(store::FiringFilter, Callback<Outcome<store::Firings>>) override {}
  void list_tokens(Callback<Outcome<std::vector<TokenRow>>>) override {}

 private:
  store::StoreFacts facts_;
  std::mutex mutex_;
  std::map<ShardNumber, std::deque<JournalPart>> parts_;
  std::deque<std::function<void()>> held_;
};

// The journal of one source after another, committed and then published as the hall does it.
class FeedTest : public ::testing::Test {
 protected:
  explicit FeedTest(FeedLimits limits = {}) : feed(store, limits) {
    feed.begin(0, 1);
    feed.begin(1, 1);
  }

  JournalPart part(ShardNumber source, int events) {
    std::int64_t& next = next_.try_emplace(source, 1).first->second;
    JournalPart made{source, next, {}};
    for (int i = 0; i < events; ++i) {
      Event event;
      event.subject = Id{next + i};
      event.text = "step";
      made.events.push_back(event);
    }
    next += events;
    return made;
  }
  void happen(ShardNumber source, int events) {
    const JournalPart made = part(source, events);
    store.add(made);
    feed.publish({&made});
  }

  JournalStore store;
  Feed feed;

 private:
  std::map<ShardNumber, std::int64_t> next_;
};

// What a subscriber heard; checks order, gaps and repeats as it comes.
class Ear {
 public:
  Feed::Listener listener() {
    return [this](FeedSlice slice) { take(std::move(slice)); };
  }
  void expect_from(ShardNumber source, std::int64_t number) { next_[source] = number; }
  std::int64_t count(ShardNumber source) {
    const std::lock_guard lock(mutex_);
    return counts_[source];
  }
  int lagged() {
    const std::lock_guard lock(mutex_);
    return lagged_;
  }
  void let_go() {  // of everything it holds
    std::vector<FeedSlice> dropped;
    const std::lock_guard lock(mutex_);
    dropped.swap(slices_);
  }
  bool hold = false;

 private:
  void take(FeedSlice slice) {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(lagged_, 0) << "a call after lagged";
    lagged_ += slice.lagged ? 1 : 0;
    for (const NumberedEvent& event : slice.events) {
      const auto [at, fresh] = next_.try_emplace(event.source, event.number);
      EXPECT_EQ(event.number, at->second) << "source " << event.source;
      EXPECT_EQ(event.event.subject, Id{event.number});
      at->second = event.number + 1;
      ++counts_[event.source];
    }
    if (hold) {
      slices_.push_back(std::move(slice));
    }
  }

  std::mutex mutex_;
  std::map<ShardNumber, std::int64_t> next_;
  std::map<ShardNumber, std::int64_t> counts_;
  std::vector<FeedSlice> slices_;
  int lagged_ = 0;
};

TEST_F(FeedTest, ASubscriberWithoutACursorBeginsNow) {
  happen(0, 3);
  Ear ear;
  ear.expect_from(0, 4);
  ear.expect_from(1, 1);
  feed.subscribe({}, nullptr, ear.listener());
  happen(0, 2);
  happen(1, 1);
  EXPECT_EQ(ear.count(0), 2);
  EXPECT_EQ(ear.count(1), 1);
  EXPECT_EQ(store.reads, 0);
}

TEST_F(FeedTest, ResumesFromACursorThroughTheStore) {
  happen(0, 3);
  happen(0, 4);
  Ear ear;
  ear.expect_from(0, 2);
  feed.subscribe({{{0, 2}}}, nullptr, ear.listener());
  EXPECT_EQ(ear.count(0), 6);
  happen(0, 1);
  EXPECT_EQ(ear.count(0), 7);
}

TEST_F(FeedTest, ResumesFromMemoryWhileSomebodyListens) {
  Ear first;
  feed.subscribe({}, nullptr, first.listener());
  happen(0, 3);
  happen(0, 4);
  Ear second;
  second.expect_from(0, 2);
  feed.subscribe({{{0, 2}}}, nullptr, second.listener());
  EXPECT_EQ(second.count(0), 6);
  EXPECT_EQ(store.reads, 0);
}

TEST_F(FeedTest, WhatHappensDuringACatchUpReadComesAfterIt) {
  happen(0, 3);
  store.hold = true;
  Ear ear;
  ear.expect_from(0, 1);
  feed.subscribe({{{0, 1}}}, nullptr, ear.listener());
  happen(0, 2);
  happen(1, 1);  // another source is live meanwhile
  EXPECT_EQ(ear.count(0), 0);
  EXPECT_EQ(ear.count(1), 1);
  store.release();
  EXPECT_EQ(ear.count(0), 5);
  happen(0, 1);
  EXPECT_EQ(ear.count(0), 6);
}

TEST_F(FeedTest, ACursorAheadOfWhatWasPublishedWaitsForIt) {
  // A snapshot may hold what is durable but not yet published.
  Ear ear;
  ear.expect_from(0, 3);
  feed.subscribe({{{0, 3}}}, nullptr, ear.listener());
  happen(0, 2);
  EXPECT_EQ(ear.count(0), 0);
  happen(0, 2);
  EXPECT_EQ(ear.count(0), 2);
}

TEST_F(FeedTest, ACursorOlderThanTheJournalLags) {
  happen(0, 3);
  happen(0, 3);
  store.trim_before(0, 4);
  Ear ear;
  feed.subscribe({{{0, 1}}}, nullptr, ear.listener());
  EXPECT_EQ(ear.lagged(), 1);
  EXPECT_EQ(ear.count(0), 0);
  EXPECT_EQ(feed.subscribers(), 0);
  happen(0, 1);  // nothing more comes
  EXPECT_EQ(ear.count(0), 0);
}

TEST_F(FeedTest, AStoreThatCannotReadLags) {
  happen(0, 3);
  store.fail = true;
  Ear ear;
  feed.subscribe({{{0, 1}}}, nullptr, ear.listener());
  EXPECT_EQ(ear.lagged(), 1);
}

TEST_F(FeedTest, GivesOnlyWhatIsWanted) {
  std::vector<std::int64_t> numbers;
  feed.subscribe(
      {}, [](const Event& event) { return event.subject.value % 2 == 0; },
      [&](FeedSlice slice) {
        for (const auto& event : slice.events) {
          numbers.push_back(event.number);
        }
      });
  happen(0, 5);
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{2, 4}));
}

TEST_F(FeedTest, AShardLoadedAgainGoesOnWhereItsJournalStands) {  // house 3b
  Ear ear;
  ear.expect_from(0, 1);
  feed.subscribe({}, nullptr, ear.listener());
  happen(0, 2);
  store.add(part(0, 2));  // landed, but its publication was lost with the shard's memory
  feed.begin(0, 5);
  happen(0, 1);
  EXPECT_EQ(ear.count(0), 5);
}

// S9.3: another member's events come out of the journal as soon as it says that they are there.
TEST_F(FeedTest, AnotherMembersEventsComeFromTheStore) {
  Ear ear;
  ear.expect_from(0, 1);
  feed.subscribe({}, nullptr, ear.listener());
  store.add(part(0, 2));
  store.add(part(0, 3));
  EXPECT_EQ(ear.count(0), 0);
  feed.advance(0, 1, 6);
  EXPECT_EQ(ear.count(0), 5);
  feed.advance(0, 1, 6);
  feed.advance(0, 1, 3);
  EXPECT_EQ(ear.count(0), 5) << "nothing new, nothing old";
  store.add(part(0, 1));
  feed.begin(0, 7);  // it is ours now
  EXPECT_EQ(ear.count(0), 6);
  happen(0, 1);
  EXPECT_EQ(ear.count(0), 7);
}

// S9.3: a member that has just started is given another's cursor before it knows of that source.
TEST_F(FeedTest, ASourceHeardOfForTheFirstTimeIsCaughtUpFromAnOlderCursor) {
  store.add(part(5, 4));
  store.add(part(6, 4));
  Ear ear;
  ear.expect_from(5, 3);
  ear.expect_from(6, 2);
  feed.subscribe({{{5, 3}, {6, 2}}}, nullptr, ear.listener());
  feed.advance(5, 5, 5);  // where it stood when its owner loaded it: nothing has happened since
  EXPECT_EQ(ear.count(5), 2);
  feed.begin(6, 5);
  EXPECT_EQ(ear.count(6), 3);
}

// What landed while our lease had run out is released late: the store may have told of it already.
TEST_F(FeedTest, APartThatComesAfterItsNumbersWereKnownTakesNothingBack) {
  const JournalPart late = part(0, 2);
  store.add(late);
  store.add(part(0, 1));
  feed.advance(0, 1, 4);
  feed.publish({&late});
  EXPECT_EQ(feed.now().next.at(0), 4);
  Ear ear;
  ear.expect_from(0, 1);
  feed.subscribe({{{0, 1}}}, nullptr, ear.listener());
  EXPECT_EQ(ear.count(0), 3);
}

// I1b: what the store lost was told already. Numbers begin again before the end: that would be a
// repeat, so everybody takes a fresh snapshot.
TEST_F(FeedTest, AHistoryThatGoesBackLagsWhoHeardIt) {
  Ear ear;
  ear.expect_from(0, 1);
  feed.subscribe({}, nullptr, ear.listener());
  happen(0, 4);
  EXPECT_EQ(ear.lagged(), 0);
  feed.begin(0, 3);
  EXPECT_EQ(ear.lagged(), 1);
  EXPECT_EQ(feed.subscribers(), 0);
}

// A lost end that was written over does not show in the numbers: only the generation tells.
TEST_F(FeedTest, WhoComesFromAnotherGenerationLags) {  // S9.2, house 8
  Ear ear;
  ear.expect_from(0, 1);
  feed.subscribe({}, nullptr, ear.listener());
  happen(0, 4);
  const Cursor old = feed.now();
  feed.begin_generation(1);
  EXPECT_EQ(ear.lagged(), 0);
  feed.begin_generation(2);
  EXPECT_EQ(ear.lagged(), 1);
  feed.begin(0, 5);
  happen(0, 3);
  EXPECT_EQ(ear.count(0), 4);
  Ear late;
  feed.subscribe(*parse_cursor(to_text(old)), nullptr, late.listener());
  EXPECT_EQ(late.lagged(), 1);
  EXPECT_EQ(feed.subscribers(), 0);
  Ear anew;
  anew.expect_from(0, 8);
  feed.subscribe(*parse_cursor(to_text(feed.now())), nullptr, anew.listener());
  happen(0, 1);
  EXPECT_EQ(anew.lagged(), 0);
  EXPECT_EQ(anew.count(0), 1);
}

TEST_F(FeedTest, CancelWithinTheListenerIsTheLastCall) {
  int calls = 0;
  std::int64_t subscription = 0;
  subscription = feed.subscribe({}, nullptr, [&](const FeedSlice&) {
    ++calls;
    feed.cancel(subscription);
  });
  happen(0, 1);
  happen(0, 1);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(feed.subscribers(), 0);
  feed.cancel(subscription);  // harmless
}

TEST_F(FeedTest, CancelDuringAReadIsTheEndToo) {
  happen(0, 3);
  store.hold = true;
  Ear ear;
  const auto subscription = feed.subscribe({{{0, 1}}}, nullptr, ear.listener());
  feed.cancel(subscription);
  store.release();
  EXPECT_EQ(ear.count(0), 0);
}

TEST_F(FeedTest, NowIsAfterEverythingPublished) {
  happen(0, 3);
  const Cursor now = feed.now();
  EXPECT_EQ(now.next.at(0), 4);
  EXPECT_EQ(now.next.at(1), 1);
}

class SmallFeedTest : public FeedTest {
 protected:
  SmallFeedTest() : FeedTest({.recent_bytes = 4000, .queued_events = 8, .read_rows = 2}) {}
};

TEST_F(SmallFeedTest, ASlowSubscriberLagsAndSlowsNobody) {
  Ear slow;
  slow.hold = true;
  Ear quick;
  feed.subscribe({}, nullptr, slow.listener());
  feed.subscribe({}, nullptr, quick.listener());
  for (int i = 0; i < 20; ++i) {
    happen(0, 1);
  }
  EXPECT_EQ(slow.count(0), 8);
  EXPECT_EQ(slow.lagged(), 1);
  EXPECT_EQ(quick.count(0), 20);
  EXPECT_EQ(feed.subscribers(), 1);
}

TEST_F(SmallFeedTest, CatchingUpWaitsForASlowSubscriber) {
  for (int i = 0; i < 100; ++i) {
    happen(0, 1);
  }
  Ear ear;
  ear.hold = true;
  ear.expect_from(0, 1);
  feed.subscribe({{{0, 1}}}, nullptr, ear.listener());
  EXPECT_EQ(ear.count(0), 4);  // half of what it may hold
  for (int round = 0; ear.count(0) < 101 && round < 200; ++round) {
    if (round == 10) {
      happen(0, 1);
    }
    ear.let_go();
  }
  EXPECT_EQ(ear.count(0), 101);
  EXPECT_EQ(ear.lagged(), 0);
  ear.let_go();
  happen(0, 1);
  EXPECT_EQ(ear.count(0), 102);
}

TEST_F(SmallFeedTest, JoinsTheStoreAndABoundedMemory) {
  Ear first;
  feed.subscribe({}, nullptr, first.listener());
  for (int i = 0; i < 200; ++i) {
    happen(0, 1);
  }
  Ear second;
  second.expect_from(0, 1);
  feed.subscribe({{{0, 1}}}, nullptr, second.listener());
  EXPECT_EQ(second.count(0), 200);
  const int reads = store.reads;
  EXPECT_GT(reads, 10);
  EXPECT_LT(reads, 100);  // the end of it came from memory
}

TEST(FeedMemory, KeepsTheNewestOfAllWithinItsBound) {
  FeedMemory memory(5000);
  for (int i = 0; i < 50; ++i) {
    for (ShardNumber source = 0; source < 2; ++source) {
      memory.add(std::make_shared<const JournalPart>(
          JournalPart{source, 1 + i * 2, std::vector<Event>(2)}));
      EXPECT_LE(memory.bytes(), 5000U);
    }
  }
  EXPECT_TRUE(memory.read(0, 1, 10).empty());
  const auto newest = memory.read(1, 100, 10);
  ASSERT_EQ(newest.size(), 1U);
  EXPECT_EQ(newest[0]->first, 99);
  memory.forget(1);
  EXPECT_TRUE(memory.read(1, 100, 10).empty());
  EXPECT_FALSE(memory.read(0, 100, 10).empty());
  memory.clear();
  EXPECT_EQ(memory.bytes(), 0U);
}

TEST(FeedCursor, ReadsBackWhatItWrote) {
  for (const std::int64_t generation : {1, 2, 77}) {
    const Cursor cursor{{{0, 1}, {63, 123'456'789'012}, {kMemberSource, 7}}, generation};
    const std::string text = to_text(cursor);
    EXPECT_EQ(text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz.~"), std::string::npos);
    EXPECT_EQ(parse_cursor(text)->next, cursor.next);
    EXPECT_EQ(parse_cursor(text)->generation, generation);
  }
  EXPECT_TRUE(parse_cursor(to_text({}))->next.empty());
}

TEST(FeedCursor, RefusesEverythingElse) {
  for (const char* text :
       {"", "2", "1.", "1.1", "1.0", "1.x!", "1~", "1~0", "1~0.", "1~0.0", "1~0.-1", "1~zzzz.1",
        "1~0.1~0.2", "1~0.1x!", "1~0.zzzzzzzzzzzzzzzzz", "x"}) {
    EXPECT_FALSE(parse_cursor(text).ok()) << text;
  }
}

// Subscribes somewhere before now, hears some, and goes; how many.
std::int64_t listen_for_a_while(Feed& feed, std::mt19937& random, const std::atomic<bool>& over) {
  Ear ear;
  Cursor from = feed.now();
  for (auto& [source, next] : from.next) {
    next = std::max<std::int64_t>(1, next - static_cast<std::int64_t>(random() % 20));
    ear.expect_from(source, next);
  }
  std::atomic<bool> cancelled{false};
  const auto subscription = feed.subscribe(from, nullptr, [&](FeedSlice slice) {
    EXPECT_FALSE(cancelled);
    ear.listener()(std::move(slice));
  });
  const auto wanted = static_cast<std::int64_t>(random() % 60);
  while (!over && ear.count(0) + ear.count(1) < wanted) {
    std::this_thread::yield();
  }
  feed.cancel(subscription);
  cancelled = true;
  EXPECT_EQ(ear.lagged(), 0);
  return ear.count(0) + ear.count(1);
}

// One publisher; subscribers that come, resume from a cursor and go; a store that answers from its
// own thread. Nobody sees a gap or a repeat, nobody is called after cancel() returned.
TEST_F(FeedTest, HoldsUnderConcurrentPublishSubscribeAndCancel) {
  std::atomic<bool> over{false};
  store.hold = true;
  std::thread reader([&] {
    while (!over) {
      if (store.held() > 0) {
        store.release();
      } else {
        std::this_thread::yield();
      }
    }
    while (store.held() > 0) {
      store.release();
    }
  });
  std::vector<std::thread> subscribers;
  std::atomic<std::int64_t> heard{0};
  for (unsigned seed = 0; seed < 3; ++seed) {
    subscribers.emplace_back([&, seed] {
      std::mt19937 random(seed);
      while (!over) {
        heard += listen_for_a_while(feed, random, over);
      }
    });
  }
  for (int i = 0; i < 3000 || (heard == 0 && i < 300000); ++i) {
    happen(static_cast<ShardNumber>(i % 2), 1 + i % 3);
    if (i % 50 == 0) {
      std::this_thread::yield();
    }
  }
  over = true;
  for (auto& subscriber : subscribers) {
    subscriber.join();
  }
  reader.join();
  EXPECT_GT(heard, 0);
  EXPECT_EQ(feed.subscribers(), 0);
}

}  // namespace
}  // namespace jobflow::runtime
