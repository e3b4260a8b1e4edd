#include "api/testing/api_stage.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

using testing::ApiStage;
using testing::must_hold;

TEST(BackfillRoutes, WhatIsAskedForReachesTheHall) {
  ApiStage stage;
  stage.post("/api/v1/triggers/9/backfill",
             R"({"from":"2025-11-01T00:00:00Z","to":"2025-11-02T00:00:00+01:00",)"
             R"("order":"newest_first","max_parallel":7,"overlap":"wait","on_failure":"pause",)"
             R"("params":{"day":1}})");
  ASSERT_EQ(stage.hall->commands.size(), 1U);
  const auto& ask = std::get<engine::StartBackfill>(stage.hall->commands.back().request);
  EXPECT_EQ(ask.trigger, Id{9});
  EXPECT_EQ(to_rfc3339(ask.from), "2025-11-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(ask.until), "2025-11-01T23:00:00.000Z");
  EXPECT_TRUE(ask.newest_first && ask.waits && ask.pauses_on_failure);
  EXPECT_EQ(ask.max_parallel, 7);
  EXPECT_EQ(ask.params, R"({"day":1})");
}

TEST(BackfillRoutes, WhatIsNotSaidIsOldestFirstOneAtATimeBesideTheOthers) {
  ApiStage stage;
  stage.post("/api/v1/triggers/9/backfill",
             R"({"from":"2025-11-01T00:00:00Z","to":"2025-11-02T00:00:00Z"})");
  const auto& ask = std::get<engine::StartBackfill>(stage.hall->commands.back().request);
  EXPECT_FALSE(ask.newest_first || ask.waits || ask.pauses_on_failure);
  EXPECT_EQ(ask.max_parallel, 1);
  EXPECT_EQ(ask.params, "");
}

TEST(BackfillRoutes, EveryWrongFieldIsNamedAtOnce) {
  ApiStage stage;
  const Response response = stage.post(
      "/api/v1/triggers/9/backfill",
      R"({"to":"yesterday","order":"random","max_parallel":101,"overlap":1,"params":[],"x":1})");
  EXPECT_EQ(response.status, 400);
  for (const char* pointer :
       {"/from", "/to", "/order", "/max_parallel", "/overlap", "/params", "/x"}) {
    EXPECT_EQ(must_hold(response.body, std::string("\"pointer\":\"") + pointer + "\""), "");
  }
  EXPECT_TRUE(stage.hall->commands.empty());
}

// The shard knows only those that go on; of one that nobody ever began the answer is another.
TEST(BackfillRoutes, OneThatIsNotKnownIsNotThere) {
  ApiStage stage;
  stage.hall->says = [](const engine::Command&) {
    return Problem{ProblemCode::not_found, "no backfill 5 goes on"};
  };
  EXPECT_EQ(stage.post("/api/v1/backfills/5/cancel", "").status, 404);
  EXPECT_EQ(stage.post("/api/v1/backfills/five/cancel", "").status, 400);
}

}  // namespace
}  // namespace jobflow::api
