// What stories cannot tell: decisions that are not durable yet, and sizes.
#include "engine/shard.h"

#include "engine/testing/desk.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace jobflow::engine {
namespace {

using testing::Desk;

SaveDefinition save_of(DefinitionKind kind, const std::string& spec) {
  auto decoded = decode_definition(kind, R"({"metadata":{"name":"d"},"spec":)" + spec + "}");
  for (const FieldProblem& problem : decoded.problems) {
    ADD_FAILURE() << problem.pointer << ": " << problem.message;
  }
  return {std::make_shared<const Definition>(std::move(decoded.definition))};
}

TriggerRun trigger_of(DefinitionKind kind) {
  return {.kind = kind, .name_space = "default", .name = "d"};
}

// A due instant that cannot become a run has its row in the ledger all the same (S4.8, S1.1).
TEST(Shard, AFiringThatCannotRunIsRecorded) {
  Desk desk;
  const std::string half(limits::kParamsBytes * 2 / 3, 'x');
  desk.submit(
      save_of(DefinitionKind::job, R"({"handler":"h","params":{"a":")" + half +
                                       R"("},"triggers":[{"cron":"* * * * *","params":{"b":")" +
                                       half + R"("}}]})"));
  desk.now = desk.now + minutes(2);
  desk.fire_timers();
  EXPECT_TRUE(desk.rows.runs.empty());
  ASSERT_EQ(desk.rows.skipped.size(), 2U);
  EXPECT_EQ(desk.rows.skipped.begin()->second.reason, "misfire");
  EXPECT_EQ(desk.rows.skipped.rbegin()->second.reason, "refused");
  EXPECT_EQ(desk.rows.triggers.begin()->second.progress.next_due, Desk::kBase + minutes(3));
}

// Each slice of a deletion begins after the last one, however many runs stay live because their
// workers have yet to confirm (S2.3, house 3.8).
TEST(Shard, ADeletionLooksAtEachRunOnce) {
  constexpr std::size_t kRuns = 15'000;
  constexpr int kRunning = 3'000;
  Desk desk;
  WorkerHello hello{.name = "w", .incarnation = {77}, .slots = kRunning};
  hello.handlers.push_back({"h", "", ""});
  desk.add_worker(std::move(hello));
  desk.submit(save_of(DefinitionKind::job, R"({"handler":"h"})"));
  for (std::size_t i = 0; i < kRuns; ++i) {
    desk.submit(trigger_of(DefinitionKind::job));
  }
  EXPECT_EQ(desk.dispatch(), kRunning);

  Decision decision = desk.submit(
      DeleteDefinition{.kind = DefinitionKind::job, .name_space = "default", .name = "d"});
  std::size_t asked = decision.changes.size() - 1;
  Id after;
  for (int slices = 0; !decision.more.empty(); ++slices) {
    ASSERT_LE(slices, 16);
    ASSERT_EQ(decision.more.size(), 1U);
    const auto& next = std::get<ContinueDelete>(decision.more.front());
    ASSERT_GT(next.after, after);
    after = next.after;
    decision = desk.submit(next, "system");
    asked += decision.changes.size();
  }
  EXPECT_EQ(asked, kRuns);
  EXPECT_EQ(desk.shard().live_runs(), static_cast<std::size_t>(kRunning));
  desk.lose_worker({77}, "gone");
  EXPECT_EQ(desk.shard().live_runs(), 0U);
}

Reply answered(const Decision& decision) {
  EXPECT_TRUE(decision.answer && decision.answer->ok());
  return decision.answer && decision.answer->ok() ? **decision.answer : Reply{};
}

// The shard's own decisions, as a member would gather them: none is durable before `land`.
class Undurable : public ::testing::Test {
 protected:
  Undurable() : shard({.shard = 5}, now) {
    WorkerHello hello{.name = "w", .incarnation = {77}};
    hello.slots = 10;
    hello.handlers.push_back({"h", "", ""});
    roster.add(std::move(hello));
  }
  Decision decide(Request request, std::shared_ptr<const CommandRows> rows = nullptr) {
    shard.set_batches(gathering, landed);
    Command command{std::move(request), "token:admin", now, std::move(rows)};
    Decision decision = shard.decide(command, roster);
    const auto woken = [&] { return command.rows ? command.rows->asked.definitions.size() : 0; };
    while (decision.reads.definitions.size() > woken()) {
      command.rows = read(decision.reads);
      decision = shard.decide(command, roster);
    }
    for (const Change& change : decision.changes) {
      EXPECT_EQ(undurable.apply(change), "");
    }
    return decision;
  }
  void next_batch() { ++gathering; }
  void land() {
    landed = gathering++;
    durable = undurable;
  }
  std::shared_ptr<const CommandRows> read(const CommandReads& reads) const {
    return std::make_shared<const CommandRows>(durable.read(reads, landed));
  }
  Assignment assign() {
    return std::get<SendAssignment>(decide(DispatchNext{}).effects.at(0)).assignment;
  }
  void end(const Assignment& assignment, ReportOutcome outcome) {
    decide(
        AttemptEnded{{.run = assignment.run, .token = assignment.token, .outcome = outcome}, {77}});
  }

