#include "model/civil.h"
#include "schedule/timetable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

namespace jobflow::schedule {
namespace {

Instant at(const char* text) {
  return *parse_rfc3339(text);
}

// In UTC.
Outcome<Timetable> table(std::string_view expression,
                         CronDialect dialect = CronDialect::by_fields) {
  return Timetable::make({.cron = std::string(expression), .dialect = dialect}, {}, 7);
}

std::string next(const char* expression,
                 const char* after,
                 CronDialect dialect = CronDialect::by_fields) {
  const auto cron = table(expression, dialect);
  if (!cron) {
    return cron.problem().detail;
  }
  const Instant instant = cron->next_after(at(after));
  return instant == kNever ? "never" : to_rfc3339(instant).substr(0, 19);
}

TEST(Cron, FindsTheNextInstant) {  // S4.2
  struct Case {
    const char* expression;
    const char* after;
    const char* next;
  };
  const char* now = "2026-11-22T17:33:04Z";  // a Sunday
  for (const auto& [expression, after, expected] : {
           Case{"* * * * *", now, "2026-11-22T17:34:00"},
           {"*/5 * * * *", now, "2026-11-22T17:35:00"},
           {"30 2 * * *", now, "2026-11-23T02:30:00"},
           {"0 9 * * 1-5", now, "2026-11-23T09:00:00"},
           {"0 9 * * FRI-SUN", now, "2026-11-27T09:00:00"},
           {"0 0 * * 7", now, "2026-11-29T00:00:00"},
           {"0 0 * * 0", now, "2026-11-29T00:00:00"},
           {"0 0 * * 5-7", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00"},
           {"0 0 29 2 *", now, "2028-02-29T00:00:00"},
           {"0 0 29 feb ?", "2096-03-01T00:00:00Z", "never"},
           {"0 0 31 * *", now, "2026-12-31T00:00:00"},
           {"59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00"},
           {"0 0 1 JAN *", now, "2027-01-01T00:00:00"},
           {"5/20 * * * *", now, "2026-11-22T17:45:00"},
           {"10-20/4,50 17 * * *", now, "2026-11-22T17:50:00"},
           {"* * * * * *", now, "2026-11-22T17:33:05"},
           {"*/10 * * * * *", now, "2026-11-22T17:33:10"},
           {"0 0 12 ? * MON-FRI", now, "2026-11-23T12:00:00"},
           {"15 30 8 1 * ?", now, "2026-12-01T08:30:15"},
           {"  0\t0 * * *  ", now, "2026-11-23T00:00:00"},
           {"0 0 * * *\n", now, "2026-11-23T00:00:00"},
           {"@hourly", now, "2026-11-22T18:00:00"},
           {"@DAILY", now, "2026-11-23T00:00:00"},
           {"@midnight", now, "2026-11-23T00:00:00"},
           {"@weekly", now, "2026-11-29T00:00:00"},
           {"@monthly", now, "2026-12-01T00:00:00"},
           {" @yearly ", now, "2027-01-01T00:00:00"},
           {"@annually", now, "2027-01-01T00:00:00"},
           {"* * * * *", "2099-12-31T23:59:00Z", "never"},
           {"* * * * *", "2099-12-31T23:58:59Z", "2099-12-31T23:59:00"},
       }) {
    EXPECT_EQ(next(expression, after), expected) << expression;
  }
}

TEST(Cron, TheNextIsStrictlyLater) {
  EXPECT_EQ(next("30 2 * * *", "2026-11-22T02:30:00Z"), "2026-11-23T02:30:00");
  EXPECT_EQ(next("30 2 * * *", "2026-11-22T02:29:59.999Z"), "2026-11-22T02:30:00");
  EXPECT_EQ(next("30 2 * * *", "2026-11-22T02:30:00.001Z"), "2026-11-23T02:30:00");
  EXPECT_EQ(table("* * * * *")->next_after(kNever), kNever);
}

TEST(Cron, BothDayFieldsRestrictedMeansEither) {  // S4.2
  EXPECT_EQ(next("0 0 13 * 5", "2026-11-01T00:00:00Z"), "2026-11-06T00:00:00");
  EXPECT_EQ(next("0 0 13 * 5", "2026-11-06T00:00:00Z"), "2026-11-13T00:00:00");
  EXPECT_EQ(next("0 0 1 * 5", "2026-11-27T00:00:00Z"), "2026-12-01T00:00:00");
  // `*/2` restricts: only `*` and `?` do not.
  EXPECT_EQ(next("0 0 */31 * 5", "2026-11-01T00:00:00Z"), "2026-11-06T00:00:00");
  EXPECT_EQ(next("0 0 ? * 5", "2026-11-01T00:00:00Z"), "2026-11-06T00:00:00");
  // A day that no month has is fine while the weekday can match.
  EXPECT_EQ(next("0 0 31 2 1", "2026-11-01T00:00:00Z"), "2027-02-01T00:00:00");
}

TEST(Cron, KnowsTheWordsOfDays) {            // S4.2
  const char* now = "2026-11-22T17:33:04Z";  // a Sunday
  struct Case {
    const char* expression;
    const char* next;
  };
  for (const auto& [expression, expected] : {
           Case{"0 0 L * *", "2026-11-30T00:00:00"},
           {"0 0 L-3 * *", "2026-11-27T00:00:00"},
           {"0 0 LW * *", "2026-11-30T00:00:00"},
           {"0 0 LW 2 *", "2027-02-26T00:00:00"},  // the 28th is a Sunday
           {"0 0 L-3W 11 *", "2026-11-27T00:00:00"},
           {"0 0 L-2W 11 *", "2026-11-27T00:00:00"},  // the 28th is a Saturday
           {"0 0 L-1W 11 *", "2026-11-30T00:00:00"},  // the 29th is a Sunday
           {"0 0 L-30W 5 *", "2027-05-03T00:00:00"},  // the 1st is a Saturday: not back into April
           {"0 0 15W 8 *", "2027-08-16T00:00:00"},    // a Sunday, so the Monday after
           {"0 0 1W 5 *", "2027-05-03T00:00:00"},     // a Saturday: not back into April
           {"0 0 30W 5 *", "2027-05-31T00:00:00"},
           {"0 0 31W 10 *", "2027-10-29T00:00:00"},  // a Sunday: not on into November
           {"0 0 * * 5L", "2026-11-27T00:00:00"},
           {"0 0 * * FRIL", "2026-11-27T00:00:00"},
           {"0 0 * * 0L,SAT#1", "2026-11-29T00:00:00"},
           {"0 0 * * MON#2,MON#4", "2026-11-23T00:00:00"},
           {"0 0 * * TUE#5", "2026-12-29T00:00:00"},
           {"0 0 1,L,15W 12 *", "2026-12-01T00:00:00"},
           {"0 0 12 ? * MON-FRI", "2026-11-23T12:00:00"},
           {"0 0 12 * * MON", "2026-11-23T12:00:00"},  // Spring's habit
           {"0 0 12 ? * MON#1 2030-2032/2", "2030-01-07T12:00:00"},
           {"0 0 0 29 2 ? 2096", "2096-02-29T00:00:00"},
           {"0 0 0 1 1 ? 2027", "2027-01-01T00:00:00"},
           {"0 0 0 1 1 ? 2020", "never"},
           {"@every 90s", "2026-11-22T17:34:30"},
           {"CRON_TZ=Asia/Shanghai 0 9 * * *", "2026-11-23T01:00:00"},
       }) {
    EXPECT_EQ(next(expression, now), expected) << expression;
  }
}

TEST(Cron, QuartzCountsFromSundayAndGoesRound) {  // S4.2
  const char* now = "2026-11-22T17:33:04Z";
  struct Case {
    const char* expression;
    const char* next;
  };
  for (const auto& [expression, expected] : {
           Case{"0 0 12 ? * 2", "2026-11-23T12:00:00"},
           {"0 0 12 ? * 1", "2026-11-29T12:00:00"},
           {"0 0 12 ? * 7", "2026-11-28T12:00:00"},
           {"0 0 12 ? * 6L", "2026-11-27T12:00:00"},
           {"0 0 12 ? * 2#4", "2026-11-23T12:00:00"},
           {"0 0 12 ? * L", "2026-11-28T12:00:00"},
           {"0 0 12 ? * FRI-MON", "2026-11-23T12:00:00"},
           {"0 0 12 ? * 6-2", "2026-11-23T12:00:00"},
           {"0 0 22-2 * * ?", "2026-11-22T22:00:00"},
           {"0 0 22-2/2 23 11 ?", "2026-11-23T00:00:00"},
           {"0 0 0 1 NOV-FEB ?", "2026-12-01T00:00:00"},
           {"0 0/5 14 * * ? 2027", "2027-01-01T14:00:00"},
           {"@weekly", "2026-11-29T00:00:00"},  // a macro is no matter of dialect
           {"0 0 12 * * MON", "cron field weekday (column 12): Quartz wants '?' in exactly one"},
           {"0 0 12 ? * ?", "cron field weekday (column 12): Quartz wants '?' in exactly one"},
           {"0 0 12 1 * 2", "cron field weekday (column 12): Quartz wants '?' in exactly one"},
           {"0 0 12 ? * 0", "cron field weekday (column 12): 0 is out of range: write 1-7"},
           {"0 12 ? * 2", "Quartz has 6 or 7 fields"},
       }) {
    EXPECT_TRUE(next(expression, now, CronDialect::quartz).starts_with(expected))
        << expression << ": " << next(expression, now, CronDialect::quartz);
  }
  EXPECT_EQ(next("0 0 12 * * *", now, CronDialect::unix_cron),
            "Unix cron has 5 fields; this has 6");
  EXPECT_EQ(table("0 0 12 ? * L", CronDialect::quartz)->warnings().size(), 1U);
}

TEST(Cron, HSpreadsJobsOverTime) {  // S4.2
  std::vector<int> minutes(60, 0);
  for (std::uint64_t job = 0; job < 6000; ++job) {
    const auto spread = Timetable::make({.cron = "H H * * *"}, {}, job * 0x9e3779b97f4a7c15);
    const Instant first = spread->next_after({0});
    EXPECT_EQ(spread->next_after(first) - first, milliseconds(86'400'000));
    ++minutes[static_cast<std::size_t>(first.ms / 60'000 % 60)];
  }
  EXPECT_GT(*std::ranges::min_element(minutes), 50);
  EXPECT_LT(*std::ranges::max_element(minutes), 160);
  const auto quarter = table("H/15 * * * *");
  const Instant first = quarter->next_after({0});
  EXPECT_EQ(quarter->count_between({0}, {3'600'000}), 4);
  EXPECT_EQ(quarter->next_after(first) - first, milliseconds(900'000));
  const auto early = table("H(0-9) * * * *");
  EXPECT_LT(early->next_after({0}).ms, 600'000);
}

TEST(Cron, MisleadingExpressionsWarn) {  // S4.2
  EXPECT_EQ(table("*/7 * * * *")->warnings().size(), 1U);
  EXPECT_NE(table("*/7 * * * *")->warnings()[0].find("pause after 56 is shorter (4)"),
            std::string::npos);
  EXPECT_EQ(table("*/5 */5 * * *")->warnings().size(), 1U);
  EXPECT_TRUE(table("*/15 2 * * *")->warnings().empty());
  for (const auto& [expression, words] : {
           std::pair{"*/40 * * * *", "pause after 40 is shorter (20)"},
           {"0-59/7 * * * *", "pause after 56 is shorter (4)"},
           {"0/7 * * * *", "pause after 56 is shorter (4)"},
           {"0 */5 * * *", "pause after 20 is shorter (4)"},
           {"0 0 */2 * *", "begins anew at day 1 of each month"},
           {"0 0 1 */5 *", "it begins anew at 1, so the pause after 11 is shorter (2)"},
           {"0 0 * * */2", "it begins anew at SUN, so the pause after SAT is shorter (1)"},
       }) {
    const auto warnings = table(expression)->warnings();
    ASSERT_EQ(warnings.size(), 1U) << expression;
    EXPECT_NE(warnings[0].find(words), std::string::npos) << warnings[0];
  }
  for (const char* plain : {"5/7 * * * *", "10-20/3 * * * *", "*/1 */1 */1 */1 */1", "H/7 * * * *",
                            "0 0 0 1 1 ? */7"}) {
    EXPECT_TRUE(table(plain)->warnings().empty()) << plain;
  }
}

// No expression takes long: months and days are jumped over (S4.2).
TEST(Cron, RareInstantsAreFoundAtOnce) {
  const auto started = std::chrono::steady_clock::now();
  for (const char* expression :
       {"0 0 0 29 2 ? 2096", "0 0 0 ? 2 MON#5 *", "59 59 23 31 12 ? 2099"}) {
    const auto rare = Timetable::make({.cron = expression, .timezone = "Europe/Berlin"}, {}, 7);
    ASSERT_TRUE(rare) << expression;
    for (int i = 0; i < 100; ++i) {
      EXPECT_NE(rare->next_after({0}), kNever);
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(1)) << "300 answers";
}

TEST(Cron, WrongExpressionsNameFieldColumnAndFix) {
  struct Case {
    const char* expression;
    const char* words;
  };
  for (const auto& [expression, words] : {
           Case{"", "a cron expression is missing"},
           {"* * * *", "this one has 4"},
           {"* * * * * * * *", "this one has 8"},
           {"60 * * * *", "minute (column 1): 60 is out of range: write 0-59"},
           {"* 24 * * *", "hour (column 3): 24 is out of range: write 0-23"},
           {"* * 0 * *", "day (column 5): 0 is out of range: write 1-31"},
           {"* * * 13 *", "month (column 7): 13 is out of range: write 1-12 or JAN-DEC"},
           {"* * * * 8", "weekday (column 9): 8 is out of range: write 0-7 or SUN-SAT"},
           {"  60 * * * *", "minute (column 3)"},
           {"1,2,99 * * * *", "minute (column 5): 99"},
           {"1,,2 * * * *", "minute (column 3): an item of the list is empty"},
           {"1, * * * *", "minute (column 3): an item of the list is empty"},
           {"*/0 * * * *", "minute (column 3): the step 0 must be from 1 to 60"},
           {"*/61 * * * *", "minute (column 3): the step 61 must be from 1 to 60"},
           {"10-20/12 * * * *", "the step 12 must be from 1 to 11"},
           {"*/99999999999 * * * *", "must be from 1 to 60"},
           {"99999999999 * * * *", "is out of range"},
           {"*/x * * * *", "minute (column 3): a step is a number"},
           {"*/ * * * *", "a step is a number"},
           {"*-5 * * * *", "'*' already means every value"},
           {"1- * * * *", "minute (column 3): a value is missing here"},
           {"-1 * * * *", "minute (column 1): a value is missing here"},
           {"1-2-3 * * * *", "minute (column 3): '2-3' is not a minute"},
           {"20-10 * * * *", "starts after it ends: write '20-59,0-10'"},
           {"* 22-2 * * *",
            "hour (column 3): the range '22-2' starts after it ends: write "
            "'22-23,0-2'"},
           {"* * * NOV-FEB *", "write '11-12,1-2'"},
           {"* * * * SAT-MON", "write 'SAT,SUN-MON'"},
           {"* * * * 7-2", "write 'SUN-TUE'"},
           {"0 * * * * SAT-MON", "write 'SAT,SUN-MON'"},
           {"* * * * MOO", "weekday (column 9): 'MOO' is not a weekday: write 0-7 or SUN-SAT"},
           {"* * * FEBRUARY *", "'FEBRUARY' is not a month"},
           {"JAN * * * *", "'JAN' is not a minute: write 0-59"},
           {"? * * * *", "'?' stands only for the day or the weekday"},
           {"* * ?/2 * *", "'?' is not a day"},
           {"0 0 12 ? * 2-6", "weekday (column 12): with seconds in front, a digit means"},
           {"0 0 12 ? * 6#3", "a digit means"},
           {"0 0 12 ? * 5L", "a digit means"},
           {"0 0 0 1 * FRI", "day and weekday are both restricted"},
           {"0 0 0 ? * L", "write SAT, or state dialect: quartz"},
           {"* * * * L", "write SAT, or e.g. FRIL"},
           {"* * * * MON#6", "write #1 to #5"},
           {"* * * * MON#", "write #1 to #5"},
           {"* * 0W * *", "write 1W to 31W"},
           {"* * 5-7W * *", "day (column 5): '5-7W'"},
           {"* * L-31 * *", "write L-1 to L-30"},
           {"* * L-0 * *", "write L-1 to L-30"},
           {"* * L-31W * *", "L-1W to L-30W"},
           {"* * L-W * *", "L-1W to L-30W"},
           {"L * * * *", "'L' is not a minute"},
           {"H(5) * * * *", "write H, H/n, or H(a-b)"},
           {"H(29-0) * * * *", "the range of H starts after it ends"},
           {"0 0 0 1 1 ? H", "H does not spread years"},
           {"0 0 0 1 1 ? 2100", "year (column 13): 2100 is out of range: write 1970-2099"},
           {"0 0 0 29 2 ? 2100", "2100 is out of range"},
           {"0 0 0 29 2 ? 2097", "no year of '2097' has such a day"},
           {"0 0 L-30 2 *", "no date from 1970 to 2099 ever matches"},
           {"0 0 30W 2 *", "no date from 1970 to 2099 ever matches"},
           {"30 2 30 2 *", "ever matches: no month it names has day 30"},
           {"0 0 31 4,6,9,11 *", "ever matches"},
           {"CRON_TZ=Europe/Berlni 0 0 * * *", "did you mean 'Europe/Berlin'?"},
           {" TZ=Europe/Berlni 0 0 * * *", "cron prefix (column 5): there is no time zone"},
           {"CRON_TZ=Europe/Berlni @every 5m", "did you mean 'Europe/Berlin'?"},
           {"0 0 0 29 2 ? 2097-2099",
            "no year of '2097-2099' has such a day (field year, column 14)"},
           {"0 0 0 ? 2 MON#5 2001-2099/4", "no year of '2001-2099/4' has such a day"},
           {"CRON_TZ= 0 0 * * *", "a zone is missing"},
           {"ZONE=UTC 0 0 * * *", "only CRON_TZ=Zone or TZ=Zone"},
           {"CRON_TZ=UTC", "a cron expression is missing"},
           {"CRON_TZ=../../etc/passwd 0 0 * * *", "there is no time zone"},
           {"@every", "@every takes one span"},
           {"@every 0s", "the least span is 100ms"},
           {"@every 99ms", "the least span is 100ms"},
           {"@every soon", "@every: "},
           {"@reboot", "@reboot is refused"},
           {"@dayly", "did you mean '@daily'?"},
           {"@daily *", "stands alone"},
       }) {
    const auto cron = table(expression);
    ASSERT_FALSE(cron.ok()) << expression;
    EXPECT_EQ(cron.problem().code, ProblemCode::invalid);
    EXPECT_NE(cron.problem().detail.find(words), std::string::npos)
        << expression << " told: " << cron.problem().detail;
  }
}

// Sets of values written down independently of the parser's own bits.
struct RandomField {
  std::string text;
  std::vector<bool> values = std::vector<bool>(64, false);
  bool has(int value) const { return values[static_cast<std::size_t>(value)]; }
};

RandomField random_field(std::mt19937_64& random, int least, int most, bool sparse) {
  const auto pick = [&](int from, int to) {
    return from + static_cast<int>(random() % static_cast<std::uint64_t>(to - from + 1));
  };
  RandomField field;
  const auto fill = [&](int from, int to, int step) {
    for (int value = from; value <= to; value += step) {
      field.values[static_cast<std::size_t>(value)] = true;
    }
  };
  for (int items = pick(1, sparse ? 2 : 3); items > 0; --items) {
    const int from = pick(least, most);
    const int to = pick(from, most);
    std::string item;
    switch (random() % (sparse ? 2U : 5U)) {
      case 0:
      case 1:
        item = std::to_string(from);
        fill(from, from, 1);
        break;
      case 2:
        item = std::to_string(from) + "-" + std::to_string(to);
        fill(from, to, 1);
        break;
      case 3: {
        const int step = pick(1, most - from + 1);
        item = std::to_string(from) + "/" + std::to_string(step);
        fill(from, most, step);
        break;
      }
      default: {
        const int step = pick(1, most - least + 1);
        item = "*/" + std::to_string(step);
        fill(least, most, step);
      }
    }
    field.text += (field.text.empty() ? "" : ",") + item;
  }
  return field;
}

RandomField any_value(int least, int most) {
  RandomField field{"*"};
  std::fill(field.values.begin() + least, field.values.begin() + most + 1, true);
  return field;
}

struct RandomCron {
  RandomField second, minute, hour, day, month, weekday;
  bool has_seconds = false;

  std::string text() const {
    return (has_seconds ? second.text + " " : "") + minute.text + " " + hour.text + " " + day.text +
           " " + month.text + " " + weekday.text;
  }

  bool matches(std::int64_t at_second) const {
    const std::int64_t days = at_second / 86'400;
    const int of_day = static_cast<int>(at_second % 86'400);
    const CivilDate date = civil_from_days(days);
    const bool by_day = day.has(date.day);
    const bool by_weekday = weekday.has(weekday_of(days));
    const bool right_day = day.text == "*"       ? by_weekday
                           : weekday.text == "*" ? by_day
                                                 : by_day || by_weekday;
    return second.has(of_day % 60) && minute.has(of_day / 60 % 60) && hour.has(of_day / 3600) &&
           month.has(date.month) && right_day;
  }
};

RandomCron random_cron(std::mt19937_64& random, bool has_seconds) {
  const auto maybe = [&](int least, int most, bool sparse = false) {
    return random() % 3 == 0 ? any_value(least, most) : random_field(random, least, most, sparse);
  };
  RandomCron cron;
  cron.has_seconds = has_seconds;
  if (has_seconds) {
    cron.second = maybe(0, 59);
  } else {
    cron.second.values[0] = true;
  }
  cron.minute = maybe(0, 59);
  cron.hour = maybe(0, 23);
  cron.day = maybe(1, 31, true);
  cron.month = maybe(1, 12);
  // With seconds, digits are refused there.
  cron.weekday = has_seconds ? any_value(0, 6) : maybe(0, 6, true);
  return cron;
}

class CronAgainstWalk : public testing::TestWithParam<std::uint64_t> {};

// Walks every second (or minute) and compares; so nothing is skipped between two answers.
TEST_P(CronAgainstWalk, AgreesOnEveryInstant) {
  std::mt19937_64 random(GetParam());
  for (int round = 0; round < 60; ++round) {
    const RandomCron model = random_cron(random, round % 2 == 0);
    const auto cron = table(model.text());
    if (!cron) {
      ASSERT_NE(cron.problem().detail.find("ever matches"), std::string::npos) << model.text();
      continue;
    }
    const std::int64_t step = model.has_seconds ? 1 : 60;
    const auto start = static_cast<std::int64_t>(random() % 4'102'444'800) / step * step;
    const std::int64_t end = std::min<std::int64_t>(start + 50'000 * step, 4'102'444'800);
    Instant expected = cron->next_after({start * 1000 - 1});
    for (std::int64_t at_second = start; at_second < end; at_second += step) {
      const bool due = model.matches(at_second);
      ASSERT_EQ(due, expected.ms == at_second * 1000)
          << "seed " << GetParam() << ": " << model.text() << " at "
          << to_rfc3339({at_second * 1000});
      if (due) {
        expected = cron->next_after(expected);
      }
    }
    ASSERT_TRUE(expected == kNever || expected.ms >= end * 1000) << model.text();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CronAgainstWalk, testing::Values(1, 2, 3, 4));

// Rare days, over the whole span of years, day by day.
TEST(Cron, AgreesOnEveryDayOfTheSpan) {
  std::mt19937_64 random(99);
  for (int round = 0; round < 40; ++round) {
    RandomCron model = random_cron(random, false);
    model.minute = random_field(random, 0, 59, true);
    model.hour = random_field(random, 0, 23, true);
    const auto cron = table(model.text());
    if (!cron) {
      continue;
    }
    std::int64_t first_second = 0;
    while (!model.hour.has(static_cast<int>(first_second / 3600)) ||
           !model.minute.has(static_cast<int>(first_second / 60 % 60))) {
      first_second += 60;
    }
    for (std::int64_t day = 0; day < days_from_civil({2100, 1, 1}); ++day) {
      const std::int64_t second = day * 86'400 + first_second;
      const Instant found = cron->next_after({day * 86'400'000 - 1});
      ASSERT_EQ(model.matches(second), found.ms == second * 1000)
          << model.text() << " on " << to_rfc3339({day * 86'400'000});
    }
  }
}

constexpr Instant kYearsEnd{days_from_civil({2100, 1, 1}) * 86'400'000};

// Counting is visiting without the visits (S4.8): both ends are left out, wherever they lie.
TEST(Cron, CountsWhatAWalkFinds) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 400; ++round) {
    const auto cron = table(random_cron(random, round % 2 == 0).text());
    if (!cron) {
      continue;
    }
    const Instant from{static_cast<std::int64_t>(random() % 4'000'000'000'000)};
    Instant last = from;
    std::int64_t count = 0;
    for (int steps = static_cast<int>(random() % 300); steps > 0; --steps) {
      if (const Instant next = cron->next_after(last); next != kNever) {
        last = next;
        ++count;
      }
    }
    const Instant next = std::min(cron->next_after(last), kYearsEnd);
    for (const Instant end : {last + milliseconds(1), next - milliseconds(1), next}) {
      ASSERT_EQ(cron->last_between(from, end), last) << to_rfc3339(from) << to_rfc3339(end);
      ASSERT_EQ(cron->count_between(from, end), count) << to_rfc3339(from) << to_rfc3339(end);
    }
    ASSERT_EQ(cron->count_between(from, last), std::max<std::int64_t>(0, count - 1));
    ASSERT_EQ(cron->last_between(last, from), last);
  }
  const auto seconds = table("* * * * * *");
  EXPECT_EQ(seconds->count_between({-1}, kYearsEnd), kYearsEnd.ms / 1000);
}

TEST(Cron, AnyTextIsReadOrRefused) {
  std::mt19937_64 random(5);
  constexpr std::string_view kAlphabet = "0123456789*,-/?LW#H@ \tJANMONSUN";
  int good = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string text;
    for (std::uint64_t i = 0; i < random() % 24; ++i) {
      text += kAlphabet[random() % kAlphabet.size()];
    }
    const auto cron = table(round % 2 == 0 ? text : text + " * * * *");
    if (cron) {
      ++good;
      const Instant first = cron->next_after({0});
      ASSERT_GT(first.ms, 0) << text;
      ASSERT_GT(cron->next_after(first), first) << text;
    } else {
      ASSERT_FALSE(cron.problem().detail.empty()) << text;
    }
  }
  EXPECT_GT(good, 100);
}

}  // namespace
}  // namespace jobflow::schedule
