// Calendars: what they keep from running is in the ledger, in few rows and few decisions, and never
// counts as missed (S4.5, S4.6, S4.8).
#include "engine/testing/desk.h"
#include "engine/testing/ledger_audit.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jobflow::engine::testing {
namespace {

constexpr const char* kNights = R"({"weekly":[{"from":"22:00","to":"06:00"}]})";
constexpr const char* kNothing = "{}";
constexpr const char* kFirstOfJanuary = R"({"dates":["2026-01-01"]})";
constexpr const char* kAlways = R"({"weekly":[{}]})";

// Times are written as of 2026-01-01, a Thursday: "06:00", or "2T06:00" for the day after.
std::string clock_of(Instant instant) {
  const std::string text = to_rfc3339(instant);
  const bool is_first = text.substr(9, 1) == "1";
  const std::string rest = text.substr(17, 6) == "00.000" ? "" : text.substr(16, 7);
  return (is_first ? "" : text.substr(9, 1) + "T") + text.substr(11, 5) + rest;
}

class CalendarTest : public ::testing::TestWithParam<bool> {
 protected:
  CalendarTest() {
    desk.reloads_after_each = GetParam();
    desk.after_each = [this](const Command& command, const Decision& decision) {
      audit.heard(decision, desk.rows, command.now);
      writes += decision.changes.empty() ? 0 : 1;
    };
    desk.add_worker({.name = "w", .incarnation = {7}, .slots = 9, .handlers = {{.name = "h"}}});
  }
  ~CalendarTest() override { EXPECT_EQ(audit.broken(), ""); }

  void save(const std::string& trigger, const std::string& job = "j") {
    auto decoded = decode_definition(
        DefinitionKind::job, R"({"metadata":{"name":")" + job +
                                 R"("},"spec":{"handler":"h","triggers":[)" + trigger + "]}}");
    ASSERT_EQ(decoded.problems.size(), 0U) << decoded.problems.front().message;
    desk.submit(SaveDefinition{std::make_shared<const Definition>(std::move(decoded.definition))});
    desk.go_on();
  }
  // Time passes as it does: the wheel says when to look.
  void pass_until(Span since_base) {
    const Instant end = Desk::kBase + since_base;
    while (desk.now < end) {
      const Instant next = std::min(desk.shard().next_due(), desk.shard().horizon());
      desk.now = std::min(end, std::max(next, desk.now + milliseconds(1)));
      desk.fire_timers();
    }
  }
  // Nobody is there meanwhile.
  void sleep_until(Span since_base) {
    desk.now = Desk::kBase + since_base;
    desk.fire_timers();
  }
  const TriggerRow& trigger() const { return desk.rows.triggers.begin()->second; }
  const TriggerProgress& at() const { return trigger().progress; }

  std::vector<std::string> skipped() const {
    std::vector<std::string> all;
    for (const auto& [key, row] : desk.rows.skipped) {
      all.push_back(clock_of(row.from) + "-" + clock_of(row.to) + " " + std::to_string(row.count) +
                    " " + row.reason);
    }
    return all;
  }
  std::vector<std::string> ran() const {
    std::vector<std::string> all;
    for (const auto& [id, run] : desk.rows.runs) {
      all.push_back(clock_of(run.planned));
    }
    return all;
  }

  using Texts = std::vector<std::string>;
  Desk desk;
  LedgerAudit audit;
  int writes = 0;
};

TEST_P(CalendarTest, S4_5_ANightIsOneRowAndOneDecision) {
  desk.save_calendar("nights", kNights);
  save(R"({"every":"1m","exclude":["nights"]})");
  writes = 0;
  pass_until(hours(5) + minutes(59));
  EXPECT_EQ(writes, 0);
  EXPECT_EQ(at().next_due, Desk::kBase + minutes(1)) << "the first that is not in the ledger";
  pass_until(hours(6) + minutes(1));
  EXPECT_EQ(skipped(), Texts{"00:01-05:59 359 calendar"});
  EXPECT_EQ(ran(), (Texts{"06:00", "06:01"}));
}

// Bad input: 100 ms, a whole night long.
TEST_P(CalendarTest, S4_5_AFastTriggerRestsQuietly) {
  desk.save_calendar("nights", kNights);
  save(R"({"every":"100ms","exclude":["nights"]})");
  writes = 0;
  pass_until(hours(6));
  EXPECT_EQ(writes, 1);
  EXPECT_EQ(skipped(), Texts{"00:00:00.100-05:59:59.900 215999 calendar"});
  EXPECT_EQ(ran(), Texts{"06:00"});
}

TEST_P(CalendarTest, S4_5_OnlyWithinWhatIsIncluded) {
  desk.save_calendar("first", kFirstOfJanuary);
  desk.save_calendar("nights", kNights);
  save(R"({"cron":"0 */6 * * *","include":["nights","first"],"exclude":["nights"]})");
  pass_until(hours(30));
  EXPECT_EQ(ran(), (Texts{"06:00", "12:00", "18:00"}));
  EXPECT_EQ(skipped(), Texts{});
  pass_until(hours(24 + 24));
  EXPECT_EQ(skipped(), Texts{"2T00:00-3T00:00 5 calendar"}) << "a day later at the latest";
}