  Instant now = Desk::kBase;
  Shard shard;
  Roster roster;
  std::int64_t gathering = 1;
  std::int64_t landed = 0;
  testing::RowTable durable, undurable;
};

// Rows of before the run's end are not believed, however often they are read, until it is durable
// (house 3c).
TEST_F(Undurable, ARunWhoseEndHasNotLandedIsReadAgain) {
  decide(save_of(DefinitionKind::job, R"({"handler":"h"})"));
  const Id run = answered(decide(trigger_of(DefinitionKind::job))).id;
  const Assignment assignment = assign();
  land();
  end(assignment, ReportOutcome::failed);

  Decision asked = decide(RetryRun{run, {}});
  ASSERT_EQ(asked.reads.runs, std::vector{run});
  const auto early = read(asked.reads);
  EXPECT_EQ(early->runs.at(0).progress.state, RunState::running);
  asked = decide(RetryRun{run, {}}, early);
  ASSERT_EQ(asked.reads.runs, std::vector{run});
  EXPECT_FALSE(asked.answer);

  land();
  asked = decide(RetryRun{run, {}}, read(asked.reads));
  EXPECT_TRUE(asked.reads.empty());
  ASSERT_TRUE(asked.answer && asked.answer->ok());
  EXPECT_EQ(assign().attempt, 2);
}

// Two that use one key before the first is durable get the same run (S5.2).
TEST_F(Undurable, AKeyCountsFromItsDecisionOn) {
  decide(save_of(DefinitionKind::job, R"({"handler":"h"})"));
  TriggerRun ask = trigger_of(DefinitionKind::job);
  ask.idempotency_key = "k";
  const Decision first = decide(ask);
  ASSERT_EQ(first.reads.keys.size(), 1U);
  const auto nothing = read(first.reads);
  const Decision made = decide(ask, nothing);
  EXPECT_TRUE(answered(made).created);
  const Decision again = decide(ask, nothing);
  EXPECT_FALSE(answered(again).created);
  EXPECT_EQ(answered(again).id, answered(made).id);
}

// Work that was left for later, and the request for it lost with the process, is found in the rows
// (house 3.8).
TEST_F(Undurable, WorkInSlicesGoesOnAfterLoading) {
  std::string steps = R"({"steps":[{"id":"a","handler":"h"})";
  for (int i = 0; i < 2500; ++i) {
    steps += R"(,{"handler":"h","id":"s)" + std::to_string(i) + "\"}";
  }
  decide(save_of(DefinitionKind::workflow, steps + "]}"));
  const Decision first = decide(trigger_of(DefinitionKind::workflow));
  EXPECT_LE(first.changes.size(), static_cast<std::size_t>(limits::kDecisionRows));
  EXPECT_EQ(first.more.size(), 1U);
  land();
  Shard loaded(durable.image(5, shard.last_id(), landed), now);
  std::vector<Request> business = loaded.unfinished_business();
  int decisions = 0;
  while (!business.empty()) {
    ASSERT_LT(++decisions, 10);
    const Decision decision = loaded.decide({business.back(), "system", now, nullptr}, roster);
    business.pop_back();
    business.insert(business.end(), decision.more.begin(), decision.more.end());
  }
  EXPECT_EQ(loaded.waiting(), 2501U);
}

// A workflow run that is set aside between two slices has no step to wait for: it ends at once
// (3b).
TEST_F(Undurable, AWorkflowSetAsideBetweenItsSlicesEndsAtOnce) {
  std::string steps = R"({"steps":[{"id":"a","handler":"h"})";
  for (int i = 0; i < 2500; ++i) {
    steps += R"(,{"handler":"h","needs":["a"],"id":"s)" + std::to_string(i) + "\"}";
  }
  decide(save_of(DefinitionKind::workflow, steps + "]}"));
  const Id run = answered(decide(trigger_of(DefinitionKind::workflow))).id;
  end(assign(), ReportOutcome::failed);  // the skipped ones are the next slices' matter
  const Decision aside = decide(SetAside{.subject = run, .incident = "4711"});
  EXPECT_EQ(aside.changes.size(), 1U);
  EXPECT_TRUE(aside.more.empty());
  EXPECT_EQ(undurable.runs.at(run).progress.state, RunState::failed);
  EXPECT_EQ(shard.live_runs(), 0U);
}

