#include "schedule/openings.h"

#include "model/limits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jobflow::schedule {
namespace {

Instant at(const char* text) {
  return *parse_rfc3339(text);
}

CalendarRow row(const std::string& name, int revision, const std::string& spec, Instant updated) {
  static std::int64_t number = 0;
  return {.number = ++number,
          .name_space = "default",
          .name = name,
          .revision = revision,
          .document = R"({"metadata":{},"spec":)" + spec + "}",
          .updated = updated};
}

CalendarBook book_of(const std::vector<CalendarRow>& rows) {
  CalendarBook book;
  for (const CalendarRow& one : rows) {
    book.take(one);
  }
  return book;
}

Schedule every(Span span, std::vector<std::string> include, std::vector<std::string> exclude) {
  return {.kind = ScheduleKind::fixed_rate,
          .every = span,
          .start = at("2026-01-01T00:00:00Z"),
          .include = std::move(include),
          .exclude = std::move(exclude)};
}

Timetable times_of(const Schedule& schedule) {
  return *Timetable::make(schedule, {}, 0);
}

constexpr const char* kNights = R"({"weekly":[{"from":"22:00","to":"06:00"}]})";
constexpr const char* kWorkdays = R"({"weekly":[{"days":["MON-FRI"]}]})";

// S4.5: within one of those it includes, and within none that it excludes.
TEST(Openings, AreWithinWhatIsIncludedAndWithoutWhatIsExcluded) {
  const CalendarBook book = book_of({row("nights", 1, kNights, {}), row("work", 1, kWorkdays, {}),
                                     row("holidays", 1, R"({"dates":["2026-01-06"]})", {})});
  const auto open =
      Openings::make(every(hours(1), {"work"}, {"nights", "holidays"}), "default", book);
  ASSERT_TRUE(open);
  EXPECT_TRUE(open->covers(at("2026-01-05T12:00:00Z"))) << "a Monday";
  EXPECT_FALSE(open->covers(at("2026-01-05T23:00:00Z"))) << "its night";
  EXPECT_FALSE(open->covers(at("2026-01-06T12:00:00Z"))) << "a holiday";
  EXPECT_FALSE(open->covers(at("2026-01-04T12:00:00Z"))) << "a Sunday";
  EXPECT_EQ(open->changes_after(at("2026-01-05T12:00:00Z")), at("2026-01-05T22:00:00Z"));
  EXPECT_TRUE(Openings::make(every(hours(1), {}, {}), "default", CalendarBook{})->are_always());
}

TEST(Openings, SayWhichCalendarIsNotThere) {
  CalendarBook book = book_of({row("holidays", 1, "{}", {})});
  const auto wrong = Openings::make(every(hours(1), {}, {"holiday"}), "default", book);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.problem().detail,
            "there is no calendar 'holiday' in namespace 'default': did you mean 'holidays'?");
  EXPECT_FALSE(Openings::make(every(hours(1), {}, {"holidays"}), "finance", book));
  CalendarRow gone = row("holidays", 2, "{}", {});
  gone.deleted = true;
  book.take(gone);
  EXPECT_FALSE(Openings::make(every(hours(1), {}, {"holidays"}), "default", book));
  book.take(row("holidays", 3, R"({"timezone":"Mars/Olympus"})", {}));
  const auto unread = Openings::make(every(hours(1), {}, {"holidays"}), "default", book);
  ASSERT_FALSE(unread);
  EXPECT_NE(unread.problem().detail.find("cannot be read"), std::string::npos);
  book.take(row("holidays", 4, "{}", {}));
  EXPECT_TRUE(Openings::make(every(hours(1), {"holidays"}, {}), "default", book)->are_never());
}

