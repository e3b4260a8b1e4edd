// A command is carried out once, however often it is sent, and wherever (S12.4).
#include "runtime/testing/cluster_stage.h"
#include "runtime/testing/hall_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

namespace jobflow::runtime {
namespace {

using testing::Answered;
using testing::ClusterStage;

class HallCommands : public ::testing::Test {
 protected:
  void start(int count) {
    for (int i = 0; i < count; ++i) {
      stage.start(std::string(1, static_cast<char>('a' + i)));
    }
    stage.advance(seconds(3));
    for (int i = 0; i < kJobs; ++i) {
      stage.save_job("a", "j" + std::to_string(i), R"({"handler":"h"})");
    }
    stage.advance(seconds(1));
  }
  engine::TriggerRun trigger(int job) {
    return {.name_space = "default", .name = "j" + std::to_string(job)};
  }
  std::vector<Answered> trigger_all(const std::string& at, Id first = {}) {
    std::vector<Answered> answers;
    for (int i = 0; i < kJobs; ++i) {
      answers.push_back(stage.submit(at, trigger(i), first.is_set() ? Id{first.value + i} : Id{}));
    }
    return answers;
  }
  Id id_of(const Answered& answer) {
    EXPECT_TRUE(answer->has_value() && (*answer)->ok()) << "no answer, or a problem";
    return answer->has_value() && (*answer)->ok() ? (**answer)->id : Id{};
  }
  RunState state_of(Id run) {
    for (const RunRow& row : stage.runs()) {
      if (row.id == run) {
        return row.progress.state;
      }
    }
    return RunState::pending;
  }

  static constexpr int kJobs = 40;
  ClusterStage stage{32};
};

TEST_F(HallCommands, WhatAnOwnerDidBeforeItDiedIsNotDoneAgain) {
  start(3);
  stage.store("b").set(
      {.commit = [](const store::Batch&) { return store::CommitFault::answer_lost; }});
  const auto answers = trigger_all("a");
  const auto answered = std::count_if(answers.begin(), answers.end(),
                                      [](const Answered& answer) { return answer->has_value(); });
  EXPECT_GT(std::ssize(stage.runs()), answered) << "durable, and b has not said so";
  stage.kill("b");
  stage.advance(seconds(6));
  std::set<Id> runs;
  for (const Answered& answer : answers) {
    runs.insert(id_of(answer));
  }
  EXPECT_EQ(runs.size(), static_cast<std::size_t>(kJobs));
  EXPECT_EQ(stage.runs().size(), static_cast<std::size_t>(kJobs));
}

TEST_F(HallCommands, AClientMaySendItAgainToAnyMember) {
  start(3);
  const Id first = stage.hall("a").make_command_ids(kJobs);
  const auto answers = trigger_all("a", first);
  stage.advance(seconds(1));
  const auto compare = [&](const std::vector<Answered>& again) {
    for (int i = 0; i < kJobs; ++i) {
      const auto place = static_cast<std::size_t>(i);
      EXPECT_EQ(id_of(again[place]), id_of(answers[place])) << i;
    }
  };
  const auto again = trigger_all("c", first);
  stage.advance(seconds(1));
  compare(again);
  stage.kill("b");
  stage.advance(seconds(4));
  const auto after_takeover = trigger_all("c", first);
  stage.advance(seconds(1));
  compare(after_takeover);
  EXPECT_EQ(stage.runs().size(), static_cast<std::size_t>(kJobs));
}

TEST_F(HallCommands, ARepeatedRetryRetriesOnce) {
  start(2);
  const Id run = id_of(stage.submit("a", trigger(0)));
  const auto submit = [&](const std::string& at, engine::Request request, Id command = {}) {
    const Answered answer = stage.submit(at, std::move(request), command);
    stage.advance(milliseconds(100));
    return id_of(answer);
  };
  submit("a", engine::CancelRun{run});
  const Id command = stage.hall("a").make_command_ids(1);
  submit("a", engine::RetryRun{.run = run, .from_steps = {}}, command);
  EXPECT_EQ(state_of(run), RunState::queued);
  submit("b", engine::CancelRun{run});
  submit("b", engine::RetryRun{.run = run, .from_steps = {}}, command);
  EXPECT_EQ(state_of(run), RunState::cancelled);
}

TEST_F(HallCommands, IdsOfCommandsDifferAmongMembers) {
  start(2);
  std::set<Id> ids;
  for (int i = 0; i < 3; ++i) {
    for (const char* member : {"a", "b"}) {
      const Id first = stage.hall(member).make_command_ids(3'000);
      for (int item = 0; item < 3'000; ++item) {
        EXPECT_TRUE(ids.insert({first.value + item}).second);
      }
    }
  }
  EXPECT_EQ(ids.size(), 18'000U);
}

TEST_F(HallCommands, WhatBecameOfACommandIsTold) {
  start(2);
  const Id command = stage.hall("a").make_command_ids(1);
  const Id run = id_of(stage.submit("a", trigger(0), command));
  stage.advance(milliseconds(100));
  int knowing = 0;
  for (const char* member : {"a", "b"}) {
    stage.hall(member).find_command(command, [&](const std::optional<CommandRow>& row) {
      knowing += row && row->subject == run && row->created ? 1 : 0;
    });
  }
  stage.settle();
  EXPECT_EQ(knowing, 1) << "its owner";
  CommandRows rows;
  stage.store("b").read_for_command(0, {.commands = {command}},
                                    [&](Outcome<CommandRows> read) { rows = std::move(*read); });
  stage.settle();
  ASSERT_EQ(rows.commands.size(), 1U);
  EXPECT_EQ(rows.commands[0].subject, run);
}

// It writes nothing about commands, and knows what they became while it lives.
TEST(HallAlone, RemembersItsCommandsAndWritesNoneDown) {
  const auto store = store::make_memory_store();
  testing::HallStage stage(*store);
  ASSERT_TRUE(stage.start().ok());
  stage.save_job("j", R"({"handler":"h"})");
  const Id command = stage.hall->make_command_ids(1);
  std::vector<Id> told;
  for (int i = 0; i < 2; ++i) {
    std::vector<Submission> submissions(1);
    submissions[0].command = {.request = engine::TriggerRun{.name_space = "default", .name = "j"},
                              .principal = "test",
                              .id = command,
                              .is_repeat = i == 1};
    submissions[0].answer = [&](const Outcome<engine::Reply>& reply) { told.push_back(reply->id); };
    stage.hall->submit(std::move(submissions));
    stage.time.settle();
    std::optional<CommandRow> known;
    stage.hall->find_command(command, [&](const auto& row) { known = row; });
    stage.time.settle();
    EXPECT_TRUE(known && known->subject == told.back());
  }
  EXPECT_EQ(told, std::vector<Id>(2, told.at(0)));
  store->load_shard(1, 0,
                    [](const Outcome<ShardImage>& image) { EXPECT_EQ(image->last_command, Id{}); });
}

}  // namespace
}  // namespace jobflow::runtime
