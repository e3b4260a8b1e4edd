// The exam, sixth part: calendars, each with all its revisions (S4.5, house 3a).
#include "store/testing/store_conformance.h"

#include <gmock/gmock.h>

namespace jobflow::store::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

CalendarRow calendar(std::int64_t number, const std::string& name, int revision) {
  return {.number = number,
          .name_space = "default",
          .name = name,
          .revision = revision,
          .title = "Days off",
          .document = R"({"spec":{"dates":["2026-12-24"]}})",
          .updated = {1'000 * revision},
          .principal = "token:admin"};
}

TEST_P(StoreConformance, S4_5_ACalendarKeepsEveryRevision) {
  EXPECT_EQ(desk.read_cluster().calendars, 0);
  const CalendarRow first = calendar(1, "off", 1), second = calendar(2, "off", 2);
  CalendarRow gone = calendar(3, "off", 3), other = calendar(4, "off", 1);
  gone.deleted = true;
  other.name_space = "finance";
  for (const CalendarRow& row : {first, second, gone, other}) {
    ASSERT_TRUE(desk.save_calendar(row));
    EXPECT_EQ(desk.read_cluster().calendars, row.number) << "whoever looks sees that it changed";
  }
  EXPECT_THAT(desk.list_calendars({}), ElementsAre(gone, other));
  EXPECT_THAT(desk.list_calendars({.newest = 2}), ElementsAre(second, gone, other));
  EXPECT_THAT(desk.list_calendars({.newest = 9, .after = 2}), ElementsAre(gone, other));
  EXPECT_THAT(desk.list_calendars({.newest = 9, .limit = 1}), ElementsAre(first));
  EXPECT_THAT(desk.list_calendars({.name_space = "finance"}), ElementsAre(other));
  EXPECT_THAT(desk.list_calendars({.name_space = "default", .name = "off", .revision = 2}),
              ElementsAre(second));
  EXPECT_THAT(desk.list_calendars({.name = "of"}), IsEmpty());
  CalendarRow bare = other;
  bare.document.clear();
  EXPECT_THAT(desk.list_calendars({.name_space = "finance", .with_document = false}),
              ElementsAre(bare));
}

TEST_P(StoreConformance, ARevisionOfACalendarIsTheNextOneOrNone) {
  auto another_handle = database->open();
  Desk another(*another_handle);
  EXPECT_EQ(desk.save_calendar(calendar(0, "off", 2)).problem().code,
            ProblemCode::revision_mismatch);
  ASSERT_TRUE(desk.save_calendar(calendar(0, "off", 1)));
  EXPECT_EQ(another.save_calendar(calendar(0, "off", 1)).problem().code,
            ProblemCode::revision_mismatch);
  ASSERT_TRUE(another.save_calendar(calendar(0, "off", 2)));
  EXPECT_EQ(desk.save_calendar(calendar(0, "off", 2)).problem().code,
            ProblemCode::revision_mismatch);
  EXPECT_EQ(desk.save_calendar(calendar(0, "", 1)).problem().code, ProblemCode::store_refused);
  EXPECT_THAT(desk.list_calendars({.newest = 9}),
              ElementsAre(calendar(1, "off", 1), calendar(2, "off", 2)));
}

}  // namespace
}  // namespace jobflow::store::testing
