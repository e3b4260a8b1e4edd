#include "schedule/warnings.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jobflow::schedule {
namespace {

Instant at(const char* text) {
  return *parse_rfc3339(text);
}
const Instant kNow = at("2026-11-23T12:00:00Z");

// One a line.
std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) {
    all += (all.empty() ? "" : "\n") + text;
  }
  return all;
}

std::string warnings(const Schedule& schedule, const CalendarBook& book = CalendarBook()) {
  const auto times = Timetable::make(schedule, kNow, 7);
  EXPECT_TRUE(times.ok());
  return times ? joined(trigger_warnings(schedule, *times, "default", book, kNow)) : "";
}
std::string cron_warnings(const char* cron, const char* zone) {
  return warnings({.cron = cron, .timezone = zone});
}

TEST(Warnings, SayWhatTheClockDoesToFixedTimes) {  // S4.4
  EXPECT_EQ(cron_warnings("30 2 * * *", "Europe/Berlin"),
            "the clock of Europe/Berlin: 02:30 does not exist on 2027-03-28: runs at 03:00; with "
            "'gap: skip' it would not run\n"
            "the clock of Europe/Berlin: 02:30 comes twice on 2027-10-31: runs at the first; "
            "'repeat: second' or 'repeat: both' would choose otherwise");
  EXPECT_EQ(warnings({.cron = "30 2 * * *",
                      .timezone = "Europe/Berlin",
                      .gap = GapRule::skip,
                      .repeat = RepeatRule::both}),
            "the clock of Europe/Berlin: 02:30 does not exist on 2027-03-28: does not run\n"
            "the clock of Europe/Berlin: 02:30 comes twice on 2027-10-31: runs at both");
  EXPECT_NE(cron_warnings("CRON_TZ=America/Santiago 0 0 * * *", "UTC")
                .find("00:00 does not exist on 2027-09-05: runs at 01:00"),
            std::string::npos);
  EXPECT_NE(cron_warnings("15 2 * * SUN", "Australia/Lord_Howe")
                .find("02:15 does not exist on 2027-10-03: runs at 02:30"),
            std::string::npos);
}

TEST(Warnings, AreNoneWhereTheClockTouchesNothing) {  // S4.4
  EXPECT_EQ(cron_warnings("30 2 * * *", "UTC"), "");
  EXPECT_EQ(cron_warnings("30 4 * * *", "Europe/Berlin"), "");
  EXPECT_EQ(cron_warnings("30 2 15 * *", "Europe/Berlin"), "") << "never a day of a change";
  EXPECT_EQ(cron_warnings("30 * * * *", "Europe/Berlin"), "") << "goes by what the clock shows";
  EXPECT_EQ(warnings({.cron = "30 2 * * *",
                      .timezone = "Europe/Berlin",
                      .start = at("2027-04-01T00:00:00Z"),
                      .end = at("2027-10-01T00:00:00Z")}),
            "")
      << "valid between two changes";
  EXPECT_EQ(warnings({.kind = ScheduleKind::fixed_delay, .every = seconds(5)}), "");
}

TEST(Warnings, SayWhatWillNotFireAnyMore) {  // S4.2, S4.5
  const std::string over = "all of its instants are past: it will not fire any more";
  EXPECT_EQ(warnings({.kind = ScheduleKind::once, .at = at("2026-11-23T11:00:00Z")}), over);
  EXPECT_EQ(cron_warnings("0 0 0 1 1 ? 2020", "UTC"), over);
  EXPECT_EQ(warnings({.kind = ScheduleKind::once, .at = at("2026-11-23T13:00:00Z")}), "");

  CalendarBook book;
  std::int64_t number = 0;
  for (const auto& [name, spec] : {std::pair{"past", R"({"dates":["2025-12-25"]})"},
                                   {"always", R"({"weekly":[{}]})"},
                                   {"sundays", R"({"weekly":[{"days":["SUN"]}]})"}}) {
    book.take({.number = ++number,
               .name_space = "default",
               .name = name,
               .revision = 1,
               .document = std::string(R"({"metadata":{},"spec":)") + spec + "}"});
  }
  const std::string closed =
      "its calendars let none of its instants through: as they are, it will not fire any more";
  EXPECT_EQ(warnings({.cron = "0 12 * * *", .include = {"past"}}, book), closed);
  EXPECT_EQ(warnings({.cron = "0 12 * * *", .exclude = {"always"}}, book), closed);
  EXPECT_EQ(warnings({.cron = "0 12 * * MON-SAT", .include = {"sundays"}}, book), closed);
  EXPECT_EQ(warnings({.cron = "0 12 * * *", .include = {"sundays"}}, book), "");
  EXPECT_EQ(warnings({.cron = "0 12 * * *", .include = {"nobody"}}, book), "");
}

TEST(Warnings, OfACalendarThatCoversNothingOrEverything) {  // S4.5
  const auto of = [](const char* spec) {
    return joined(calendar_warnings(*Calendar::read(*parse_json(spec)), kNow));
  };
  EXPECT_EQ(of("{}"),
            "it covers nothing: a trigger that includes only it never fires, and to exclude it "
            "changes nothing");
  EXPECT_EQ(of(R"({"dates":["2025-12-25"]})"),
            "all that it covers is past: a trigger that includes only it will not fire any more, "
            "and to exclude it changes nothing");
  EXPECT_EQ(of(R"({"weekly":[{}]})"),
            "it covers all time to come: a trigger that excludes it never fires, and to include "
            "it changes nothing");
  EXPECT_EQ(of(R"({"dates":["2026-11-23/2099-12-31"]})"), of(R"({"weekly":[{}]})"));
  EXPECT_EQ(of(R"({"dates":["2026-12-25"]})"), "");
  EXPECT_EQ(of(R"({"weekly":[{"days":["SUN"]}]})"), "");
}

}  // namespace
}  // namespace jobflow::schedule
