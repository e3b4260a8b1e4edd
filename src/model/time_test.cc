#include "model/time.h"

#include "model/civil.h"
#include "model/limits.h"

#include <gtest/gtest.h>

#include <random>

namespace jobflow {
namespace {

TEST(Time, WritesRfc3339InUtcWithMilliseconds) {
  EXPECT_EQ(to_rfc3339({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339({1'795'368'784'120}), "2026-11-22T17:33:04.120Z");
  EXPECT_EQ(to_rfc3339({951'782'400'000}), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339({-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(kNever), "9999-12-31T23:59:59.999Z");
}

TEST(Time, ReadsEveryOffset) {
  const std::int64_t ms = 1'795'368'784'000;
  for (const char* text :
       {"2026-11-22T17:33:04Z", "2026-11-22T17:33:04.000Z", "2026-11-22t17:33:04z",
        "2026-11-22 17:33:04Z", "2026-11-22T18:33:04+01:00", "2026-11-22T12:03:04-05:30",
        "2026-11-23T07:33:04+14:00", "2026-11-22T17:33:04.000999999Z"}) {
    const auto read = parse_rfc3339(text);
    ASSERT_TRUE(read.ok()) << text << ": " << read.problem().detail;
    EXPECT_EQ(read->ms, ms) << text;
  }
  EXPECT_EQ(parse_rfc3339("2026-11-22T17:33:04.5Z")->ms, ms + 500);
}

TEST(Time, RefusesWhatIsNoInstant) {
  for (const char* text : {"",
                           "2026",
                           "2026-11-22",
                           "2026-11-22T17:33:04",
                           "2026-11-22T17:33Z",
                           "2026-13-22T17:33:04Z",
                           "2026-02-29T00:00:00Z",
                           "2026-11-31T00:00:00Z",
                           "2026-11-22T24:00:00Z",
                           "2026-11-22T17:60:04Z",
                           "2026-11-22T17:33:60Z",
                           "2026-11-22T17:33:04.Z",
                           "2026-11-22T17:33:04+0100",
                           "2026-11-22T17:33:04+25:00",
                           "2026-11-22T17:33:04Zx",
                           "1969-12-31T23:59:59Z",
                           "2100-01-01T00:00:00Z",
                           "+026-11-22T17:33:04Z",
                           "2026-11-22T17:33:04.1234567890Z",
                           "1970-01-01T00:30:00+01:00"}) {
    EXPECT_FALSE(parse_rfc3339(text).ok()) << text;
  }
}

TEST(Time, RoundTripsAnyInstant) {
  std::mt19937_64 random(20261122);
  std::uniform_int_distribution<std::int64_t> any(0, 4'102'444'799'999);
  for (int i = 0; i < 20'000; ++i) {
    const Instant instant{any(random)};
    const auto read = parse_rfc3339(to_rfc3339(instant));
    ASSERT_TRUE(read.ok()) << instant.ms;
    ASSERT_EQ(read->ms, instant.ms);
  }
}

TEST(Time, CalendarCountsEveryDay) {
  CivilDate date{1970, 1, 1};
  for (std::int64_t day = 0; day < 50'000; ++day) {
    ASSERT_EQ(civil_from_days(day), date) << day;
    ASSERT_EQ(days_from_civil(date), day);
    if (++date.day > days_in_month(date.year, date.month)) {
      date.day = 1;
      if (++date.month > 12) {
        date = {date.year + 1, 1, 1};
      }
    }
  }
  EXPECT_EQ(weekday_of(days_from_civil({2026, 11, 22})), 0);  // a Sunday
}

struct SpanCase {
  const char* text;
  std::int64_t ms;
};

TEST(Span, ReadsUnitsIsoAndBareMilliseconds) {
  for (const auto& [text, ms] : {SpanCase{"250ms", 250},
                                 {"90s", 90'000},
                                 {"5m", 300'000},
                                 {"2h", 7'200'000},
                                 {"7d", 604'800'000},
                                 {"1h30m", 5'400'000},
                                 {"1m30s250ms", 90'250},
                                 {"1.5s", 1500},
                                 {"0.25h", 900'000},
                                 {"0", 0},
                                 {"1500", 1500},
                                 {"PT90S", 90'000},
                                 {"P1DT2H", 93'600'000},
                                 {"P2W", 1'209'600'000},
                                 {"PT1M30S", 90'000},
                                 {"PT0.5S", 500},
                                 {"P1D", 86'400'000}}) {
    const auto read = parse_span(text);
    ASSERT_TRUE(read.ok()) << text << ": " << read.problem().detail;
    EXPECT_EQ(read->ms, ms) << text;
  }
}

TEST(Span, RefusesWhatIsNoDuration) {
  for (const char* text : {"",
                           "s",
                           "-1s",
                           "1 s",
                           "1x",
                           "1s1h",
                           "1s1s",
                           "1.2.3s",
                           ".5s",
                           "5.s",
                           "1.0001s",
                           "0.5ms",
                           "P",
                           "PT",
                           "P1DT",
                           "P1Y",
                           "P1M",
                           "PT1H1D",
                           "90S",
                           "1e3",
                           "99999999999999999999",
                           "9999999999d",
                           "36501d",
                           " 90s"}) {
    EXPECT_FALSE(parse_span(text).ok()) << text;
  }
}

TEST(Span, IsWrittenInTheLargestWholeUnit) {
  EXPECT_EQ(to_text(seconds(90)), "90s");
  EXPECT_EQ(to_text(minutes(5)), "5m");
  EXPECT_EQ(to_text(milliseconds(250)), "250ms");
  EXPECT_EQ(to_text(hours(48)), "2d");
  EXPECT_EQ(to_text(Span{}), "0s");
  std::mt19937_64 random(7);
  for (int i = 0; i < 5000; ++i) {
    const Span span{static_cast<std::int64_t>(
        random() % static_cast<std::uint64_t>(limits::kSpanMax.ms) >> (i % 40))};
    ASSERT_EQ(parse_span(to_text(span))->ms, span.ms);
  }
}

}  // namespace
}  // namespace jobflow
