#include "engine/queues.h"

#include "model/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::engine {
namespace {

class QueuesTest : public ::testing::Test {
 protected:
  Queue& queue(const std::string& handler, std::vector<std::string> tags = {}) {
    Task task;
    task.handler = handler;
    task.tags = std::move(tags);
    return *queues.find(ask_of("default", task));
  }
  Waiting enter(Queue& queue, int priority) {
    const Waiting run{.priority = priority, .since = now, .run = {++runs}};
    queues.enter(queue, run);
    return run;
  }
  // What is offered, by handler; the one named is taken from.
  std::string served(const std::string& taken = {}) {
    std::string offered;
    queues.serve(now, [&](Queue& queue) {
      offered += queue.ask.handler;
      return queue.ask.handler == taken;
    });
    return offered;
  }
  Queues queues;
  std::int64_t runs = 0;
  Instant now{1};
};

TEST_F(QueuesTest, WhatAsksTheSameWaitsInOneQueue) {
  EXPECT_EQ(&queue("a"), &queue("a"));
  EXPECT_NE(&queue("a"), &queue("a", {"eu"}));
  EXPECT_NE(&queue("a"), &queue("b"));
}

TEST_F(QueuesTest, TheFirstRunsPrioritySaysWhichQueueIsOfferedFirst) {  // S3.6
  enter(queue("a"), 0);
  enter(queue("b"), 1);
  enter(queue("c"), -1);
  EXPECT_EQ(served(), "bac");
  const Waiting urgent = enter(queue("c"), 2);
  EXPECT_EQ(served(), "cba");
  queues.leave(queue("c"), urgent);
  EXPECT_EQ(served(), "bac");
}

TEST_F(QueuesTest, ThoseOfOnePriorityTakeTurns) {  // S6.1
  for (const std::string handler : {"a", "b", "c"}) {
    enter(queue(handler), 0);
  }
  EXPECT_EQ(served("a"), "a");
  EXPECT_EQ(served("b"), "b");
  EXPECT_EQ(served("b"), "cab");
  EXPECT_EQ(served(), "cab");
  queues.go_on_after(queue("a").key);
  EXPECT_EQ(served(), "bca");
}

// S3.6: nothing starves. Priority 3 gives way to 5 for twice the time of ageing, and no longer.
TEST_F(QueuesTest, AgeIsWorthPriority) {
  enter(queue("old"), 3);
  now = now + limits::kPriorityAgeing;
  enter(queue("new"), 5);
  EXPECT_EQ(served("new"), "new");
  now = now + limits::kPriorityAgeing - milliseconds(1);
  EXPECT_EQ(served("new"), "new");
  now = now + milliseconds(limits::kPriorityAgeing.ms);  // levels move at full steps
  EXPECT_EQ(served(), "oldnew") << "as urgent: they take turns";
  now = now + hours(10);
  EXPECT_EQ(served("old"), "old") << "it is worth no more than what anybody waits with";
  EXPECT_EQ(served(), "newold");
}

TEST_F(QueuesTest, WithinAQueueTheOlderComesFirstWhenItHasWaitedLongEnough) {  // S3.6
  Queue& one = queue("a");
  const Waiting old = enter(one, 0);
  now = now + limits::kPriorityAgeing;
  const Waiting better = enter(one, 2);
  EXPECT_EQ(most_urgent(one.runs), better);
  now = now + limits::kPriorityAgeing;
  enter(one, 2);
  EXPECT_EQ(most_urgent(one.runs), better) << "an order among those that wait does not change";
  queues.leave(one, better);
  EXPECT_EQ(most_urgent(one.runs), old) << "as urgent as the other one, and there before it";
  EXPECT_EQ(queues.waits_since(), old.since);
}

// Against the obvious: whoever is most urgent now is never behind one that is less so.
TEST_F(QueuesTest, ServesInTheOrderOfPriorityAndAge) {
  std::mt19937_64 random(7);
  std::map<std::string, std::set<Waiting>> model;
  const auto level = [&](const std::set<Waiting>& waiting) {
    const Instant step{now.ms - now.ms % limits::kPriorityAgeing.ms};
    std::int64_t most = INT64_MIN, highest = INT64_MIN;
    for (const Waiting& run : waiting) {
      const auto risen = (step - run.since).ms / limits::kPriorityAgeing.ms;
      most = std::max(most, run.priority + std::max<std::int64_t>(0, risen));
    }
    for (const auto& [name, all] : model) {
      for (const Waiting& run : all) {
        highest = std::max<std::int64_t>(highest, run.priority);
      }
    }
    return std::min(most, highest);
  };
  for (int round = 0; round < 4000; ++round) {
    const std::string name(1, static_cast<char>('a' + random() % 5));
    auto& waiting = model[name];
    if (random() % 2 == 0) {
      waiting.insert(enter(queue(name), static_cast<int>(random() % 7) - 3));
    } else if (!waiting.empty()) {
      const Waiting gone =
          *std::next(waiting.begin(), static_cast<std::ptrdiff_t>(random() % waiting.size()));
      queues.leave(queue(name), gone);
      waiting.erase(gone);
    }
    now = now + milliseconds(static_cast<std::int64_t>(random() % 20'000));
    std::int64_t before = 1000;
    for (const char offered : served()) {
      const std::int64_t now_at = level(model[std::string(1, offered)]);
      ASSERT_LE(now_at, before + 1) << "round " << round;
      before = std::min(before, now_at);
    }
  }
}

TEST_F(QueuesTest, AnEmptyQueueIsNotOffered) {
  const Waiting run = enter(queue("a"), 0);
  EXPECT_EQ(queues.waiting(), 1U);
  queues.leave(queue("a"), run);
  EXPECT_EQ(queues.waiting(), 0U);
  EXPECT_EQ(queues.arrivals(), 1U);
  EXPECT_EQ(served(), "");
}

}  // namespace
}  // namespace jobflow::engine
