// Merging, order and bounds of what a worker is told.
#include "link/outbox.h"

#include <gtest/gtest.h>

#include <string>

namespace jobflow::link {
namespace {

Assignment assignment(std::int64_t token, std::size_t params = 2) {
  Assignment one;
  one.run = Id{token};
  one.token = Id{token};
  one.params = std::string(params, ' ');
  return one;
}

runtime::ToWorker assignments(std::int64_t from, std::int64_t to, std::size_t params = 2) {
  runtime::ToWorker message;
  for (auto token = from; token <= to; ++token) {
    message.assignments.push_back(assignment(token, params));
  }
  return message;
}

runtime::ToWorker cancel(std::int64_t token) {
  runtime::ToWorker message;
  message.cancels.push_back({Id{token}, Id{token}});
  return message;
}

TEST(Outbox, MergesWhatWasQueuedIntoOneMessage) {
  Outbox outbox({});
  EXPECT_TRUE(outbox.empty());
  ASSERT_TRUE(outbox.put(assignments(1, 2)));
  auto more = assignments(3, 3);
  more.acks = {Id{9}};
  more.drain = true;
  more.epochs.push_back({7, 2});
  ASSERT_TRUE(outbox.put(std::move(more)));
  ASSERT_TRUE(outbox.put(cancel(1)));
  ASSERT_TRUE(outbox.log_ack(Id{5}, 1, 30));
  v1::ServerMessage message;
  outbox.fill(message);
  ASSERT_EQ(message.assign_size(), 3);
  EXPECT_EQ(message.assign(0).token(), 1);
  EXPECT_EQ(message.assign(2).token(), 3);
  EXPECT_EQ(message.acks(0).token(), 9);
  EXPECT_EQ(message.cancel(0).token(), 1);
  EXPECT_EQ(message.log_acks(0).next_offset(), 30);
  EXPECT_EQ(message.epochs(0).shard(), 7U);
  EXPECT_TRUE(message.has_drain());
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, SplitsByItemsAndLetsNoCancelOvertakeItsAssignment) {
  Outbox outbox({.message_items = 3});
  ASSERT_TRUE(outbox.put(assignments(1, 4)));
  ASSERT_TRUE(outbox.put(cancel(4)));
  runtime::ToWorker last = assignments(5, 5);
  last.drain = true;
  ASSERT_TRUE(outbox.put(std::move(last)));
  v1::ServerMessage message;
  outbox.fill(message);
  EXPECT_EQ(message.assign_size(), 3);
  EXPECT_EQ(message.cancel_size(), 0);
  EXPECT_FALSE(message.has_drain());
  outbox.fill(message);
  EXPECT_EQ(message.assign_size(), 2);
  EXPECT_EQ(message.cancel_size(), 1);
  EXPECT_TRUE(message.has_drain());
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, SplitsByBytesButSendsALargeOneAlone) {
  Outbox outbox({.message_bytes = 1000});
  ASSERT_TRUE(outbox.put(assignments(1, 1, 5000)));
  ASSERT_TRUE(outbox.put(assignments(2, 4, 400)));
  v1::ServerMessage message;
  outbox.fill(message);
  EXPECT_EQ(message.assign_size(), 1);
  outbox.fill(message);
  EXPECT_EQ(message.assign_size(), 2);
  outbox.fill(message);
  EXPECT_EQ(message.assign_size(), 1);
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, EpochsGoBeforeAssignments) {  // S6.6
  Outbox outbox({.message_items = 2});
  runtime::ToWorker told = assignments(1, 1);
  told.epochs = {{0, 2}, {1, 2}, {2, 2}};
  ASSERT_TRUE(outbox.put(std::move(told)));
  v1::ServerMessage message;
  outbox.fill(message);
  EXPECT_EQ(message.epochs_size(), 2);
  EXPECT_EQ(message.assign_size(), 0);
  outbox.fill(message);
  EXPECT_EQ(message.epochs_size(), 1);
  EXPECT_EQ(message.assign_size(), 1);
}

TEST(Outbox, EveryHeartbeatIsAnsweredOnItsOwn) {
  Outbox outbox({});
  outbox.heard();
  outbox.heard();
  v1::ServerMessage message;
  outbox.fill(message);
  EXPECT_TRUE(message.has_heard());
  EXPECT_FALSE(outbox.empty());
  outbox.fill(message);
  EXPECT_TRUE(message.has_heard());
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, RefusesWholeMessagesOverItsBounds) {  // I7
  Outbox items({.queued_items = 3});
  EXPECT_TRUE(items.put(assignments(1, 2)));
  EXPECT_FALSE(items.put(assignments(3, 4)));
  EXPECT_TRUE(items.put(assignments(3, 3)));
  EXPECT_FALSE(items.log_ack(Id{1}, 1, 1));
  EXPECT_EQ(items.take_unsent().size(), 3U);

  Outbox bytes({.queued_bytes = 1000});
  EXPECT_TRUE(bytes.put(assignments(1, 1, 600)));
  EXPECT_FALSE(bytes.put(assignments(2, 2, 600)));
  v1::ServerMessage message;
  bytes.fill(message);
  EXPECT_TRUE(bytes.put(assignments(2, 2, 600)));
}

TEST(Outbox, KnowsExactlyWhatWasNeverTaken) {  // S6.7
  Outbox outbox({.message_items = 2000});
  ASSERT_TRUE(outbox.put(assignments(1, 5000)));
  v1::ServerMessage message;
  outbox.fill(message);
  outbox.fill(message);
  EXPECT_EQ(message.assign(0).token(), 2001);
  ASSERT_TRUE(outbox.put(assignments(5001, 5002)));
  const auto unsent = outbox.take_unsent();
  ASSERT_EQ(unsent.size(), 1002U);
  EXPECT_EQ(unsent.front().token, Id{4001});
  EXPECT_EQ(unsent.front().params, "  ");
  EXPECT_EQ(unsent.back().token, Id{5002});
  EXPECT_TRUE(outbox.empty());
}

}  // namespace
}  // namespace jobflow::link
