#include "model/definition.h"
#include "model/json.h"

#include <gtest/gtest.h>

#include <string>

namespace jobflow {
namespace {

Decoded decoded(const std::string& triggers, const std::string& more = "") {
  return decode_definition(
      DefinitionKind::job,
      R"({"metadata":{"name":"j"},"spec":{"noop":{},"triggers":)" + triggers + more + "}}");
}

// One problem a line: "pointer: message", the pointer from the first trigger on.
std::string told(const Decoded& decoded) {
  std::string text;
  for (const FieldProblem& problem : decoded.problems) {
    const std::string_view here = "/spec/triggers/0/";
    text += (problem.pointer.starts_with(here) ? problem.pointer.substr(here.size())
                                               : problem.pointer) +
            ": " + problem.message + "\n";
  }
  return text;
}

TriggerSpec one(const std::string& trigger) {
  const Decoded read = decoded("[" + trigger + "]");
  EXPECT_EQ(told(read), "") << trigger;
  return read.definition.triggers().empty() ? TriggerSpec{} : read.definition.triggers()[0];
}

Instant at(const char* text) {
  return *parse_rfc3339(text);
}

TEST(DefinitionTriggers, EveryKindIsReadAsWritten) {  // S4.1, S4.5
  EXPECT_EQ(one(R"({"cron":"0 30 2 ? * MON","timezone":"Europe/Berlin","dialect":"quartz",
                    "gap":"skip","repeat":"both","jitter":"5m","include":["open","b","open"],
                    "exclude":["holidays"],"start":"2026-01-01T00:00:00Z",
                    "end":"2027-01-01T00:00:00+01:00"})"),
            (TriggerSpec{.name = "cron-1",
                         .schedule = {.cron = "0 30 2 ? * MON",
                                      .dialect = CronDialect::quartz,
                                      .timezone = "Europe/Berlin",
                                      .gap = GapRule::skip,
                                      .repeat = RepeatRule::both,
                                      .start = at("2026-01-01T00:00:00Z"),
                                      .end = at("2026-12-31T23:00:00Z"),
                                      .jitter = minutes(5),
                                      .include = {"b", "open"},
                                      .exclude = {"holidays"}}}));
  EXPECT_EQ(
      one(R"({"every":"100ms"})"),
      (TriggerSpec{.name = "every-1",
                   .schedule = {.kind = ScheduleKind::fixed_rate, .every = milliseconds(100)}}));
  EXPECT_EQ(one(R"({"delay_after":"90s"})"),
            (TriggerSpec{.name = "delay-1",
                         .schedule = {.kind = ScheduleKind::fixed_delay, .every = seconds(90)}}));
  EXPECT_EQ(
      one(R"({"at":"2026-03-01T12:00:00Z"})"),
      (TriggerSpec{.name = "once-1",
                   .schedule = {.kind = ScheduleKind::once, .at = at("2026-03-01T12:00:00Z")}}));
  EXPECT_EQ(one(R"({"name":"soon","in":"10m","enabled":false,"params":{"a":1}})"),
            (TriggerSpec{.name = "soon",
                         .schedule = {.kind = ScheduleKind::once, .delay = minutes(10)},
                         .enabled = false,
                         .params = R"({"a":1})"}));
  EXPECT_EQ(one(R"({"after":{"workflow":"w","namespace":"x","states":["failed","cancelled"]}})"),
            (TriggerSpec{.name = "after-1",
                         .schedule = {.kind = ScheduleKind::after_run,
                                      .after = {DefinitionKind::workflow,
                                                "x",
                                                "w",
                                                {RunState::failed, RunState::cancelled}}}}));
  EXPECT_EQ(one(R"({"after":{"job":"k"}})").schedule.after,
            (Upstream{DefinitionKind::job, "", "k", {RunState::succeeded}}));
}

TEST(DefinitionTriggers, PoliciesAreWordsOrObjectsAndATriggersOwnWins) {  // S3.1, S3.4, S4.6
  using M = Misfire::Policy;
  using O = Overlap::Policy;
  EXPECT_EQ(one(R"({"every":"1s","misfire":"skip"})").misfire, (Misfire{M::skip, 100, {}}));
  EXPECT_EQ(one(R"({"every":"1s","misfire":{"policy":"all","limit":7,"window":"1h"}})").misfire,
            (Misfire{M::all, 7, hours(1)}));
  EXPECT_EQ(one(R"({"every":"1s","overlap":"cancel_running"})").overlap.policy, O::cancel_running);
  EXPECT_EQ(one(R"({"every":"1s","overlap":{"policy":"queue","limit":3}})").overlap,
            (Overlap{O::queue, 3}));
  const Decoded shared =
      decoded(R"([{"every":"1s"},{"every":"2s","misfire":"last","overlap":"allow"}])",
              R"(,"misfire":{"policy":"all","limit":5},"overlap":"skip")");
  ASSERT_EQ(told(shared), "");
  EXPECT_EQ(shared.definition.triggers()[0].misfire, (Misfire{M::all, 5, {}}));
  EXPECT_EQ(shared.definition.triggers()[0].overlap.policy, O::skip);
  EXPECT_EQ(shared.definition.triggers()[1].misfire.policy, M::last);
  EXPECT_EQ(shared.definition.triggers()[1].overlap.policy, O::allow);
}

TEST(DefinitionTriggers, WhatCannotBeMeantIsRefusedWithWhatToDo) {
  const auto problems = [](const std::string& trigger) {
    return told(decoded("[" + trigger + "]"));
  };
  EXPECT_EQ(problems(R"({"cron":"@daily","every":"1s"})"),
            "every: a trigger has one kind, and this one has 'cron': write two triggers\n");
  EXPECT_EQ(problems(R"({"every":"0s"})"), "every: must be at least 100ms\n");
  EXPECT_EQ(problems(R"({"delay_after":99})"), "delay_after: must be at least 100ms\n");
  EXPECT_EQ(problems(R"({"in":0})"), "in: must be at least 1ms\n");
  EXPECT_EQ(problems(R"({"every":"1s","timezone":"Asia/Tokyo","gap":"skip"})"),
            "timezone: goes with 'cron' only: drop it\ngap: goes with 'cron' only: drop it\n");
  EXPECT_EQ(problems(R"({"cron":"@daily","start":"2026-01-02T00:00:00Z",
                         "end":"2026-01-02T00:00:00Z","jitter":"25h"})"),
            "end: is not after 'start': the trigger would never fire\n"
            "jitter: must be at most 1d\n");
  EXPECT_EQ(problems(R"({"at":"2026-01-02T00:00:00Z","end":"2026-01-03T00:00:00Z"})"),
            "end: 'at' names one instant: drop it\n");
  EXPECT_EQ(problems(R"({"cron":"@daily","gap":"jump","dialect":"spring","exclude":["1st",7]})"),
            "dialect: 'spring' is not one of unix, quartz\n"
            "gap: 'jump' is not one of run_after, skip\n"
            "exclude: item 0 must be the name of a calendar\n"
            "exclude: item 1 must be the name of a calendar\n");
  EXPECT_EQ(problems(R"({"after":{}})"),
            "after/job: is missing: name the job, or the workflow, to run after\n");
  EXPECT_EQ(problems(R"({"after":{"job":"a","workflow":"b","states":["running","skipped"]},
                         "misfire":"all"})"),
            "after/workflow: a trigger waits for a job or for a workflow: write two triggers\n"
            "after/states: item 0 must be how a run ends: succeeded, failed, cancelled, timed_out "
            "or expired\n"
            "after/states: item 1 must be how a run ends: succeeded, failed, cancelled, timed_out "
            "or expired\n"
            "misfire: an end that is waited for is never missed: drop it\n");
  EXPECT_EQ(problems(R"({"after":{"job":"j"}})"),
            "after: it would wait for itself for ever: 'delay_after' runs it again after each of "
            "its own ends\n");
  EXPECT_EQ(problems(R"({"every":"1s","misfire":{"policy":"last","limit":2},
                         "overlap":{"policy":"skip","limit":0}})"),
            "misfire/limit: goes with the policy 'all' only: drop it\n"
            "overlap/limit: must be a whole number from 1 to 10000, not 0\n");
  EXPECT_EQ(problems(R"({"every":"1s","misfire":"fire_once","overlap":7})"),
            "misfire: 'fire_once' is not one of skip, last, all\n"
            "overlap: must be a string, not a number: put it in quotes\n");
}

// The text in the trigger's row is that of a trigger in a file: it is read back as it was.
TEST(DefinitionTriggers, ASchedulesTextIsReadBackAsItWas) {
  for (
      const char* text :
      {R"({"cron":"@daily","timezone":"UTC"})",
       R"({"cron":"0 0 0 L * ?","timezone":"Asia/Tokyo","dialect":"quartz","gap":"skip","repeat":"second","start":"2026-01-01T00:00:00.000Z","end":"2026-01-01T00:00:00.001Z","jitter":"5m","include":["a","b"],"exclude":["c"]})",
       R"({"every":"250ms"})", R"({"delay_after":"1h"})", R"({"at":"2026-01-01T00:00:00.000Z"})",
       R"({"in":"10m"})", R"({"after":{"job":"k","states":["succeeded"]}})",
       R"({"after":{"workflow":"k","namespace":"n","states":["failed","timed_out"]}})"}) {
    EXPECT_EQ(to_json(one(text).schedule), text);
  }
}

}  // namespace
}  // namespace jobflow
