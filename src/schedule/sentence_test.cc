// Sentences of schedules (S4.9): golden tables. They are texts for people: read what changes in
// them.
#include "schedule/sentence.h"

#include "schedule/timetable.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace jobflow::schedule {
namespace {

constexpr std::uint64_t kHash = 7;

Instant at(const char* text) {
  return *parse_rfc3339(text);
}

struct Golden {
  const char* cron;
  const char* english;
  const char* chinese;
};

const std::vector<Golden> kUnix{
    {"* * * * *", "Every minute", "每分钟"},
    {"*/5 * * * *", "Every 5 minutes", "每 5 分钟"},
    {"*/7 * * * *", "Every 7 minutes from minute 0 to 56 of every hour",
     "每小时的第 0 至 56 分每 7 分钟"},
    {"2-59/5 * * * *", "Every 5 minutes from 00:02 to 23:57 every day",
     "每天 00:02 至 23:57 每 5 分钟一次"},
    {"0 * * * *", "Every hour", "每小时"},
    {"30 * * * *", "Every hour at minute 30", "每小时的第 30 分"},
    {"5,35 * * * *", "Every 30 minutes from 00:05 to 23:35 every day",
     "每天 00:05 至 23:35 每 30 分钟一次"},
    {"5,10,40 * * * *", "At minutes 5, 10 and 40 of every hour", "每小时的第 5、10 和 40 分"},
    {"30 2 * * *", "At 02:30 every day", "每天 02:30"},
    {"30 2 * * 1-5", "At 02:30 on weekdays", "每个工作日 02:30"},
    {"0 9 * * MON-FRI", "At 09:00 on weekdays", "每个工作日 09:00"},
    {"0 10 * * SAT,SUN", "At 10:00 on Saturdays and Sundays", "每周六和周日 10:00"},
    {"0 8 * * MON", "At 08:00 on Mondays", "每周一 08:00"},
    {"0 8 * * MON,WED,FRI", "At 08:00 on Mondays, Wednesdays and Fridays",
     "每周一、周三和周五 08:00"},
    {"0 8 * * TUE-SAT", "At 08:00 on Tuesdays to Saturdays", "每周二至周六 08:00"},
    {"0 8 * * 0-6", "At 08:00 every day", "每天 08:00"},
    {"0 0,12 * * *", "At 00:00 and 12:00 every day", "每天 00:00 和 12:00"},
    {"0 0,6,12,18 * * *", "At 00:00, 06:00, 12:00 and 18:00 every day",
     "每天 00:00、06:00、12:00 和 18:00"},
    {"0 */8 * * *", "Every 8 hours", "每 8 小时"},
    {"0 */2 * * *", "Every 2 hours", "每 2 小时"},
    {"30 */2 * * *", "Every 2 hours from 00:30 to 22:30 every day",
     "每天 00:30 至 22:30 每 2 小时一次"},
    {"0 9-17 * * 1-5", "Every hour from 09:00 to 17:00 on weekdays",
     "每个工作日 09:00 至 17:00 每小时一次"},
    {"*/5 9-17 * * *", "Every 5 minutes from 09:00 to 17:55 every day",
     "每天 09:00 至 17:55 每 5 分钟一次"},
    {"0,30 9-17 * * *", "Every 30 minutes from 09:00 to 17:30 every day",
     "每天 09:00 至 17:30 每 30 分钟一次"},
    {"5,10,40 9-17 * * *", "At minutes 5, 10 and 40 of every hour from 9 to 17 every day",
     "每天 9 时至 17 时的第 5、10 和 40 分"},
    {"*/15 2 * * *", "At 02:00, 02:15, 02:30 and 02:45 every day",
     "每天 02:00、02:15、02:30 和 02:45"},
    {"*/5 2 * * *", "Every 5 minutes from 02:00 to 02:55 every day",
     "每天 02:00 至 02:55 每 5 分钟一次"},
    {"* 9,14 * * *", "Every minute of hours 9 and 14 every day", "每天 9 时和 14 时的每分钟"},
    {"* 9 * * *", "Every minute from 09:00 to 09:59 every day", "每天 09:00 至 09:59 每分钟一次"},
    {"*/20 */3 * * *", "Every 20 minutes of every 3rd hour from 0 to 21 every day",
     "每天 0 时、3 时、6 时、9 时、12 时、15 时、18 时和 21 时的每 20 分钟"},
    {"1,2,3,5,7,11,13,17,19 9 * * *",
     "At minutes 1 to 3, 5, 7, 11, 13, 17 and 19 of hour 9 every day",
     "每天 9 时的第 1 至 3、5、7、11、13、17 和 19 分"},
    {"*/7 9-17 * * *", "Every 7 minutes from minute 0 to 56 of every hour from 9 to 17 every day",
     "每天 9 时至 17 时的第 0 至 56 分每 7 分钟"},
    {"0 0 1 * *", "At 00:00 on the 1st of the month", "每月 1 日 00:00"},
    {"0 0 1,15 * *", "At 00:00 on the 1st and 15th of the month", "每月 1 日和 15 日 00:00"},
    {"0 0 1-7 * *", "At 00:00 on the 1st to 7th of the month", "每月 1 日至 7 日 00:00"},
    {"0 0 */2 * *", "At 00:00 on every 2nd day from the 1st to the 31st of the month",
     "每月 1 日至 31 日每 2 天 00:00"},
    {"0 0 L * *", "At 00:00 on the last day of the month", "每月最后一天 00:00"},
    {"0 0 L-3 * *", "At 00:00 on the 3rd day before the last day of the month",
     "每月倒数第 4 天 00:00"},
    {"0 0 L-1 * *", "At 00:00 on the day before the last day of the month",
     "每月倒数第 2 天 00:00"},
    {"0 0 LW * *", "At 00:00 on the last weekday of the month", "每月最后一个工作日 00:00"},
    {"0 0 L-3W * *",
     "At 00:00 on the weekday nearest to the 3rd day before the last day of the month",
     "每月离倒数第 4 天最近的工作日 00:00"},
    {"0 0 15W * *", "At 00:00 on the weekday nearest to the 15th of the month",
     "每月离 15 日最近的工作日 00:00"},
    {"0 0 1,L * *", "At 00:00 on the 1st and the last day of the month",
     "每月 1 日和最后一天 00:00"},
    {"0 0 1,15W,LW * *",
     "At 00:00 on the 1st, the weekday nearest to the 15th and the last weekday of the month",
     "每月 1 日、离 15 日最近的工作日和最后一个工作日 00:00"},
    {"0 0 1 1 *", "At 00:00 on 1 January every year", "每年 1 月 1 日 00:00"},
    {"0 0 25 12 *", "At 00:00 on 25 December every year", "每年 12 月 25 日 00:00"},
    {"0 0 24,25 12 *", "At 00:00 on the 24th and 25th of December",
     "每年 12 月 24 日和 25 日 00:00"},
    {"0 0 1 */3 *", "At 00:00 on the 1st of January, April, July and October",
     "每年 1 月、4 月、7 月和 10 月的 1 日 00:00"},
    {"0 0 1 1-6 *", "At 00:00 on the 1st of every month from January to June",
     "每年 1 月至 6 月的 1 日 00:00"},
    {"0 6 * 7 *", "At 06:00 every day in July", "每年 7 月的每天 06:00"},
    {"0 6 * 6-8 1-5", "At 06:00 on weekdays from June to August",
     "每年 6 月至 8 月的每个工作日 06:00"},
    {"*/10 * * 3 *", "Every 10 minutes in March", "每年 3 月每 10 分钟"},
    {"0 0 L 2 *", "At 00:00 on the last day of February", "每年 2 月的最后一天 00:00"},
    {"0 0 13 * FRI", "At 00:00 on the 13th of the month and on Fridays",
     "每月 13 日以及每周五 00:00"},
    {"0 0 13 * FRI#2", "At 00:00 on the 13th of the month and on the second Friday of the month",
     "每月 13 日以及每月第二个周五 00:00"},
    {"0 0 13 3 FRI", "At 00:00 on the 13th of March and on Fridays in March",
     "每年 3 月的 13 日以及每周五 00:00"},
    {"0 9 * * MON#1", "At 09:00 on the first Monday of the month", "每月第一个周一 09:00"},
    {"0 9 * * MON#2,MON#4", "At 09:00 on the second Monday and the fourth Monday of the month",
     "每月第二个周一和第四个周一 09:00"},
    {"0 9 * * FRIL", "At 09:00 on the last Friday of the month", "每月最后一个周五 09:00"},
    {"0 9 * * THU#4", "At 09:00 on the fourth Thursday of the month", "每月第四个周四 09:00"},
    {"0 9 * 11 THU#4", "At 09:00 on the fourth Thursday of November",
     "每年 11 月的第四个周四 09:00"},
    {"0 9 * * MON,FRIL", "At 09:00 on Mondays and the last Friday of the month",
     "每周一以及每月最后一个周五 09:00"},
    {"H H * * *", "At 19:22 every day", "每天 19:22"},
    {"H/15 * * * *", "Every 15 minutes from 00:07 to 23:52 every day",
     "每天 00:07 至 23:52 每 15 分钟一次"},
    {"H(0-29) 3 * * *", "At 03:22 every day", "每天 03:22"},
    {"H H(0-7) * * 1-5", "At 03:22 on weekdays", "每个工作日 03:22"},
    {"* * * * * *", "Every second", "每秒"},
    {"*/10 * * * * *", "Every 10 seconds", "每 10 秒"},
    {"0,30 * * * * *", "Every 30 seconds", "每 30 秒"},
    {"5,20 * * * * *", "At seconds 5 and 20 of every minute", "每分钟的第 5 和 20 秒"},
    {"15 * * * * *", "Every minute at second 15", "每分钟的第 15 秒"},
    {"15 */5 * * * *", "Every 5 minutes from 00:00:15 to 23:55:15 every day",
     "每天 00:00:15 至 23:55:15 每 5 分钟一次"},
    {"15 30 * * * *", "Every hour at minute 30, second 15", "每小时的第 30 分 15 秒"},
    {"*/10 30 9 * * *", "Every 10 seconds from 09:30:00 to 09:30:50 every day",
     "每天 09:30:00 至 09:30:50 每 10 秒一次"},
    {"*/10 * 9-17 * * *", "Every 10 seconds from 09:00:00 to 17:59:50 every day",
     "每天 09:00:00 至 17:59:50 每 10 秒一次"},
    {"*/10 30,31 9 * * *", "Every 10 seconds from 09:30:00 to 09:31:50 every day",
     "每天 09:30:00 至 09:31:50 每 10 秒一次"},
    {"*/7 * * * * *", "Every 7 seconds from second 0 to 56 of every minute",
     "每分钟的第 0 至 56 秒每 7 秒"},
    {"0,20 5,50 9-17 * * *",
     "At seconds 0 and 20 of minutes 5 and 50 of every hour from 9 to 17 every day",
     "每天 9 时至 17 时的第 5 和 50 分的第 0 和 20 秒"},
    {"15 30 2 * * *", "At 02:30:15 every day", "每天 02:30:15"},
    {"0 0 29 2 *", "At 00:00 on 29 February of every leap year", "每个闰年 2 月 29 日 00:00"},
    {"0 0 1-31 * 1", "At 00:00 every day", "每天 00:00"},
    {"1-5,7 * * * *", "At minutes 1 to 5 and 7 of every hour", "每小时的第 1 至 5 和 7 分"},
    {"1,3,4,9,11,20,33 * * * *", "At minutes 1, 3, 4, 9, 11, 20 and 33 of every hour",
     "每小时的第 1、3、4、9、11、20 和 33 分"},
    {"1,3,4,9,11,20,33 1,5,6,8 * * *",
     "At minutes 1, 3, 4, 9, 11, 20 and 33 of hours 1, 5, 6 and 8 every day",
     "每天 1 时、5 时、6 时和 8 时的第 1、3、4、9、11、20 和 33 分"},
    {"0 9,10,14-16,20 * * *", "At 09:00, 10:00, 14:00, 15:00, 16:00 and 20:00 every day",
     "每天 09:00、10:00、14:00、15:00、16:00 和 20:00"},
};

const std::vector<Golden> kQuartz{
    {"0 30 10-13 ? * WED,FRI", "Every hour from 10:30 to 13:30 on Wednesdays and Fridays",
     "每周三和周五 10:30 至 13:30 每小时一次"},
    {"0 0 12 ? * 2-6", "At 12:00 on weekdays", "每个工作日 12:00"},
    {"0 0/5 14,18 * * ?", "Every 5 minutes of hours 14 and 18 every day",
     "每天 14 时和 18 时的每 5 分钟"},
    {"0 15 10 ? * 6L 2027-2030", "At 10:15 on the last Friday of the month from 2027 to 2030",
     "2027 年至 2030 年每月最后一个周五 10:15"},
    {"0 0 12 1/5 * ?", "At 12:00 on every 5th day from the 1st to the 31st of the month",
     "每月 1 日至 31 日每 5 天 12:00"},
    {"0 11 11 11 11 ?", "At 11:11 on 11 November every year", "每年 11 月 11 日 11:11"},
    {"0 0 0 1 1 ? 2027", "At 00:00 on 1 January 2027", "2027 年 1 月 1 日 00:00"},
    {"0 0 0 ? * L", "At 00:00 on Saturdays", "每周六 00:00"},
    {"0 0 9 * * ? 2027", "At 09:00 every day in 2027", "2027 年每天 09:00"},
    {"0 0 9 ? 3 MON 2027", "At 09:00 on Mondays in March 2027", "2027 年 3 月的每周一 09:00"},
    {"0 0 9 1 * ? 2028/4", "At 09:00 on the 1st of the month in every 4th year from 2028 to 2096",
     "2028 年至 2096 年每 4 年每月 1 日 09:00"},
    {"0 0 22-2 * * ?", "At 00:00, 01:00, 02:00, 22:00 and 23:00 every day",
     "每天 00:00、01:00、02:00、22:00 和 23:00"},
};

TEST(Sentence, SaysWhatACronExpressionMeans) {  // S4.9
  for (const auto& [dialect, table] :
       {std::pair{CronDialect::by_fields, kUnix}, {CronDialect::quartz, kQuartz}}) {
    for (const auto& [expression, english, chinese] : table) {
      const auto cron = Cron::parse(expression, dialect, kHash);
      ASSERT_TRUE(cron) << expression << cron.problem().detail;
      EXPECT_EQ(sentence(*cron, Language::english), english) << expression;
      EXPECT_EQ(sentence(*cron, Language::chinese), chinese) << expression;
    }
  }
}

struct OfSchedule {
  Schedule schedule;
  const char* english;
  const char* chinese;
};

TEST(Sentence, SaysTheZoneWhereItMatters) {  // S4.3
  for (const auto& [schedule, english, chinese] : {
           OfSchedule{{.cron = "30 2 * * 1-5", .timezone = "Europe/Berlin"},
                      "At 02:30 on weekdays, Europe/Berlin time",
                      "每个工作日 02:30（Europe/Berlin 时间）"},
           {{.cron = "@daily"}, "At 00:00 every day, UTC", "每天 00:00（UTC）"},
           {{.cron = "CRON_TZ=Asia/Shanghai 0 9 * * *"},
            "At 09:00 every day, Asia/Shanghai time",
            "每天 09:00（Asia/Shanghai 时间）"},
           {{.cron = "@hourly", .timezone = "Asia/Kathmandu"},
            "Every hour, Asia/Kathmandu time",
            "每小时（Asia/Kathmandu 时间）"},
           {{.cron = "*/5 * * * *", .timezone = "Asia/Kathmandu"}, "Every 5 minutes", "每 5 分钟"},
           {{.cron = "*/5 * * * SUN", .timezone = "Asia/Kathmandu"},
            "Every 5 minutes on Sundays, Asia/Kathmandu time",
            "每周日每 5 分钟（Asia/Kathmandu 时间）"},
       }) {
    EXPECT_EQ(sentence(schedule, kHash, Language::english), english);
    EXPECT_EQ(sentence(schedule, kHash, Language::chinese), chinese);
  }
}

TEST(Sentence, SaysEveryKindOfSchedule) {  // S4.1
  const auto rate = [](Span every) {
    return Schedule{.kind = ScheduleKind::fixed_rate, .every = every};
  };
  for (const auto& [schedule, english, chinese] : {
           OfSchedule{rate(seconds(90)), "Every 90 seconds", "每 90 秒"},
           {rate(milliseconds(250)), "Every 250 milliseconds", "每 250 毫秒"},
           {rate(seconds(1)), "Every second", "每秒"},
           {rate(minutes(90)), "Every 90 minutes", "每 90 分钟"},
           {rate(hours(1)), "Every hour", "每小时"},
           {rate(days(1)), "Every 24 hours", "每 24 小时"},
           {rate(days(7)), "Every 7 days", "每 7 天"},
           {{.cron = "@every 90s"}, "Every 90 seconds", "每 90 秒"},
           {{.kind = ScheduleKind::fixed_delay, .every = minutes(1)},
            "1 minute after each run ends",
            "每次运行结束后 1 分钟"},
           {{.kind = ScheduleKind::once,
             .timezone = "Europe/Berlin",
             .at = at("2027-07-01T07:00:00Z")},
            "Once at 09:00 on 2027-07-01, Europe/Berlin time",
            "于 2027-07-01 09:00 执行一次（Europe/Berlin 时间）"},
           {{.kind = ScheduleKind::once, .at = at("2027-07-01T07:00:01.5Z")},
            "Once at 07:00:01.500 on 2027-07-01, UTC",
            "于 2027-07-01 07:00:01.500 执行一次（UTC）"},
           {{.kind = ScheduleKind::once, .delay = minutes(10)},
            "Once, 10 minutes after it is saved",
            "保存后 10 分钟执行一次"},
           {{.kind = ScheduleKind::after_run, .after = {.name = "extract"}},
            "After job extract has succeeded",
            "任务 extract 成功后"},
           {{.kind = ScheduleKind::after_run,
             .after = {.kind = DefinitionKind::workflow,
                       .name_space = "finance",
                       .name = "nightly",
                       .states = {RunState::failed, RunState::cancelled, RunState::timed_out}}},
            "After workflow finance/nightly has failed, been cancelled or timed out",
            "工作流 finance/nightly 失败、被取消或超时后"},
           {{.kind = ScheduleKind::after_run,
             .after = {.name = "extract",
                       .states = {RunState::succeeded, RunState::failed, RunState::cancelled,
                                  RunState::timed_out, RunState::expired, RunState::skipped}}},
            "After job extract has ended",
            "任务 extract 结束后"},
       }) {
    EXPECT_EQ(sentence(schedule, kHash, Language::english), english);
    EXPECT_EQ(sentence(schedule, kHash, Language::chinese), chinese);
  }
}

TEST(Sentence, SaysItsBoundsJitterAndCalendars) {  // S4.5
  const Instant start = at("2026-12-31T23:00:00Z");
  const Instant end = at("2027-07-01T10:30:00Z");
  Schedule with_calendars{.cron = "30 2 * * *", .jitter = seconds(30)};
  with_calendars.include = {"office", "plant"};
  with_calendars.exclude = {"holidays"};
  for (const auto& [schedule, english, chinese] : {
           OfSchedule{
               {.cron = "30 2 * * *", .timezone = "Europe/Berlin", .start = start, .end = end},
               "At 02:30 every day, Europe/Berlin time, from 2027-01-01 00:00 until "
               "2027-07-01 12:30",
               "每天 02:30（Europe/Berlin 时间），自 2027-01-01 00:00 起至 2027-07-01 12:30 止"},
           {{.kind = ScheduleKind::fixed_rate, .every = seconds(90), .start = start},
            "Every 90 seconds, from 2026-12-31 23:00, UTC",
            "每 90 秒，自 2026-12-31 23:00 起（UTC）"},
           {{.cron = "*/5 * * * *", .end = end},
            "Every 5 minutes, until 2027-07-01 10:30, UTC",
            "每 5 分钟，至 2027-07-01 10:30 止（UTC）"},
           {with_calendars,
            "At 02:30 every day, UTC, up to 30 seconds later, only within calendar office or "
            "plant, except within calendar holidays",
            "每天 02:30（UTC），最多推迟 30 秒，仅限日历 office 或 plant 之内，日历 holidays "
            "之内除外"},
       }) {
    EXPECT_EQ(sentence(schedule, kHash, Language::english), english);
    EXPECT_EQ(sentence(schedule, kHash, Language::chinese), chinese);
  }
}

// A sentence for whatever can be read.
TEST(Sentence, IsThereForEveryExpression) {
  std::mt19937 random(49);
  const auto one_of = [&](std::initializer_list<const char*> words) {
    return std::string(*(words.begin() + random() % words.size())) + " ";
  };
  int said = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string expression =
        one_of({"0", "*", "*/7", "H", "5,6,7,20-30"}) +
        one_of({"0", "*", "*/15", "7/9", "H(3-9)", "1,2,3,50"}) +
        one_of({"0", "*", "*/5", "9-17", "1,3-5,9", "0,1,2,3,4,6,9,20"}) +
        one_of({"*", "?", "1-31", "31", "L", "L-3,LW", "L-3W,L-1W", "1W,15W,2-4,9", "*/3", "H"}) +
        one_of({"*", "2", "3-5", "1,6,7", "*/2"}) +
        one_of({"*", "?", "MON-FRI", "SUN", "MON#2,FRIL,SAT,SUN,TUE", "THU#5", "*/2"}) +
        one_of({"", "*", "2027", "2027-2031", "2030/3", "2027,2029"});
    const auto cron = Cron::parse(expression, CronDialect::by_fields, kHash);
    if (cron) {
      ++said;
      for (const Language language : {Language::english, Language::chinese}) {
        const std::string text = sentence(*cron, language);
        EXPECT_FALSE(text.empty() || text.find("  ") != std::string::npos) << expression << text;
      }
    }
  }
  EXPECT_GT(said, 1000);
}

