#include "engine/queues.h"

#include <gtest/gtest.h>

#include <cstdint>
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
    return *queues.find("default", task);
  }
  Waiting enter(Queue& queue, int priority) {
    const Waiting run{.priority = priority, .since = {1}, .run = {++runs}};
    queues.enter(queue, run);
    return run;
  }
  // What is offered, by handler; the one named is taken from.
  std::string served(const std::string& taken = {}) {
    std::string offered;
    queues.serve([&](Queue& queue) {
      offered += queue.handler;
      return queue.handler == taken;
    });
    return offered;
  }
  Queues queues;
  std::int64_t runs = 0;
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
