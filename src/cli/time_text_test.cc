#include "cli/time_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace jobflow::cli {
namespace {

constexpr Instant kNow{1'795'368'784'120};  // 2026-11-22T17:33:04.120Z

TEST(TimeText, LocalTimeIsThePersonsOwn) {
  ::setenv("TZ", "UTC-3", 1);
  ::tzset();
  EXPECT_EQ(local_text(kNow), "2026-11-22 20:33:04");
  EXPECT_EQ(local_clock_text(kNow), "20:33:04.120");
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  EXPECT_EQ(local_clock_text(kNow), "17:33:04.120");
  EXPECT_EQ(local_text({}), "");
}

TEST(TimeText, RelativeTimeGoesBothWays) {
  EXPECT_EQ(relative_text(kNow - milliseconds(400), kNow), "just now");
  EXPECT_EQ(relative_text(kNow - seconds(59), kNow), "59 s ago");
  EXPECT_EQ(relative_text(kNow - minutes(3), kNow), "3 min ago");
  EXPECT_EQ(relative_text(kNow + hours(5), kNow), "in 5 h");
  EXPECT_EQ(relative_text(kNow - days(40), kNow), "40 d ago");
  EXPECT_EQ(relative_text({}, kNow), "");
}

TEST(TimeText, SpansKeepTwoUsefulUnits) {
  EXPECT_EQ(span_text(milliseconds(7)), "0.01 s");
  EXPECT_EQ(span_text(milliseconds(1234)), "1.2 s");
  EXPECT_EQ(span_text(milliseconds(59'949)), "59.9 s");
  EXPECT_EQ(span_text(milliseconds(59'951)), "0 min 59 s");
  EXPECT_EQ(span_text(seconds(125)), "2 min 05 s");
  EXPECT_EQ(span_text(minutes(192)), "3 h 12 min");
  EXPECT_EQ(span_text(hours(52)), "2 d 4 h");
  EXPECT_EQ(span_text(milliseconds(-5)), "0.00 s");
}

}  // namespace
}  // namespace jobflow::cli