TEST(Sentence, IsNoneForWhatCannotBeRead) {
  for (const Schedule& schedule :
       {Schedule{.cron = "nonsense"}, Schedule{.cron = "30 2 * * *", .timezone = "Nowhere"},
        Schedule{.kind = ScheduleKind::fixed_rate}, Schedule{.cron = "@every soon"},
        Schedule{.kind = ScheduleKind::once, .timezone = "Nowhere", .delay = seconds(1)}}) {
    EXPECT_EQ(sentence(schedule, kHash, Language::english), "");
  }
}

// The notes for the next due instants, a line each.
std::string notes(const char* cron,
                  const char* zone_name,
                  const char* after,
                  Language language = Language::english,
                  GapRule gap = GapRule::run_after,
                  RepeatRule repeat = RepeatRule::first,
                  int next = 5) {
  const auto table = Timetable::make(
      {.cron = cron, .timezone = zone_name, .gap = gap, .repeat = repeat}, {}, kHash);
  std::vector<Instant> due;
  for (Instant now = at(after); static_cast<int>(due.size()) < next;) {
    now = table->next_after(now);
    due.push_back(now);
  }
  std::string text;
  for (const std::string& note :
       clock_notes(*table->cron(), *table->zone(), gap, repeat, at(after), due, language)) {
    text += (text.empty() ? "" : "\n") + note;
  }
  return text;
}

