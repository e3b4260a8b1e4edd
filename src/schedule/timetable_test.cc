// Due instants in time zones (S4.3-S4.5): by the golden days of S4.4, by a walk over every second,
// and against what another program found (tests/schedule/make_instants.py).
#include "schedule/timetable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace jobflow::schedule {
namespace {

Instant at(const std::string& text) {
  return *parse_rfc3339(text);
}

Timetable table(const Schedule& schedule, Instant anchor = {}) {
  auto made = Timetable::make(schedule, anchor, 7);
  EXPECT_TRUE(made) << (made ? "" : made.problem().detail);
  return made ? *made : Timetable();
}

Schedule clock_of(const char* cron, const char* zone) {
  return {.cron = cron, .timezone = zone};
}

// The next ones, as the zone's clock shows them, each with its offset: the passes of a repeated
// hour differ in it.
std::string shown(const Timetable& table, const char* after, int times) {
  std::string text;
  Instant instant = at(after);
  for (int i = 0; i < times; ++i) {
    instant = table.next_after(instant);
    const auto& zone = *table.zone();
    const Reading reading = zone.reading(instant);
    const std::int64_t minutes = (reading - instant.ms / 1000) / 60;
    text += (i == 0 ? "" : " ") + to_rfc3339({reading * 1000}).substr(5, 11) +
            (minutes < 0 ? "-" : "+") + std::to_string(std::abs(minutes));
  }
  return text;
}

struct Golden {
  const char* cron;
  const char* zone;
  const char* after;
  const char* shown;
};

TEST(Timetable, FixedTimesAreDueOnceWhateverTheClockDoes) {  // S4.4
  for (const auto& [cron, zone, after, expected] : {
           // Berlin: 02:00 -> 03:00 on 28 March 2027, 03:00 -> 02:00 on 31 October 2027.
           Golden{"30 2 * * *", "Europe/Berlin", "2027-03-27T00:00:00Z",
                  "03-27T02:30+60 03-28T03:00+120 03-29T02:30+120"},
           {"30 2 * * *", "Europe/Berlin", "2027-10-30T00:00:00Z",
            "10-30T02:30+120 10-31T02:30+120 11-01T02:30+60"},
           {"*/15 2 * * *", "Europe/Berlin", "2027-03-27T02:00:00Z",
            "03-28T03:00+120 03-29T02:00+120 03-29T02:15+120"},
           // One with a regular one at that instant.
           {"0,30 2,3 * * *", "Europe/Berlin", "2027-03-27T20:00:00Z",
            "03-28T03:00+120 03-28T03:30+120 03-29T02:00+120"},
           {"30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z",
            "11-01T01:30-240 11-02T01:30-300"},
           {"30 2 * * *", "America/New_York", "2027-03-13T12:00:00Z",
            "03-14T03:00-240 03-15T02:30-240"},
           // Half an hour.
           {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
            "10-04T02:30+660 10-05T02:15+660"},
           {"45 1 * * *", "Australia/Lord_Howe", "2027-04-02T20:00:00Z",
            "04-04T01:45+660 04-05T01:45+630"},
           // A day that did not exist: 30 December 2011.
           {"0 9 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z",
            "12-29T09:00-600 12-31T00:00+840 12-31T09:00+840"},
           {"0 9 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z",
            "12-31T00:00+840 12-30T09:00+840"},
           // Ramadan: back to +0 on 7 February 2027, on to +1 on 14 March.
           {"30 2 * * *", "Africa/Casablanca", "2027-02-06T12:00:00Z",
            "02-07T02:30+60 02-08T02:30+0"},
           {"30 2 * * *", "Africa/Casablanca", "2027-03-13T12:00:00Z",
            "03-14T03:00+60 03-15T02:30+60"},
           // Two hours.
           {"30 1 * * *", "Antarctica/Troll", "2027-03-27T12:00:00Z",
            "03-28T03:00+120 03-29T01:30+120"},
           {"30 1 * * *", "Antarctica/Troll", "2027-10-30T12:00:00Z",
            "10-31T01:30+120 11-01T01:30+0"},
           // At midnight.
           {"0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z",
            "09-06T01:00-180 09-07T00:00-180"},
           {"30 23 * * *", "America/Santiago", "2027-04-03T12:00:00Z",
            "04-03T23:30-180 04-04T23:30-240"},
           // The rule goes on where the file's changes end.
           {"30 2 * * *", "Europe/Berlin", "2061-03-26T12:00:00Z",
            "03-27T03:00+120 03-28T02:30+120"},
       }) {
    const int times = static_cast<int>(std::ranges::count(std::string_view(expected), ' ')) + 1;
    EXPECT_EQ(shown(table(clock_of(cron, zone)), after, times), expected) << cron << " in " << zone;
  }
}

TEST(Timetable, WhatGoesByIntervalsFollowsTheClock) {  // S4.4
  for (const auto& [cron, zone, after, expected] : {
           Golden{"30 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z",
                  "03-28T01:30+60 03-28T03:30+120"},
           {"30 * * * *", "Europe/Berlin", "2027-10-31T00:00:00Z",
            "10-31T02:30+120 10-31T02:30+60 10-31T03:30+60"},
           {"0 */2 * * *", "Europe/Berlin", "2027-10-30T23:00:00Z",
            "10-31T02:00+120 10-31T02:00+60 10-31T04:00+60"},
           {"0 1-3 * * *", "Europe/Berlin", "2027-03-27T23:00:00Z",
            "03-28T01:00+60 03-28T03:00+120 03-29T01:00+120"},
           {"45 * * * *", "Australia/Lord_Howe", "2027-04-03T14:00:00Z",
            "04-04T01:45+660 04-04T01:45+630 04-04T02:45+630"},
       }) {
    const int times = static_cast<int>(std::ranges::count(std::string_view(expected), ' ')) + 1;
    EXPECT_EQ(shown(table(clock_of(cron, zone)), after, times), expected) << cron << " in " << zone;
  }
}

TEST(Timetable, GapAndOverlapCanBeChosen) {  // S4.4
  Schedule schedule = clock_of("30 2 * * *", "Europe/Berlin");
  schedule.gap = GapRule::skip;
  EXPECT_EQ(shown(table(schedule), "2027-03-27T12:00:00Z", 1), "03-29T02:30+120");
  schedule.repeat = RepeatRule::second;
  EXPECT_EQ(shown(table(schedule), "2027-10-30T12:00:00Z", 2), "10-31T02:30+60 11-01T02:30+60");
  schedule.repeat = RepeatRule::both;
  EXPECT_EQ(shown(table(schedule), "2027-10-30T12:00:00Z", 3),
            "10-31T02:30+120 10-31T02:30+60 11-01T02:30+60");
}

TEST(Timetable, RatesAndSingleInstants) {  // S4.1, S4.5
  const Instant saved = at("2026-11-23T10:00:00Z");
  Schedule rate{.kind = ScheduleKind::fixed_rate, .every = milliseconds(100)};
  EXPECT_EQ(table(rate, saved).next_after(saved), saved + milliseconds(100));
  EXPECT_EQ(table(rate, saved).next_after(saved + milliseconds(100)), saved + milliseconds(200));
  EXPECT_EQ(table(rate, saved).count_between(saved, saved + milliseconds(1000)), 9);
  rate.start = saved + seconds(5);
  rate.end = saved + seconds(6);
  const Timetable bounded = table(rate, saved);
  EXPECT_EQ(bounded.next_after({0}), rate.start) << "inclusive";
  EXPECT_EQ(bounded.last_between({0}, kNever), rate.end - milliseconds(100)) << "exclusive";
  EXPECT_EQ(bounded.count_between({0}, kNever), 10);
  EXPECT_EQ(bounded.next_after(rate.end - milliseconds(100)), kNever);

  Schedule once{.kind = ScheduleKind::once, .at = saved + seconds(1)};
  EXPECT_EQ(table(once, saved).next_after(saved), once.at);
  EXPECT_EQ(table(once, saved).next_after(once.at), kNever);
  EXPECT_EQ(table(once, saved).count_between({0}, kNever), 1);
  once = {.kind = ScheduleKind::once, .delay = minutes(10)};
  EXPECT_EQ(table(once, saved).next_after(saved), saved + minutes(10));

  Schedule cron = clock_of("0 0 * * *", "UTC");
  cron.start = at("2027-01-01T00:00:00Z");
  cron.end = at("2027-01-03T00:00:00Z");
  EXPECT_EQ(table(cron).next_after(saved), cron.start);
  EXPECT_EQ(table(cron).count_between(saved, kNever), 2);
  EXPECT_EQ(table(cron).last_between(saved, kNever), at("2027-01-02T00:00:00Z"));
}

TEST(Timetable, NonsenseIsRefused) {
  const auto told = [](Schedule schedule) {
    const auto made = Timetable::make(schedule, {}, 7);
    return made ? "ok" : made.problem().detail;
  };
  Schedule schedule = clock_of("0 0 * * *", "Europe/Nowhere");
  EXPECT_NE(told(schedule).find("there is no time zone"), std::string::npos);
  schedule = clock_of("CRON_TZ=Asia/Tokyo 0 0 * * *", "Europe/Berlin");
  EXPECT_NE(told(schedule).find("say it once"), std::string::npos);
  schedule = clock_of("0 0 * * *", "UTC");
  schedule.start = {2'000};
  schedule.end = {1'000};
  EXPECT_NE(told(schedule).find("ends before it starts"), std::string::npos);
  EXPECT_NE(told({.kind = ScheduleKind::fixed_rate}).find("the least span is 100ms"),
            std::string::npos);
  for (const char* alias : {"US/Pacific", "Asia/Calcutta", "GB", "Etc/GMT+5", "PRC"}) {
    EXPECT_EQ(told(clock_of("0 0 * * *", alias)), "ok") << alias;  // S4.3
  }
}

TEST(Timetable, JitterIsDerivedAndBounded) {  // S4.5
  Schedule schedule = clock_of("* * * * *", "UTC");
  EXPECT_EQ(jitter_of(schedule, 7, {5}), Span{});
  schedule.jitter = seconds(10);
  int different = 0;
  for (int i = 0; i < 200; ++i) {
    const Instant planned{1'700'000'000'000 + i * 60'000};
    const Span one = jitter_of(schedule, 7, planned);
    EXPECT_EQ(one, jitter_of(schedule, 7, planned));
    EXPECT_TRUE(one.ms >= 0 && one <= seconds(10));
    different += one != jitter_of(schedule, 7, planned + minutes(1)) ? 1 : 0;
  }
  EXPECT_GT(different, 190);
}

TEST(Timetable, EveryProblemHasItsPointer) {  // S8.2
  Schedule schedule = clock_of("61 * * * *", "Mars/Olympus");
  schedule.start = {2'000};
  schedule.end = {1'000};
  std::string pointers;
  for (const FieldProblem& problem : check_schedule(schedule)) {
    pointers += problem.pointer + " ";
  }
  EXPECT_EQ(pointers, "/end /timezone /cron ");
  EXPECT_EQ(check_schedule({.kind = ScheduleKind::fixed_delay}).size(), 1U);
  EXPECT_TRUE(check_schedule({.kind = ScheduleKind::after_run}).empty());
}

TEST(Timetable, WhatIsNeverDueIsRefused) {  // S4.2
  const auto told = [](const Schedule& schedule) {
    std::string text;
    for (const FieldProblem& problem : check_schedule(schedule)) {
      text += problem.pointer + ": " + problem.message + "\n";
    }
    return text;
  };
  const auto is_told = [&](const Schedule& schedule, const char* words) {
    return told(schedule).find(words) != std::string::npos;
  };
  // Berlin's clock goes from 02:00 to 03:00 on 28 March 2027.
  Schedule swallowed = clock_of("0 30 2 28 3 ? 2027", "Europe/Berlin");
  EXPECT_EQ(told(swallowed), "");
  swallowed.gap = GapRule::skip;
  EXPECT_TRUE(is_told(swallowed, "/cron: no instant from 1970 to 2099 is ever due"));
  EXPECT_TRUE(is_told(clock_of("0 30 2-2 28 3 ? 2027", "Europe/Berlin"), "Europe/Berlin"));
  EXPECT_EQ(told(clock_of("0 0 0 1 1 ? 2020", "Europe/Berlin")), "") << "over, not wrong";

  const Instant noon = at("2026-11-23T12:00:00Z");
  EXPECT_TRUE(is_told({.kind = ScheduleKind::once}, "/at: when is missing"));
  EXPECT_EQ(told({.kind = ScheduleKind::once, .at = noon}), "");
  EXPECT_TRUE(is_told({.kind = ScheduleKind::once, .at = noon, .start = noon + seconds(1)},
                      "/at: 2026-11-23T12:00:00.000Z is outside its validity"));
  EXPECT_TRUE(is_told({.kind = ScheduleKind::once, .at = noon, .end = noon}, "/at: "));
  EXPECT_TRUE(is_told({.kind = ScheduleKind::once, .at = kNever}, "/at: schedules reach to"));
  EXPECT_TRUE(is_told({.cron = "@daily", .start = {kNever.ms - 1}}, "/start: schedules reach to"));

  Schedule empty = clock_of("0 0 1 1 *", "UTC");
  empty.start = noon;
  empty.end = noon + days(2);
  ASSERT_EQ(table(empty).warnings().size(), 1U);
  EXPECT_EQ(table(empty).warnings()[0].find("nothing is due within its validity"), 0U);
  empty.end = noon + days(60);
  EXPECT_TRUE(table(empty).warnings().empty());
}

TEST(Timetable, NoKindGoesBeyondTheYears) {  // S4.2
  const Instant late = at("2099-12-31T23:59:59.900Z");
  const Schedule rate{.kind = ScheduleKind::fixed_rate, .every = milliseconds(100)};
  const Schedule once{.kind = ScheduleKind::once, .delay = seconds(1)};
  for (const Timetable& beyond : {table(rate, late), table(once, late)}) {
    EXPECT_EQ(beyond.next_after({0}), kNever);
    EXPECT_EQ(beyond.next_after(late), kNever);
    EXPECT_EQ(beyond.next_after(kNever), kNever);
    EXPECT_EQ(beyond.count_between({0}, kNever), 0);
    EXPECT_EQ(beyond.last_between({0}, kNever), Instant{0});
  }
}

// A harvest of wrong and half wrong texts: each is read or refused with words, none takes long.
TEST(Timetable, AnyScheduleIsReadOrRefused) {
  std::mt19937_64 random(17);
  const std::vector<std::string> seeds{"*/15 2 * * *",
                                       "0 0 0 29 2 ? 2096",
                                       "0 30 9 ? * 2-6",
                                       "0 0 L-3 * *",
                                       "0 0 LW,15W * *",
                                       "0 0 ? * MON#2,FRIL",
                                       "H H(0-7) * * *",
                                       "H/15 * * * *",
                                       "@every 90s",
                                       "@daily",
                                       "CRON_TZ=Europe/Berlin 30 2 * * *",
                                       "TZ=Asia/Tokyo @hourly",
                                       "0 0 22-2 * NOV-FEB ? 2030-2099",
                                       "0 0 30 2 *",
                                       "@reboot",
                                       "@every P1DT2H"};
  const std::string alphabet = "0123456789*,-/?LW#H@= ()\t\n\r\"\\JANMONSUNtz";
  const auto started = std::chrono::steady_clock::now();
  int good = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (std::uint64_t changes = random() % 4; changes > 0; --changes) {
      const std::size_t place = random() % (text.size() + 1);
      const std::string& other = seeds[random() % seeds.size()];
      switch (random() % 5) {
        case 0:
          text.insert(place, 1, alphabet[random() % alphabet.size()]);
          break;
        case 1:
          text.erase(place, random() % 3);
          break;
        case 2:
          text.insert(place, 1, static_cast<char>(random() % 256));
          break;
        case 3:
          text.insert(place, text.substr(random() % (text.size() + 1), 12));
          break;
        default:
          text = text.substr(0, place) + other.substr(random() % other.size());
      }
    }
    Schedule schedule = clock_of(text.c_str(), "UTC");
    schedule.cron = text;  // a zero byte too
    schedule.timezone = random() % 2 == 0 ? "UTC" : "America/Santiago";
    schedule.dialect = static_cast<CronDialect>(random() % 3);
    schedule.gap = static_cast<GapRule>(random() % 2);
    schedule.repeat = static_cast<RepeatRule>(random() % 3);
    const std::vector<FieldProblem> problems = check_schedule(schedule);
    const auto made = Timetable::make(schedule, {1}, 7);
    ASSERT_EQ(made.ok(), problems.empty()) << text;
    if (!made) {
      ASSERT_FALSE(made.problem().detail.empty()) << text;
      continue;
    }
    ++good;
    const Instant first = made->next_after({0});
    ASSERT_GT(first.ms, 0) << text;
    ASSERT_NE(first, kNever) << text;
    ASSERT_GT(made->next_after(first), first) << text;
    ASSERT_GE(made->count_between({0}, first + milliseconds(1)), 1) << text;
    ASSERT_EQ(made->last_between({0}, first + milliseconds(1)), first) << text;
  }
  EXPECT_GT(good, 3'000);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(60));
}

// What another program found by other means.
TEST(Timetable, AgreesWithTheCalendarWalk) {  // S4.2-S4.4
  std::ifstream lines(JOBFLOW_SCHEDULE_TESTDATA "/instants.tsv");
  int count = 0;
  int wrong = 0;
  for (std::string line; std::getline(lines, line) && wrong < 10; ++count) {
    std::vector<std::string> columns;
    std::stringstream in(line);
    for (std::string column; std::getline(in, column, '\t');) {
      columns.push_back(column);
    }
    ASSERT_EQ(columns.size(), 8U) << line;
    Schedule schedule = clock_of(columns[0].c_str(), columns[2].c_str());
    schedule.dialect = columns[1] == "quartz"      ? CronDialect::quartz
                       : columns[1] == "unix_cron" ? CronDialect::unix_cron
                                                   : CronDialect::by_fields;
    schedule.gap = columns[3] == "skip" ? GapRule::skip : GapRule::run_after;
    schedule.repeat = columns[4] == "first"    ? RepeatRule::first
                      : columns[4] == "second" ? RepeatRule::second
                                               : RepeatRule::both;
    const auto made = Timetable::make(schedule, {}, 7);
    ASSERT_TRUE(made) << line << ": " << made.problem().detail;
    const Instant begin{std::stoll(columns[5]) * 1000};
    const Instant end{std::stoll(columns[7]) * 1000};
    std::string found;
    std::int64_t instants = 0;
    Instant last = begin;
    for (Instant due = made->next_after(begin); due < end; due = made->next_after(due)) {
      found += (found.empty() ? "" : " ") + std::to_string(due.ms / 1000);
      last = due;
      ++instants;
    }
    const bool agrees = found == columns[6];
    wrong += agrees ? 0 : 1;
    EXPECT_TRUE(agrees) << line.substr(0, 160) << "\nfound " << found.substr(0, 160);
    EXPECT_EQ(made->count_between(begin, end), instants) << line.substr(0, 160);
    EXPECT_EQ(made->last_between(begin, end), last) << line.substr(0, 160);
  }
  EXPECT_GT(count, 2000);
}

}  // namespace
}  // namespace jobflow::schedule
