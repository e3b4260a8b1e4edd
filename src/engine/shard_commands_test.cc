// A command is carried out once under its id, however often it comes (S12.4).
#include "engine/command_memory.h"
#include "engine/testing/desk.h"

#include <gtest/gtest.h>

#include <optional>

namespace jobflow::engine {
namespace {

using testing::Desk;

Id command_id(int number) {
  return {Desk::kBase.ms << 22 | number};
}

class ShardCommands : public ::testing::Test {
 protected:
  void keep() { desk.shard().keep_commands(desk.rows.image(Desk::kShard, {}, 0).last_command); }
  void reload() {
    desk.reload();
    keep();
  }
  Decision ask(Request request, int number, bool is_repeat = false) {
    return desk.submit(Command{.request = std::move(request),
                               .principal = "token:admin",
                               .now = desk.now,
                               .id = command_id(number),
                               .is_repeat = is_repeat});
  }
  Decision save(int number) {
    Decoded decoded = decode_definition(DefinitionKind::job,
                                        R"({"metadata":{"name":"d"},"spec":{"handler":"h"}})");
    return ask(SaveDefinition{.definition = std::make_shared<const Definition>(
                                  std::move(decoded.definition))},
               number);
  }
  static TriggerRun trigger(std::string key = "") {
    return {.name_space = "default", .name = "d", .idempotency_key = std::move(key)};
  }
  static Reply reply_of(const Decision& decision) {
    EXPECT_TRUE(decision.answer && decision.answer->ok());
    return decision.answer && decision.answer->ok() ? **decision.answer : Reply{};
  }
  static std::optional<ProblemCode> refusal_of(const Decision& decision) {
    if (!decision.answer || decision.answer->ok()) {
      return std::nullopt;
    }
    return decision.answer->problem().code;
  }
  void expect_repeated(const Decision& first, const Decision& again) {
    const Reply told = reply_of(first);
    const Reply told_again = reply_of(again);
    EXPECT_EQ(told_again.id, told.id);
    EXPECT_EQ(told_again.revision, told.revision);
    EXPECT_EQ(told_again.created, told.created);
    EXPECT_EQ(told_again.name, told.name);
    EXPECT_TRUE(again.changes.empty() && again.effects.empty() && again.events.empty());
  }
  bool has_read() { return desk.take_told().find("? read") != std::string::npos; }

  Desk desk;
};

TEST_F(ShardCommands, OneThatComesAgainGetsTheAnswerItHad) {
  keep();
  const Decision saved = save(1);
  const Decision triggered = ask(trigger(), 2);
  EXPECT_EQ(desk.rows.commands.size(), 2U);
  EXPECT_EQ(desk.rows.commands.at(command_id(2)).subject, reply_of(triggered).id);
  expect_repeated(saved, save(1));
  expect_repeated(triggered, ask(trigger(), 2));
  EXPECT_EQ(desk.rows.runs.size(), 1U);
  EXPECT_FALSE(has_read()) << "it is in memory";
}

TEST_F(ShardCommands, ANewOwnerReadsWhatBecameOfIt) {
  keep();
  const Decision saved = save(1);
  const Decision triggered = ask(trigger(), 3);
  reload();
  EXPECT_FALSE(has_read());
  expect_repeated(triggered, ask(trigger(), 3));
  EXPECT_TRUE(has_read());
  expect_repeated(saved, save(1));
  EXPECT_TRUE(has_read());
  EXPECT_NE(reply_of(ask(trigger(), 2)).id, reply_of(triggered).id) << "older, and never done";
  EXPECT_TRUE(has_read());
  ask(trigger(), 4);
  EXPECT_FALSE(has_read()) << "nobody can have done it before";
  EXPECT_EQ(desk.rows.runs.size(), 3U);
}

// What it reads for its id and what it reads for its sake do not push each other out.
TEST_F(ShardCommands, OneThatMustReadMoreIsDecidedInTheEnd) {
  keep();
  save(1);
  const Id run = reply_of(ask(trigger("k"), 2)).id;
  ask(CancelRun{run}, 9);
  reload();
  const Decision retried = ask(RetryRun{.run = run, .from_steps = {}}, 5);
  EXPECT_EQ(desk.rows.runs.at(run).progress.state, RunState::queued);
  ask(CancelRun{run}, 10);
  expect_repeated(retried, ask(RetryRun{.run = run, .from_steps = {}}, 5));
  EXPECT_EQ(desk.rows.runs.at(run).progress.state, RunState::cancelled) << "not once more";
  reload();
  EXPECT_EQ(reply_of(ask(trigger("k"), 6)).id, run) << "the key's row was read, too";
  EXPECT_EQ(desk.rows.runs.size(), 1U);
}

TEST_F(ShardCommands, ARefusalIsNotKept) {
  keep();
  EXPECT_EQ(refusal_of(ask(trigger(), 1)), ProblemCode::not_found);
  EXPECT_TRUE(desk.rows.commands.empty());
  save(2);
  EXPECT_TRUE(reply_of(ask(trigger(), 1)).created) << "now it can be done";
}

// Others may undo what it found done before it comes again, late.
TEST_F(ShardCommands, OneThatHadNothingToDoIsKeptToo) {
  keep();
  save(1);
  const Decision first = ask(trigger("k"), 2);
  const Decision found = ask(trigger("k"), 3);
  EXPECT_EQ(reply_of(found).id, reply_of(first).id);
  ask(DeleteDefinition{.name_space = "default", .name = "d"}, 4);
  save(5);
  EXPECT_EQ(reply_of(ask(trigger("k"), 3, true)).id, reply_of(first).id)
      << "not one of the new job";
  reload();
  EXPECT_EQ(reply_of(ask(trigger("k"), 3, true)).id, reply_of(first).id);
  EXPECT_EQ(desk.rows.runs.size(), 1U);
}

TEST_F(ShardCommands, WhatIsForgottenIsRead) {
  keep();
  save(1);
  const Decision first = ask(trigger(), 2);
  for (int i = 0; i < static_cast<int>(CommandMemory::kRemembered); ++i) {
    ask(trigger(), 3 + i);
  }
  EXPECT_FALSE(has_read());
  expect_repeated(first, ask(trigger(), 2));
  EXPECT_TRUE(has_read());
}

// Nobody else hears its commands, and it writes none of them down.
TEST_F(ShardCommands, AShardAloneRemembersThemWhileItLives) {
  save(1);
  const Decision triggered = ask(trigger(), 2);
  EXPECT_TRUE(desk.rows.commands.empty());
  expect_repeated(triggered, ask(trigger(), 2, true));
  EXPECT_NE(desk.shard().find_command(command_id(2)), nullptr);
  desk.now = desk.now + seconds(1);
  desk.reload();
  EXPECT_EQ(desk.shard().find_command(command_id(2)), nullptr);
  EXPECT_EQ(refusal_of(ask(trigger(), 2, true)), ProblemCode::wrong_state);
  EXPECT_TRUE(reply_of(ask(trigger("own"), 3, true)).created) << "its key makes it harmless";
  EXPECT_TRUE(reply_of(ask(trigger(), 4)).created) << "not sent before";
  EXPECT_EQ(desk.rows.runs.size(), 3U);
}

}  // namespace
}  // namespace jobflow::engine
