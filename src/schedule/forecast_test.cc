#include "schedule/forecast.h"

#include <gtest/gtest.h>

namespace jobflow::schedule {
namespace {

constexpr Instant kFrom{1'767'225'600'000};  // 2026-01-01T00:00:00Z

std::shared_ptr<const Timetable> rate(Span every) {
  Schedule schedule{.kind = ScheduleKind::fixed_rate, .every = every, .start = kFrom};
  auto times = Timetable::make(schedule, kFrom, 0);
  return std::make_shared<const Timetable>(std::move(times).value());
}

ForecastTrigger each(std::size_t definition, Span every) {
  const auto times = rate(every);
  return {.definition = definition, .times = times, .next = times->next_after(kFrom)};
}

ForecastInput one_lane(int slots, Span hours_long = hours(1)) {
  return {.from = kFrom,
          .until = kFrom + hours_long,
          .lanes = {{"default", "h", {}}},
          .workers = {{.slots = slots, .can = {true}}},
          .definitions = {},
          .triggers = {}};
}

ForecastResult reckon(ForecastInput input) {
  Forecast forecast(std::move(input));
  while (forecast.run(7)) {
  }
  return forecast.result();
}

TEST(Forecast, CountsFiringsByMinute) {
  ForecastInput input = one_lane(10);
  input.definitions = {{{{.takes = seconds(1)}}}};
  input.triggers = {each(0, seconds(10))};
  const ForecastResult found = reckon(input);
  EXPECT_EQ(found.fired, std::vector<std::int64_t>{359}) << "what is due at the end is not in it";
  ASSERT_EQ(found.minutes.size(), 60U);
  EXPECT_EQ(found.minutes[0].firings, 5);
  EXPECT_EQ(found.minutes[1].firings, 6);
  EXPECT_EQ(found.minutes[1].at, kFrom + seconds(60));
  EXPECT_EQ(found.lanes[0].waited, 0);
  EXPECT_EQ(found.reached, kFrom + hours(1));
}

TEST(Forecast, SaysHowLongRunsWaitForASlot) {
  ForecastInput input = one_lane(2);
  input.definitions = {{{{.takes = seconds(30)}}}};
  input.triggers.assign(5, each(0, seconds(600)));  // five at one instant, two slots
  const ForecastResult found = reckon(input);
  EXPECT_EQ(found.lanes[0].tasks, 5 * 5);
  EXPECT_EQ(found.lanes[0].waited, 3 * 5);
  EXPECT_EQ(found.lanes[0].longest, seconds(60));
  EXPECT_EQ(found.minutes[0].most_waiting, 3);
}

TEST(Forecast, AWorkflowsStepsFollowTheirNeedsAndWorkersServeWhatTheyCan) {
  ForecastInput input = one_lane(1);
  input.lanes.push_back({"default", "other", {}});
  input.lanes.push_back({"default", "nobody", {}});
  input.workers = {{.slots = 1, .can = {true, false, false}},
                   {.slots = 1, .can = {false, true, false}}};
  input.definitions = {{{{.lane = 0, .dependants = {1, 2}, .takes = seconds(1)},
                         {.lane = 0, .needs = 1, .dependants = {3}, .takes = seconds(1)},
                         {.lane = 1, .needs = 1, .dependants = {3}, .takes = seconds(5)},
                         {.lane = 2, .needs = 2, .takes = seconds(1)}}}};
  input.triggers = {each(0, seconds(1800))};
  const ForecastResult found = reckon(input);
  EXPECT_EQ(found.lanes[0].tasks, 2);
  EXPECT_EQ(found.lanes[1].tasks, 1);
  EXPECT_EQ(found.lanes[2].tasks, 1);
  EXPECT_EQ(found.lanes[2].waited, 1);
  EXPECT_FALSE(found.lanes[2].has_worker);
  EXPECT_EQ(found.lanes[0].waited, 0);
}

// S3.4, on the virtual clock: runs of 25 s, due every 10.
TEST(Forecast, HeedsOverlapPolicies) {
  const auto with = [](Overlap overlap) {
    ForecastInput input = one_lane(100, seconds(101));
    input.definitions = {{{{.takes = seconds(25)}}}};
    input.triggers = {each(0, seconds(10))};
    input.triggers[0].overlap = overlap;
    return reckon(input);
  };
  EXPECT_EQ(with({.policy = Overlap::Policy::allow}).lanes[0].tasks, 10);
  const ForecastResult skipping = with({.policy = Overlap::Policy::skip});
  EXPECT_EQ(skipping.lanes[0].tasks, 4) << "at 10, 40, 70 and 100 s";
  EXPECT_EQ(skipping.minutes[0].skipped + skipping.minutes[1].skipped, 6);
  EXPECT_EQ(with({.policy = Overlap::Policy::queue, .limit = 100}).lanes[0].tasks, 4)
      << "at 10, 35, 60 and 85 s, one after the other";
  EXPECT_EQ(with({.policy = Overlap::Policy::queue, .limit = 1}).lanes[0].tasks, 4);
  const ForecastResult cancelling = with({.policy = Overlap::Policy::cancel_running});
  EXPECT_EQ(cancelling.lanes[0].tasks, 10);
  EXPECT_EQ(cancelling.lanes[0].waited, 0);
}

TEST(Forecast, EndsOfRunsFireWhatGoesByThem) {
  ForecastInput input = one_lane(10, seconds(100));
  input.definitions = {{{{.takes = seconds(5)}}}, {{{.takes = seconds(1)}}}};
  input.triggers = {{.definition = 0, .next = kFrom + seconds(1), .every = seconds(15)},
                    {.definition = 1, .after = 0}};
  const ForecastResult found = reckon(input);
  EXPECT_EQ(found.fired, (std::vector<std::int64_t>{5, 5})) << "each 20 s, and as each ends";
}

// A loop of triggers that follow each other is reckoned as far as one goes, and no further.
TEST(Forecast, GoesOnOnlyAsLongAsItIsAsked) {
  ForecastInput input = one_lane(1);
  input.definitions = {{{{.takes = {}}}}};
  input.triggers = {{.definition = 0, .after = 0}, each(0, seconds(10))};
  Forecast forecast(input);
  EXPECT_TRUE(forecast.run(1000));
  EXPECT_LT(forecast.result().reached, kFrom + seconds(11));
}

TEST(Forecast, NothingToDoIsDone) {
  const ForecastResult found = reckon(one_lane(0));
  EXPECT_TRUE(found.minutes.empty());
  EXPECT_EQ(found.reached, kFrom + hours(1));
}

TEST(Forecast, WhatCalendarsKeepOffDoesNotFire_S4_5) {
  CalendarBook book;
  book.take({.number = 1,
             .name_space = "default",
             .name = "nights",
             .document = R"({"spec":{"weekly":[{"from":"22:00","to":"06:00"}]}})"});
  const Schedule schedule{.exclude = {"nights"}};
  ForecastInput input = one_lane(10, hours(24));
  input.definitions = {{{{.takes = seconds(1)}}}};
  input.triggers = {each(0, hours(1)),
                    {.definition = 0, .next = kFrom + seconds(5), .every = hours(7)}};
  for (ForecastTrigger& trigger : input.triggers) {
    trigger.open = *Openings::make(schedule, "default", book);
  }
  const ForecastResult found = reckon(input);
  EXPECT_EQ(found.fired, (std::vector<std::int64_t>{16, 3}))
      << "from 06:00 to 21:00; at 06, 13 and 20";
  EXPECT_EQ(found.minutes.front().at, kFrom + hours(6));
}

}  // namespace
}  // namespace jobflow::schedule