TEST(ClockNotes, SayWhatTheClockDoesToFixedTimes) {  // S4.4, S4.9
  const char* spring = "2027-03-26T12:00:00Z";
  const char* autumn = "2027-10-29T12:00:00Z";
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", spring),
            "02:30 does not exist on 2027-03-28: runs at 03:00");
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", spring, Language::chinese),
            "2027-03-28 没有 02:30：改在 03:00 执行");
  EXPECT_EQ(notes("0,30 2 * * *", "Europe/Berlin", spring),
            "02:00 and 02:30 do not exist on 2027-03-28: runs at 03:00");
  EXPECT_EQ(notes("*/5 2,3 * * *", "Europe/Berlin", "2027-03-28T00:50:00Z"),
            "02:00 to 02:55 do not exist on 2027-03-28: runs at 03:00");
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", autumn),
            "02:30 comes twice on 2027-10-31: runs at the first");
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", autumn, Language::chinese),
            "2027-10-31 会出现两次 02:30：仅第一次执行");
  EXPECT_EQ(notes("15 1,2 * * *", "America/New_York", "2027-11-06T12:00:00Z"),
            "01:15 comes twice on 2027-11-07: runs at the first");
  // Lord Howe's clock moves by half an hour, Apia's skipped a day, Santiago's skips midnight.
  EXPECT_EQ(notes("0,15,45 2 * * *", "Australia/Lord_Howe", "2027-10-01T12:00:00Z"),
            "02:00 and 02:15 do not exist on 2027-10-03: runs at 02:30");
  EXPECT_EQ(notes("30 9 * * *", "Pacific/Apia", "2011-12-28T12:00:00Z"),
            "09:30 does not exist on 2011-12-30: runs at 2011-12-31 00:00");
  EXPECT_EQ(notes("0 0 * * *", "America/Santiago", "2027-09-03T12:00:00Z"),
            "00:00 does not exist on 2027-09-05: runs at 01:00");
  EXPECT_EQ(notes("15 30 2 * * *", "Europe/Berlin", spring),
            "02:30:15 does not exist on 2027-03-28: runs at 03:00:00");
}

