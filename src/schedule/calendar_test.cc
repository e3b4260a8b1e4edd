#include "schedule/calendar.h"

#include "model/civil.h"
#include "model/limits.h"
#include "schedule/zone.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

namespace jobflow::schedule {
namespace {

Instant at(const std::string& text) {
  return *parse_rfc3339(text);
}

Calendar calendar(const std::string& json) {
  auto read = Calendar::read(*parse_json(json));
  EXPECT_TRUE(read) << read.problem().detail;
  return read ? *read : Calendar();
}

// The first changes after an instant, in UTC: "+12-25T00:00 -12-26T00:00"; '+' begins to cover.
std::string changes(const Calendar& calendar, const char* after, int most = 4) {
  std::string text;
  Instant instant = at(after);
  for (int i = 0; i < most; ++i) {
    instant = calendar.changes_after(instant);
    if (instant == kNever) {
      return text + (text.empty() ? "" : " ") + "never";
    }
    text += std::string(i == 0 ? "" : " ") + (calendar.covers(instant) ? "+" : "-") +
            to_rfc3339(instant).substr(5, 11);
  }
  return text;
}

std::string problems_of(const std::string& json) {
  const auto read = Calendar::read(*parse_json(json));
  std::string text;
  if (!read) {
    for (const FieldProblem& problem : read.problem().fields) {
      text += (text.empty() ? "" : "\n") + problem.pointer + ": " + problem.message;
    }
  }
  return text;
}

TEST(Calendar, CoversTheDatesItNames) {  // S4.5
  const auto holidays =
      calendar(R"({"dates": ["2026-12-24", "2026-12-27/2027-01-02", "2026-12-28"]})");
  EXPECT_EQ(changes(holidays, "2026-01-01T00:00:00Z", 5),
            "+12-24T00:00 -12-25T00:00 +12-27T00:00 -01-03T00:00 never");
  EXPECT_FALSE(holidays.covers(at("2026-12-23T23:59:59.999Z")));
  EXPECT_TRUE(holidays.covers(at("2026-12-24T00:00:00Z")));
  EXPECT_TRUE(holidays.covers(at("2026-12-24T23:59:59.999Z")));
  EXPECT_FALSE(holidays.covers(at("2026-12-25T00:00:00Z")));
}

TEST(Calendar, CoversTheSameDaysEveryYear) {  // S4.5
  const auto yearly = calendar(R"({"yearly": ["05-01", "12-24/01-02", "02-29"]})");
  EXPECT_EQ(changes(yearly, "2027-01-02T00:00:00Z", 5),
            "-01-03T00:00 +05-01T00:00 -05-02T00:00 +12-24T00:00 -01-03T00:00");
  EXPECT_EQ(changes(yearly, "2028-02-01T00:00:00Z", 2), "+02-29T00:00 -03-01T00:00");
  EXPECT_TRUE(yearly.covers(at("1970-01-01T00:00:00Z")));
  EXPECT_EQ(changes(yearly, "2099-12-01T00:00:00Z", 2), "+12-24T00:00 never");
  EXPECT_TRUE(yearly.covers(at("2099-12-31T23:59:59Z")));
  EXPECT_EQ(changes(calendar(R"({"yearly": ["02-29/03-01"]})"), "2027-01-01T00:00:00Z"),
            "+03-01T00:00 -03-02T00:00 +02-29T00:00 -03-02T00:00");
  EXPECT_EQ(changes(calendar(R"({"yearly": ["02-28/02-29"]})"), "2027-01-01T00:00:00Z"),
            "+02-28T00:00 -03-01T00:00 +02-28T00:00 -03-01T00:00");
}

TEST(Calendar, CoversPatternsOfTheWeek) {  // S4.5
  // 2026-11-22 is a Sunday.
  const auto office = calendar(
      R"({"weekly": [{"days": ["mon-THU"], "from": "09:00", "to": "17:30"},
                     {"days": ["FRI"], "from": "09:00:00", "to": "15:00:30"}]})");
  EXPECT_EQ(changes(office, "2026-11-22T00:00:00Z", 3), "+11-23T09:00 -11-23T17:30 +11-24T09:00");
  EXPECT_TRUE(office.covers(at("2026-11-27T15:00:29.999Z")));
  EXPECT_FALSE(office.covers(at("2026-11-27T15:00:30Z")));
  // Over midnight: the day named is the one on which it begins.
  EXPECT_EQ(changes(calendar(R"({"weekly": [{"days": ["SAT"], "from": "22:00", "to": "06:00"}]})"),
                    "2026-11-22T00:00:00Z", 3),
            "-11-22T06:00 +11-28T22:00 -11-29T06:00");
  EXPECT_EQ(changes(calendar(R"({"weekly": [{"days": ["FRI-MON"]}]})"), "2026-11-22T00:00:00Z", 2),
            "-11-24T00:00 +11-27T00:00");
  EXPECT_EQ(changes(calendar(R"({"weekly": [{"from": "12:00"}]})"), "2026-11-22T00:00:00Z", 3),
            "+11-22T12:00 -11-23T00:00 +11-23T12:00");
}