// What is not to be due again within a day is in the ledger at once.
TEST_P(CalendarTest, S4_8_ASingleInstantIsSettledWhenItComes) {
  desk.save_calendar("first", kFirstOfJanuary);
  save(R"({"at":"2026-01-01T12:00:00Z","exclude":["first"]})");
  pass_until(hours(12));
  EXPECT_EQ(skipped(), Texts{"12:00-12:00 1 calendar"});
  EXPECT_EQ(at().state, TriggerState::finished);
}

// Bad input: a calendar that covers nothing, and one that always does.
TEST_P(CalendarTest, S4_5_WhatNeverOpensWritesOnceADay) {
  desk.save_calendar("nothing", kNothing);
  desk.save_calendar("always", kAlways);
  save(R"({"every":"100ms","include":["nothing"]},{"name":"b","every":"1m","exclude":["always"]})");
  writes = 0;
  pass_until(hours(24 * 3) + minutes(10));
  EXPECT_EQ(writes, 6);
  EXPECT_EQ(skipped().size(), 2U);
  EXPECT_EQ(ran(), Texts{});
}

// S4.6: what calendars keep from running was not missed, and does not count among what is caught
// up.
TEST_P(CalendarTest, S4_6_MisfiresAreOfOpenInstantsOnly) {
  desk.save_calendar("nights", kNights);
  save(R"({"every":"1h","exclude":["nights"],"misfire":"last"})");
  pass_until(hours(18));
  sleep_until(hours(29) + minutes(30));
  EXPECT_EQ(ran().back(), "21:00");
  EXPECT_EQ(skipped(),
            (Texts{"01:00-05:00 5 calendar", "19:00-20:00 2 misfire", "22:00-2T05:00 8 calendar"}));
}

TEST_P(CalendarTest, S4_6_AllThatWereMissedByTheirNumber) {
  desk.save_calendar("nights", kNights);
  save(R"({"every":"1h","exclude":["nights"],"misfire":{"policy":"all","limit":4}})");
  sleep_until(hours(31));
  EXPECT_EQ(ran(), (Texts{"20:00", "21:00", "2T06:00", "2T07:00"}));
  EXPECT_EQ(skipped(), (Texts{"01:00-05:00 5 calendar", "06:00-19:00 14 misfire",
                              "22:00-2T05:00 8 calendar"}));
}

TEST_P(CalendarTest, S4_8_AnInstantGoesByTheRevisionThatHeldThen) {
  desk.save_calendar("off", kFirstOfJanuary);
  save(R"({"every":"1h","exclude":["off"]})");
  pass_until(hours(10) + minutes(30));
  EXPECT_EQ(skipped(), Texts{});
  desk.save_calendar("off", kNothing);
  pass_until(hours(12));
  EXPECT_EQ(skipped(), Texts{"01:00-10:00 10 calendar"});
  EXPECT_EQ(ran(), (Texts{"11:00", "12:00"}));
  desk.save_calendar("off", kFirstOfJanuary);
  pass_until(hours(25));
  EXPECT_EQ(ran(), (Texts{"11:00", "12:00", "2T00:00", "2T01:00"}));
}

// By force, or while a definition was being saved (S2.3).
TEST_P(CalendarTest, S4_5_OneThatVanishesSetsTheTriggerAside) {
  desk.save_calendar("off", kNothing);
  save(R"({"every":"1h","exclude":["off"]})");
  pass_until(hours(1));
  desk.delete_calendar("off");
  pass_until(hours(3) + minutes(30));
  EXPECT_EQ(at().state, TriggerState::set_aside);
  EXPECT_EQ(at().note, "there is no calendar 'off' in namespace 'default'");
  const auto refused = desk.submit(ResumeTrigger{trigger().id});
  EXPECT_TRUE(refused.answer && !refused.answer->ok() &&
              refused.answer->problem().code == ProblemCode::wrong_state);
  desk.save_calendar("off", kNothing);
  EXPECT_EQ(at().state, TriggerState::set_aside) << "a person resumes it";
  const auto resumed = desk.submit(ResumeTrigger{trigger().id});
  EXPECT_TRUE(resumed.answer && resumed.answer->ok());
  pass_until(hours(4));
  EXPECT_EQ(skipped(), Texts{"02:00-03:00 2 set_aside"});
  EXPECT_EQ(ran(), (Texts{"01:00", "04:00"}));
}