TEST(ClockNotes, FollowTheChosenRules) {  // S4.4
  const char* spring = "2027-03-26T12:00:00Z";
  const char* autumn = "2027-10-29T12:00:00Z";
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", spring, Language::english, GapRule::skip),
            "02:30 does not exist on 2027-03-28: does not run");
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", spring, Language::chinese, GapRule::skip),
            "2027-03-28 没有 02:30：不执行");
  for (const auto& [rule, english, chinese] :
       {std::tuple{RepeatRule::second, "the second", "仅第二次执行"},
        {RepeatRule::both, "both", "两次都执行"}}) {
    EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", autumn, Language::english, GapRule::skip, rule),
              std::string("02:30 comes twice on 2027-10-31: runs at ") + english);
    EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", autumn, Language::chinese, GapRule::skip, rule),
              std::string("2027-10-31 会出现两次 02:30：") + chinese);
  }
}

TEST(ClockNotes, SpeakOfTheGivenInstantsOnly) {
  EXPECT_EQ(notes("30 2 * * *", "UTC", "2027-03-26T12:00:00Z"), "");
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", "2027-03-28T12:00:00Z"), "");
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", "2027-03-22T12:00:00Z"), "");
  EXPECT_EQ(notes("30 4 * * *", "Europe/Berlin", "2027-03-26T12:00:00Z"), "");
  // Interval-like ones go by what the clock shows.
  EXPECT_EQ(notes("30 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z"), "");
  // The last one is due at the first pass, before the clock goes back.
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", Language::english,
                  GapRule::run_after, RepeatRule::first, 1),
            "02:30 comes twice on 2027-10-31: runs at the first");
  EXPECT_EQ(notes("30 2 * * *", "Europe/Berlin", "2027-03-01T12:00:00Z", Language::english,
                  GapRule::run_after, RepeatRule::first, 300),
            "02:30 does not exist on 2027-03-28: runs at 03:00\n"
            "02:30 comes twice on 2027-10-31: runs at the first");
  const auto cron = *Cron::parse("30 2 * * *", CronDialect::by_fields, 0);
  EXPECT_TRUE(clock_notes(cron, **find_zone("Europe/Berlin"), GapRule::skip, RepeatRule::both, {},
                          {}, Language::english)
                  .empty());
}

}  // namespace
}  // namespace jobflow::schedule