TEST(Calendar, IsOnItsZonesClock) {  // S4.3, S4.5
  // 28 March 2027 has 23 hours in Berlin, 31 October 25.
  const auto berlin =
      calendar(R"({"timezone": "Europe/Berlin", "dates": ["2027-03-28", "2027-10-31"]})");
  EXPECT_EQ(changes(berlin, "2027-01-01T00:00:00Z"),
            "+03-27T23:00 -03-28T22:00 +10-30T22:00 -10-31T23:00");
  // A skipped stretch is not covered, one shown twice is covered twice.
  const auto night =
      calendar(R"({"timezone": "Europe/Berlin", "weekly": [{"from": "02:00", "to": "02:30"}]})");
  EXPECT_EQ(changes(night, "2027-03-27T12:00:00Z", 2), "+03-29T00:00 -03-29T00:30");
  EXPECT_EQ(changes(night, "2027-10-30T12:00:00Z"),
            "+10-31T00:00 -10-31T00:30 +10-31T01:00 -10-31T01:30");
  // No midnight on 5 September 2027 in Santiago; no 30 December 2011 in Apia.
  EXPECT_EQ(changes(calendar(R"({"timezone": "America/Santiago", "dates": ["2027-09-05"]})"),
                    "2027-01-01T00:00:00Z"),
            "+09-05T04:00 -09-06T03:00 never");
  EXPECT_TRUE(calendar(R"({"timezone": "Pacific/Apia", "dates": ["2011-12-30"]})").is_empty());
  // A whole span of days is one stretch, whatever the clock did within it.
  EXPECT_EQ(changes(calendar(R"({"timezone": "Europe/Berlin",
                                 "dates": ["2027-03-01/2027-12-01"]})"),
                    "2027-01-01T00:00:00Z"),
            "+02-28T23:00 -12-01T23:00 never");
}

TEST(Calendar, ImportsEvents) {  // S4.5
  const auto imported = calendar(
      R"({"timezone": "Europe/Berlin", "dates": ["2026-12-26"],
          "icalendar": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20201225\n)"
      R"(RRULE:FREQ=YEARLY\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20261231T200000Z\n)"
      R"(DTEND:20270101T040000Z\nEND:VEVENT\nEND:VCALENDAR\n"})");
  EXPECT_EQ(changes(imported, "2026-11-22T00:00:00Z", 5),
            "+12-24T23:00 -12-26T23:00 +12-31T20:00 -01-01T04:00 +12-24T23:00");
}

TEST(Calendar, SaysWhenItCoversNothing) {
  EXPECT_TRUE(Calendar().is_empty());
  EXPECT_TRUE(calendar("{}").is_empty());
  EXPECT_TRUE(calendar(R"({"icalendar": "BEGIN:VCALENDAR\nEND:VCALENDAR"})").is_empty());
  EXPECT_EQ(Calendar().changes_after(at("2026-11-22T00:00:00Z")), kNever);
  EXPECT_FALSE(Calendar().covers(at("2026-11-22T00:00:00Z")));
  const auto always = calendar(R"({"weekly": [{}]})");
  EXPECT_FALSE(always.is_empty());
  EXPECT_TRUE(always.covers(at("1970-01-01T00:00:00Z")));
  EXPECT_TRUE(always.covers(at("2099-12-31T23:59:59Z")));
  EXPECT_EQ(always.changes_after(at("1970-01-01T00:00:00Z")), kNever);
}