// One that was made at another member is heard of a little later.
TEST_P(CalendarTest, S4_5_AFreshDefinitionWaitsForItsCalendar) {
  save(R"({"every":"1s","exclude":["off"]})");
  pass_until(seconds(3));
  EXPECT_EQ(at().state, TriggerState::active);
  desk.save_calendar("off", kNothing);
  pass_until(seconds(4));
  EXPECT_EQ(ran(), (Texts{"00:00:01.000", "00:00:02.000", "00:00:03.000", "00:00:04.000"}));
  EXPECT_EQ(skipped(), Texts{});
  save(R"({"every":"1s","exclude":["of"]})", "other");
  pass_until(seconds(4) + limits::kCalendarLag);
  EXPECT_EQ(desk.rows.triggers.rbegin()->second.progress.state, TriggerState::set_aside);
}

TEST_P(CalendarTest, S6_4_WhatIsStoppedWhileItRestsSaysWhy) {
  desk.save_calendar("nights", kNights);
  save(R"({"every":"1h","exclude":["nights"]})");
  pass_until(hours(3));
  desk.submit(PauseTrigger{trigger().id, "so"});
  EXPECT_EQ(skipped(), Texts{"01:00-03:00 3 calendar"});
  pass_until(hours(8));
  desk.submit(ResumeTrigger{trigger().id});
  EXPECT_EQ(skipped(), (Texts{"01:00-03:00 3 calendar", "04:00-08:00 5 paused"}));
  pass_until(hours(9));
  EXPECT_EQ(ran(), Texts{"09:00"});
}

TEST_P(CalendarTest, S4_7_AnEditWhileItRestsSwallowsNothing) {
  desk.save_calendar("nights", kNights);
  save(R"({"every":"1h","exclude":["nights"]})");
  pass_until(hours(3));
  save(R"({"every":"2h","exclude":["nights"]})");
  EXPECT_EQ(skipped(), Texts{"01:00-03:00 3 calendar"});
  pass_until(hours(4));
  save(R"({"every":"30m"})");
  pass_until(hours(5));
  EXPECT_EQ(ran(), (Texts{"04:30", "05:00"}));
}

// Nothing is due of a delay while its calendars are closed: it runs as they open.
TEST_P(CalendarTest, S4_1_ADelayWaitsUntilItMayRun) {
  desk.save_calendar("nights", kNights);
  save(R"({"delay_after":"100ms","exclude":["nights"]})");
  writes = 0;
  pass_until(hours(6));
  EXPECT_EQ(writes, 1);
  EXPECT_EQ(ran(), Texts{"06:00"});
  EXPECT_EQ(skipped(), Texts{});
}

// They may open only when its validity is over (seed 702635 with another plan).
TEST_P(CalendarTest, S4_5_ADelayDoesNotWaitBeyondItsEnd) {
  desk.save_calendar("nights", kNights);
  save(R"({"delay_after":"100ms","end":")" + to_rfc3339(Desk::kBase + hours(5)) +
       R"(","exclude":["nights"]})");
  pass_until(hours(7));
  EXPECT_EQ(ran(), Texts{});
  EXPECT_EQ(at().state, TriggerState::finished);
}

TEST_P(CalendarTest, S4_1_EndsOfOtherRunsGoByCalendarsToo) {
  desk.save_calendar("nights", kNights);
  save("", "up");
  save(R"({"after":{"job":"up"},"exclude":["nights"]})");
  desk.deliver_letters();
  const auto run_up = [&] {
    desk.submit(TriggerRun{.kind = DefinitionKind::job, .name_space = "default", .name = "up"});
    desk.dispatch();
    for (const auto& [id, run] : desk.rows.runs) {
      if (run.progress.state == RunState::running) {
        desk.submit(AttemptEnded{
            {.run = id, .token = run.progress.token, .outcome = ReportOutcome::succeeded}, {7}});
        break;
      }
    }
    desk.go_on();
    desk.deliver_letters();
  };
  pass_until(hours(1));
  run_up();
  EXPECT_EQ(skipped(), Texts{"01:00-01:00 1 calendar"});
  pass_until(hours(7));
  run_up();
  EXPECT_EQ(ran().back(), "07:00");
}

// Bad input: more stretches in one outage than a decision has rows, and than a look goes through.
TEST_P(CalendarTest, S4_8_AnOutageOfManyStretchesGoesInSlices) {
  std::string halves;
  for (int hour = 0; hour < 6; ++hour) {
    const std::string at = "0" + std::to_string(hour);
    halves += (hour == 0 ? "" : ",") + (R"({"from":")" + at + R"(:00","to":")" + at + R"(:30"})");
  }
  desk.save_calendar("halves", R"({"weekly":[)" + halves + "]}");
  save(R"({"every":"10m","exclude":["halves"]})");
  constexpr int kDays = 200;
  sleep_until(hours(24 * kDays));
  EXPECT_EQ(at().next_due, Desk::kBase + hours(24 * kDays) + minutes(10));
  EXPECT_EQ(ran().size(), 1U);
  EXPECT_EQ(skipped().size(), 12U * kDays + 1) << "six closed and six open ones a day; midnight";
  EXPECT_LE(desk.widest, static_cast<std::size_t>(limits::kDecisionRows));
}

INSTANTIATE_TEST_SUITE_P(Reloads, CalendarTest, ::testing::Bool());

}  // namespace
}  // namespace jobflow::engine::testing