// The store forgot what it had said was durable (I1b, house 8): nothing that was given out then is
// given out again, nothing that is out counts.
TEST_F(Undurable, AfterTheHistoryChangedNothingOldCounts) {
  decide(save_of(DefinitionKind::job, R"({"handler":"h","retry":{"max_attempts":2}})"));
  decide(trigger_of(DefinitionKind::job));
  const Assignment kept = assign();
  land();
  now = now + seconds(1);
  decide(trigger_of(DefinitionKind::job));
  const Assignment forgotten = assign();

  for (const Instant later : {now + seconds(9), now - seconds(9)}) {  // also by a clock set back
    Shard loaded(durable.image(5, kept.token, landed), later);
    const auto ask = [&](Request request) {
      return loaded.decide({std::move(request), "system", later, nullptr}, roster);
    };
    for (const Request& loss : loaded.begin_generation(shard.last_id(), later)) {
      const Decision lost = ask(loss);
      EXPECT_EQ(std::get<InsertAttempt>(lost.changes.at(0)).row.state, AttemptState::lost);
      EXPECT_EQ(std::get<UpdateRun>(lost.changes.at(1)).progress.state, RunState::scheduled);
    }
    EXPECT_TRUE(loaded.incarnations().empty());
    const Decision again = ask(trigger_of(DefinitionKind::job));
    EXPECT_GT(answered(again).id, shard.last_id());
    EXPECT_GE(answered(again).id.time(), later);
    EXPECT_GT(std::get<SendAssignment>(ask(DispatchNext{}).effects.at(0)).assignment.token,
              forgotten.token);
    for (const Assignment& old : {kept, forgotten}) {
      EXPECT_TRUE(ask(AttemptEnded{{.run = old.run, .token = old.token}, {77}}).changes.empty());
      const Decision stop = ask(AttemptReclaimed{old.run, old.token, {77}, true});
      EXPECT_EQ(std::get<SendCancel>(stop.effects.at(0)).order.token, old.token);
    }
  }
}

// An assignment that came back was perhaps sent by whoever had the shard before (S6.7).
TEST_F(Undurable, WhatAnEarlierOwnerMayHaveSentIsNotTakenBack) {
  decide(save_of(DefinitionKind::job, R"({"handler":"h"})"));
  decide(trigger_of(DefinitionKind::job));
  const Assignment sent = assign();
  EXPECT_TRUE(decide(AssignmentUnsent{sent.run, sent.token, true}).changes.empty());
  roster.remove({77});
  const Decision lost = decide(AssignmentUnsent{sent.run, sent.token, true});
  EXPECT_EQ(std::get<UpdateRun>(lost.changes.at(0)).progress.state, RunState::failed);
}

TEST_F(Undurable, ARunWaitsForNoneThatIsYetToCome) {  // it could be itself
  decide(save_of(DefinitionKind::job, R"({"handler":"h"})"));
  auto ask = trigger_of(DefinitionKind::job);
  ask.after_run = next_id(shard.last_id(), shard.last_id().shard(), now);
  const Decision refused = decide(ask);
  EXPECT_TRUE(refused.changes.empty());
  EXPECT_TRUE(refused.answer && refused.answer->problem().code == ProblemCode::not_found);
}

// A step's end and the next step's start are one decision (S8.8); what a run of a job writes.
TEST_F(Undurable, ARunOfAJobIsThreeChangesAndAStepsEndStartsTheNext) {  // house 3.5
  decide(save_of(DefinitionKind::job, R"({"handler":"h"})"));
  EXPECT_EQ(decide(trigger_of(DefinitionKind::job)).changes.size(), 1U);
  const Decision given = decide(DispatchNext{});
  EXPECT_EQ(given.changes.size(), 1U);
  const Assignment assignment = std::get<SendAssignment>(given.effects.at(0)).assignment;
  const Decision ended =
      decide(AttemptEnded{{.run = assignment.run, .token = assignment.token}, {77}});
  EXPECT_EQ(ended.changes.size(), 1U);

  decide(save_of(DefinitionKind::workflow,
                 R"({"steps":[{"id":"a","handler":"h"},{"id":"b","needs":["a"],"handler":"h"}]})"));
  decide(trigger_of(DefinitionKind::workflow));
  const Assignment step = assign();
  EXPECT_EQ(decide(AttemptEnded{{.run = step.run, .token = step.token}, {77}}).changes.size(), 2U);
}

}  // namespace
}  // namespace jobflow::engine