TEST(Calendar, SaysAllThatIsWrong) {
  EXPECT_EQ(problems_of("[]"), ": must be an object, not a list");
  EXPECT_EQ(
      problems_of(
          R"({"timezone": "Europe/Berlim", "dates": ["2026-02-29", 5, "2027-01-02/2026-12-24",
                      "1969-12-31"], "yearly": ["13-01", "12-24/0102"], "zone": "UTC",
                      "weekly": [{"days": ["MONDAY"]}, {"from": "24:01"}, {"to": "00:00"}, {"at": "9"}],
                      "icalendar": 7})"),
      "/timezone: " + find_zone("Europe/Berlim").problem().detail +
          "\n/dates/0: '2026-02-29' is not a date of 1970-2099: write 2026-12-24, or "
          "2026-12-24/2027-01-02 for all days from the first to the last"
          "\n/dates/1: must be a string, not a number"
          "\n/dates/2: '2027-01-02/2026-12-24' ends before it begins"
          "\n/dates/3: '1969-12-31' is not a date of 1970-2099: write 2026-12-24, or "
          "2026-12-24/2027-01-02 for all days from the first to the last"
          "\n/yearly/0: '13-01' is not a day of the year: write 12-25, or 12-24/01-02 for all "
          "days from the first to the last"
          "\n/yearly/1: '12-24/0102' is not a day of the year: write 12-25, or 12-24/01-02 for "
          "all days from the first to the last"
          "\n/weekly/0/days/0: 'MONDAY' is not a weekday: write SUN, MON, TUE, WED, THU, FRI, "
          "SAT, or a range such as MON-FRI"
          "\n/weekly/1/from: '24:01' is not a time of day: write 00:00 to 24:00"
          "\n/weekly/2/to: is the same as 'from': drop both for the whole day"
          "\n/weekly/3/at: unknown field"
          "\n/icalendar: must be a string, not a number: put it in quotes"
          "\n/zone: unknown field");
  EXPECT_EQ(
      problems_of(R"({"icalendar": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:x\nEND:VEVENT\n"})")
          .substr(0, 33),
      "/icalendar: line 4: END:VCALENDAR");
  for (const char* text :
       {"", "2", "2026", "2026-12", "2026-12-", "2026-12-2", "2026-12-24T", "-1-1-1-1-1",
        "2026-12-24/", "/2026-12-24", "+026-12-24", "2026/12-24", "2026-12-24/2026-12-25/"}) {
    EXPECT_NE(problems_of(R"({"dates": [")" + std::string(text) + R"("]})"), "") << text;
  }
  for (const char* text : {"", "9", "09", "09:", "9:00", "09:0", "09-00", "09:00:", "09:00:0",
                           "09:60", "24:00:01", "-1:00"}) {
    EXPECT_NE(problems_of(R"({"weekly": [{"from": ")" + std::string(text) + R"("}]})"), "") << text;
  }
}

TEST(Calendar, IsBounded) {
  std::string dates;
  for (int i = 0; i <= limits::kCalendarDates; ++i) {
    dates += R"(,"2026-12-24")";
  }
  EXPECT_EQ(problems_of(R"({"dates": [)" + dates.substr(1) + "]}"),
            "/dates: has 10001 items; at most 10000 are allowed");
  std::string week;
  for (int hour = 0; hour < 24; hour += 2) {
    const std::string two = (hour < 10 ? "0" : "") + std::to_string(hour);
    week += R"(,{"from": ")" + two + R"(:00", "to": ")" + two + R"(:30"})";
  }
  EXPECT_EQ(problems_of(R"({"weekly": [)" + week.substr(1) + "]}"),
            "/weekly: has 84 stretches in a week; at most 44 are allowed");
}

// Against a walk over every quarter of an hour: which day and time the zone's clock shows.
TEST(Calendar, AgreesWithAWalk) {
  std::mt19937 random(45);
  const auto pick = [&](int most) {
    return static_cast<int>(random() % static_cast<unsigned>(most));
  };
  for (const char* name : {"Europe/Berlin", "Australia/Lord_Howe", "America/Santiago",
                           "Asia/Kathmandu", "Antarctica/Troll"}) {
    const auto zone = *find_zone(name);
    const int year = 2020 + pick(60);
    const int from = pick(96) * 15;
    const int to = (from / 15 + 1 + pick(95)) % 96 * 15;
    const int weekday = pick(7);
    const auto time = [](int minute) {
      return to_rfc3339({minute * std::int64_t{60'000}}).substr(11, 5);
    };
    constexpr std::array kNames{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
    const auto walked = calendar(R"({"timezone": ")" + std::string(name) +
                                 R"(", "yearly": ["03-30/04-02"], "weekly": [{"days": [")" +
                                 kNames.at(static_cast<std::size_t>(weekday)) + R"("], "from": ")" +
                                 time(from) + R"(", "to": ")" + time(to) + R"("}]})");
    const Instant begin = at(std::to_string(year) + "-01-01T00:00:00Z");
    Instant change = walked.changes_after(begin);
    bool before = walked.covers(begin);
    for (Instant now = begin; now < begin + days(366); now = now + minutes(15)) {
      const Reading reading = zone->reading(now);
      const std::int64_t day = reading / 86'400;
      const int minute = static_cast<int>(reading % 86'400 / 60);
      const CivilDate date = civil_from_days(day);
      const bool is_easter =
          (date.month == 3 && date.day >= 30) || (date.month == 4 && date.day <= 2);
      const bool is_today =
          weekday_of(day) == weekday && minute >= from && (minute < to || to < from);
      const bool is_after = to < from && weekday_of(day - 1) == weekday && minute < to;
      const bool expected = is_easter || is_today || is_after;
      ASSERT_EQ(walked.covers(now), expected) << name << " " << to_rfc3339(now);
      if (expected != before) {
        ASSERT_EQ(change, now) << name;
        change = walked.changes_after(now);
        before = expected;
      }
    }
  }
}

}  // namespace
}  // namespace jobflow::schedule