// S4.8: an instant goes by the revision that held then, whenever it is judged.
TEST(Openings, GoByTheRevisionThatHeldAtTheInstant) {
  const Instant noon = at("2026-01-05T12:00:00Z");
  CalendarBook book =
      book_of({row("off", 1, R"({"dates":["2026-01-05"]})", at("2026-01-01T00:00:00Z")),
               row("off", 2, "{}", noon)});
  const auto open = *Openings::make(every(hours(1), {}, {"off"}), "default", book);
  EXPECT_FALSE(open.covers(noon - milliseconds(1)));
  EXPECT_TRUE(open.covers(noon));
  EXPECT_EQ(open.changes_after(noon - hours(2)), noon);
  EXPECT_TRUE(open.changed_near(noon + seconds(5), seconds(5)));
  EXPECT_FALSE(open.changed_near(noon + seconds(6), seconds(5)));
  EXPECT_EQ(open.known_from(), Instant{INT64_MIN});
  for (int revision = 3; revision < 3 + limits::kCalendarRevisions; ++revision) {
    book.take(row("off", revision, "{}", noon + hours(revision)));
  }
  EXPECT_EQ(book.find("default", "off")->revisions.size(),
            static_cast<std::size_t>(limits::kCalendarRevisions));
  EXPECT_EQ(Openings::make(every(hours(1), {}, {"off"}), "default", book)->known_from(),
            noon + hours(3));
}

TEST(Openings, AreLookedForByStretches) {
  const CalendarBook book = book_of({row("nights", 1, kNights, {})});
  const Schedule schedule = every(milliseconds(100), {}, {"nights"});
  const auto open = *Openings::make(schedule, "default", book);
  const Timetable times = times_of(schedule);
  const auto stretches =
      due_groups(times, open, at("2026-01-05T21:59:59.900Z"), at("2026-01-07T06:00:00Z"));
  ASSERT_EQ(stretches.size(), 5U);
  EXPECT_EQ(stretches[0].count, 1);
  EXPECT_EQ(stretches[1].count, 8 * 36'000);
  EXPECT_FALSE(stretches[1].is_open);
  EXPECT_EQ(stretches[2].count, 16 * 36'000);
  EXPECT_EQ(stretches[4].from, at("2026-01-07T06:00:00Z"));
  const OpenLook look =
      next_open(times, open, at("2026-01-05T22:00:00Z"), at("2026-01-06T22:00:00Z"));
  EXPECT_TRUE(look.is_open);
  EXPECT_EQ(look.at, at("2026-01-06T06:00:00Z"));
  EXPECT_FALSE(
      next_open(times, open, at("2026-01-05T22:00:00Z"), at("2026-01-06T05:00:00Z")).is_open);
}

// Bad input: ten thousand stretches, each with an instant that it keeps from running, and a
// calendar that never opens again. A look has an end.
TEST(Openings, AreLookedForWithinABound) {
  std::string dates;
  for (int day = 0; day < limits::kCalendarDates; ++day) {
    const std::string date = to_rfc3339(at("2026-01-01T00:00:00Z") + hours(48 * day)).substr(0, 10);
    dates += (dates.empty() ? "\"" : ",\"") + date + "\"";
  }
  const CalendarBook book =
      book_of({row("off", 1, R"({"dates":[)" + dates + "]}", {}), row("never", 1, "{}", {})});
  const Schedule schedule = every(hours(48), {}, {"off"});
  const auto open = *Openings::make(schedule, "default", book);
  const OpenLook look = next_open(times_of(schedule), open, schedule.start, kNever);
  EXPECT_FALSE(look.is_open);
  EXPECT_EQ(look.at, schedule.start + hours(48 * limits::kCalendarSteps));
  EXPECT_EQ(
      due_groups(times_of(schedule), open, schedule.start, schedule.start + hours(480'000)).size(),
      1U)
      << "neighbours are one stretch";
  const Schedule other = every(hours(1), {"never"}, {});
  const OpenLook never =
      next_open(times_of(other), *Openings::make(other, "default", book), other.start, kNever);
  EXPECT_FALSE(never.is_open);
  EXPECT_EQ(never.at, kNever);
}

}  // namespace
}  // namespace jobflow::schedule
