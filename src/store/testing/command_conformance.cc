// The exam, fifth part: what became of commands that may be sent again (S12.4).
#include "store/testing/store_conformance.h"

#include <gmock/gmock.h>

namespace jobflow::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Id command_at(std::int64_t ms, int count = 0) {
  return {ms << 22 | count};
}

CommandRow done(Id id) {
  return {.id = id,
          .shard = 5,
          .at = {1'000},
          .subject = {5 << 12 | 7},
          .revision = 3,
          .created = true,
          .changed = false,
          .name = "resize"};
}

TEST_P(StoreConformance, S12_4_WhatBecameOfACommandIsReadByItsId) {
  Writer writer(*subject);
  EXPECT_EQ(desk.load_shard(1, 5).last_command, Id{});
  CommandRow plain = done(command_at(10, 2));
  plain.created = false;
  plain.changed = true;
  plain.name.clear();
  ASSERT_TRUE(
      landed(writer.commit({InsertCommand{done(command_at(10, 9))}, InsertCommand{plain}})));
  const CommandRows rows = desk.read_for_command(
      1, {.commands = {command_at(10, 2), command_at(10, 3), command_at(10, 9)}});
  EXPECT_THAT(rows.commands, ElementsAre(plain, done(command_at(10, 9))));
  EXPECT_EQ(rows.batch, writer.ticket().batch);
  EXPECT_EQ(desk.load_shard(1, 4).last_command, command_at(10, 9)) << "of whatever shard";
}

TEST_P(StoreConformance, S12_4_NoCommandIsWrittenTwice) {
  Writer writer(*subject);
  ASSERT_TRUE(landed(writer.commit({InsertCommand{done(command_at(10))}})));
  CommandRow again = done(command_at(10));
  again.subject = {5 << 12 | 8};
  EXPECT_EQ(writer.commit({InsertCommand{again}}).result, CommitResult::refused);
  EXPECT_THAT(desk.read_for_command(1, {.commands = {command_at(10)}}).commands,
              ElementsAre(done(command_at(10))));
  EXPECT_EQ(writer.commit({InsertCommand{done({0})}}).result, CommitResult::refused);
}

TEST_P(StoreConformance, S12_4_CommandsGoAfterTenMinutesTheOldestFirst) {
  Writer writer(*subject);
  std::vector<Change> changes;
  for (const int ms : {1'000, 2'000, 3'000, 4'000}) {
    changes.emplace_back(InsertCommand{done(command_at(ms))});
  }
  ASSERT_TRUE(landed(writer.commit(std::move(changes))));
  const auto left = [&] {
    return desk
        .read_for_command(1, {.commands = {command_at(1'000), command_at(2'000), command_at(3'000),
                                           command_at(4'000)}})
        .commands;
  };
  const Instant now = Instant{3'500} + limits::kCommandsKept;
  EXPECT_EQ(desk.trim({.journal_before = {}, .keys_expired_at = {3'500}}), 0);
  EXPECT_EQ(desk.trim({.journal_before = {}, .keys_expired_at = now, .rows = 2}), 2);
  EXPECT_THAT(left(), ElementsAre(done(command_at(3'000)), done(command_at(4'000))));
  EXPECT_EQ(desk.trim({.journal_before = {}, .keys_expired_at = now, .rows = 2}), 1);
  EXPECT_EQ(desk.trim({.journal_before = {}, .keys_expired_at = kNever}), 1);
  EXPECT_THAT(left(), IsEmpty());
}

}  // namespace
}  // namespace jobflow::store::testing
