// Calendars reach every shard: of the member that changed one at once, of the others by their next
// look (S4.5, house 3a).
#include "runtime/testing/cluster_stage.h"
#include "store/fault_store.h"

#include <gtest/gtest.h>

namespace jobflow::runtime {
namespace {

using testing::ClusterStage;
using testing::HallStage;

constexpr const char* kAlways = R"({"spec":{"weekly":[{}]}})";
constexpr const char* kNever = R"({"spec":{}})";
constexpr const char* kJob = R"({"handler":"h","triggers":[{"every":"1m","exclude":["off"]}]})";

void save_calendar(store::Store& store, int revision, const std::string& document, Instant now) {
  store.save_calendar({.name_space = "default",
                       .name = "off",
                       .revision = revision,
                       .document = document,
                       .updated = now},
                      [](const Outcome<Done>& done) { EXPECT_TRUE(done); });
}

std::size_t runs(store::Store& store) {
  std::size_t count = 0;
  store.list_runs({}, [&](const Outcome<std::vector<RunRow>>& rows) { count = rows->size(); });
  return count;
}

bool refresh(HallStage& stage) {
  bool is_done = false;
  stage.hall->refresh_calendars([&](const Outcome<Done>& done) { is_done = done.ok(); });
  stage.time.settle();
  return is_done;
}

TEST(HallCalendars, AChangeIsHeededWhenItIsAnswered) {
  auto store = store::make_memory_store();
  HallStage stage(*store);
  ASSERT_TRUE(stage.start().ok());
  save_calendar(*store, 1, kAlways, stage.time.now());
  ASSERT_TRUE(refresh(stage));
  EXPECT_EQ(stage.hall->calendars()->number(), 1);
  stage.save_job("j", kJob);
  stage.time.advance(minutes(5) + seconds(1));
  EXPECT_EQ(runs(*store), 0U);
  save_calendar(*store, 2, kNever, stage.time.now());
  ASSERT_TRUE(refresh(stage));
  stage.time.advance(minutes(2));
  EXPECT_EQ(runs(*store), 2U);
}

// S4.5: though it cannot be read at once, and a member alone looks at nobody's changes.
TEST(HallCalendars, AChangeThatCannotBeReadIsReadAgain) {
  store::FaultStore store(store::make_memory_store(), {});
  HallStage stage(store);
  ASSERT_TRUE(stage.start().ok());
  save_calendar(store, 1, kAlways, stage.time.now());
  store.set({.read = [] { return store::ReadFault::fails; }});
  EXPECT_FALSE(refresh(stage));
  stage.time.advance(seconds(2));
  store.set({});
  stage.time.advance(seconds(1));
  EXPECT_EQ(stage.hall->calendars()->number(), 1);
}

// No shard decides before they are there.
TEST(HallCalendars, AreReadBeforeTheFirstShard) {
  store::FaultStore store(store::make_memory_store(), {});
  {
    HallStage before(store);
    ASSERT_TRUE(before.start().ok());
    save_calendar(store, 1, kAlways, before.time.now());
    ASSERT_TRUE(refresh(before));
    before.save_job("j", kJob);
  }
  int reads = 0;
  store.set({.read = [&] {
    return ++reads == 2 ? store::ReadFault::fails : store::ReadFault::none;  // the calendars
  }});
  HallStage after(store, Instant{1'700'000'000'000} + hours(1));
  EXPECT_FALSE(after.start());
  after.time.advance(seconds(1));
  ASSERT_TRUE(after.hall->ready()) << after.hall->not_ready_reason();
  EXPECT_GT(reads, 3);
  EXPECT_EQ(after.hall->calendars()->number(), 1);
  after.time.advance(minutes(3));
  EXPECT_EQ(runs(store), 0U);
}

TEST(HallCalendars, OtherMembersHeedAChangeByTheirNextLook) {
  ClusterStage stage;
  stage.start("a");
  stage.start("b");
  stage.advance(seconds(3));
  save_calendar(stage.store("a"), 1, kAlways, stage.now());
  stage.advance(limits::kMemberLook * 2);
  for (const char* member : {"a", "b"}) {
    EXPECT_EQ(stage.hall(member).calendars()->number(), 1) << member;
  }
  for (const char* name : {"j1", "j2", "j3", "j4", "j5", "j6", "j7", "j8"}) {  // of both members
    stage.save_job("a", name, kJob);
  }
  stage.advance(minutes(2) + seconds(1));
  EXPECT_TRUE(stage.runs().empty());
  save_calendar(stage.store("b"), 2, kNever, stage.now());
  stage.advance(minutes(1));
  EXPECT_EQ(stage.runs().size(), 8U);
}

}  // namespace
}  // namespace jobflow::runtime
