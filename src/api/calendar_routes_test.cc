#include "api/testing/api_stage.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

using testing::ApiStage;
using testing::Asked;
using testing::must_hold;

constexpr const char* kHolidays =
    R"({"kind":"Calendar","metadata":{"name":"off","title":"Days off"},"spec":{"dates":["2026-12-25"]}})";
constexpr const char* kOther = R"({"metadata":{},"spec":{"weekly":[{"days":["SUN"]}]}})";

Response put(ApiStage& stage, const std::string& body, const std::string& if_match = "") {
  return stage.call(
      {.method = "PUT", .target = "/api/v1/calendars/off", .body = body, .if_match = if_match});
}
Response remove(ApiStage& stage, const std::string& query = "", const std::string& if_match = "") {
  return stage.call(
      {.method = "DELETE", .target = "/api/v1/calendars/off" + query, .if_match = if_match});
}

TEST(CalendarRoutes, EveryRevisionStays_S4_5) {
  ApiStage stage;
  const Response created = stage.post("/api/v1/calendars", kHolidays);
  EXPECT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(must_hold(created.body, R"("name":"off","revision":1,"outcome":"created")"), "");
  EXPECT_EQ(stage.post("/api/v1/calendars", kHolidays).status, 409);
  EXPECT_EQ(must_hold(put(stage, kHolidays).body, R"("revision":1,"outcome":"unchanged")"), "");
  EXPECT_EQ(put(stage, kOther, "\"7\"").status, 412);
  EXPECT_EQ(must_hold(put(stage, kOther, "\"1\"").body, R"("revision":2,"outcome":"updated")"), "");
  const Response list = stage.get("/api/v1/calendars?namespace=default");
  EXPECT_EQ(must_hold(list.body, R"("name":"off","title":null,"revision":2,"deleted":false)"), "");
  EXPECT_EQ(must_hold(stage.get("/api/v1/calendars/off").body, R"("days":["SUN"])"), "");
  EXPECT_EQ(must_hold(stage.get("/api/v1/calendars/off/revisions/1").body, "Days off"), "");
  EXPECT_EQ(stage.get("/api/v1/calendars/off/revisions/9").status, 404);
  EXPECT_EQ(stage.get("/api/v1/calendars/nobody").status, 404);

  EXPECT_EQ(remove(stage, "", "\"1\"").status, 412);
  EXPECT_EQ(remove(stage).status, 204);
  EXPECT_EQ(remove(stage).status, 404);
  EXPECT_EQ(stage.get("/api/v1/calendars/off").status, 404);
  EXPECT_EQ(stage.get("/api/v1/calendars").body, R"({"items":[]})");
  EXPECT_EQ(put(stage, kOther, "*").status, 404);
  EXPECT_EQ(must_hold(put(stage, kOther).body, R"("revision":4,"outcome":"created")"), "")
      << "the ledger still asks for the earlier ones";
}

TEST(CalendarRoutes, WhatIsWrongIsToldByItsPlaceAndLine_S8_2) {
  ApiStage stage;
  const Response bad = stage.call({.method = "PUT",
                                   .target = "/api/v1/calendars/off",
                                   .body = "metadata: {}\nspec:\n  timezone: Mars/Base\n  dates:\n"
                                           "  - 2026-12-31/2026-12-01\n  days: [MON]\n",
                                   .content_type = "application/yaml"});
  EXPECT_EQ(bad.status, 400);
  for (const char* place : {R"("pointer":"/spec/timezone")", R"("pointer":"/spec/dates/0")",
                            R"("pointer":"/spec/days")", R"("line":5)", "ends before it begins"}) {
    EXPECT_EQ(must_hold(bad.body, place), "");
  }
  EXPECT_EQ(put(stage, R"({"metadata":{"name":"other"},"spec":{}})").status, 400);
  EXPECT_EQ(put(stage, R"({"kind":"Job","metadata":{},"spec":{}})").status, 400);
  const Response empty = put(stage, R"({"metadata":{},"spec":{}})");
  EXPECT_EQ(empty.status, 201) << "an empty one is one";
  EXPECT_EQ(must_hold(empty.body, R"("warnings":["it covers nothing: )"), "");
  EXPECT_EQ(must_hold(put(stage, kOther).body, R"("warnings":[]})"), "");
}

TEST(CalendarRoutes, AnICalendarFileIsOneAsItIs_S4_5) {
  ApiStage stage;
  const std::string file =
      "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261225\r\nEND:VEVENT\r\n"
      "END:VCALENDAR\r\n";
  Asked import{.method = "PUT",
               .target = "/api/v1/calendars/off?timezone=Europe/Berlin&title=Holidays",
               .body = file,
               .content_type = "text/calendar; charset=utf-8"};
  EXPECT_EQ(stage.call(import).status, 201);
  const Response got = stage.get("/api/v1/calendars/off");
  EXPECT_EQ(must_hold(got.body, R"("title":"Holidays")"), "");
  EXPECT_EQ(must_hold(got.body, R"("timezone":"Europe/Berlin","icalendar":"BEGIN:VCALENDAR)"), "");
  import.target = "/api/v1/calendars?name=second";
  import.method = "POST";
  EXPECT_EQ(stage.call(import).status, 201);
  import.target = "/api/v1/calendars";
  EXPECT_EQ(must_hold(stage.call(import).body, "every calendar has a name"), "");
  import.target = "/api/v1/calendars?name=third";
  import.body = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:yesterday\r\n";
  EXPECT_EQ(must_hold(stage.call(import).body, R"("pointer":"/spec/icalendar")"), "");
  import.body = std::string(limits::kICalendarBytes + 1, 'X');
  EXPECT_EQ(stage.call(import).status, 400) << "huge";
  import.target = "/api/v1/jobs";
  EXPECT_EQ(stage.call(import).status, 415);
}

// S2.3: who uses it is told.
TEST(CalendarRoutes, WhatIsNamedIsDeletedByForceOnly) {
  ApiStage stage;
  ASSERT_EQ(put(stage, kOther).status, 201);
  stage.add_job("report", R"({"noop":{},"triggers":[{"every":"1h","exclude":["off"]}]})");
  stage.add_job("bystander", R"({"shell":{"command":"off"},"triggers":[{"every":"1h"}]})");
  const Response refused = remove(stage);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(must_hold(refused.body, "is named by job 'report': "), "");
  EXPECT_EQ(must_hold(refused.body, R"("code":"in_use")"), "");
  EXPECT_EQ(remove(stage, "?force=true").status, 204);
}

TEST(CalendarRoutes, ApplyTakesThemWithTheJobsThatNameThem) {
  ApiStage stage;
  const std::string job =
      "kind: Job\nmetadata: {name: report}\n"
      "spec:\n  noop: {}\n  triggers:\n    - {every: 1h, exclude: [off]}\n";
  Asked apply{.method = "POST",
              .target = "/api/v1/definitions",
              .body = job,
              .content_type = "application/yaml"};
  const Response alone = stage.call(apply);
  EXPECT_EQ(alone.status, 400);
  EXPECT_EQ(must_hold(alone.body, "there is no calendar 'off'"), "");
  EXPECT_EQ(must_hold(alone.body, R"("line":6)"), "");
  apply.body += "---\n" + std::string(kHolidays) + "\n";
  apply.target += "?dry_run=true";
  EXPECT_EQ(
      must_hold(stage.call(apply).body,
                R"("kind":"calendar","namespace":"default","name":"off","outcome":"created")"),
      "");
  EXPECT_EQ(stage.get("/api/v1/calendars").body, R"({"items":[]})") << "nothing is saved yet";
  apply.target = "/api/v1/definitions";
  stage.hall->says = [&](const engine::Command&) {
    stage.store->list_calendars({}, [](const Outcome<std::vector<CalendarRow>>& rows) {
      EXPECT_EQ(rows->size(), 1U) << "calendars go first";
    });
    return engine::Reply{.id = {7}, .revision = 1, .created = true};
  };
  const Response both = stage.call(apply);
  EXPECT_EQ(both.status, 200) << both.body;
  EXPECT_EQ(stage.hall->commands.size(), 1U);
  apply.body = std::string(kHolidays) + "\n---\n" + kHolidays;
  EXPECT_EQ(must_hold(stage.call(apply).body, "the calendar 'default/off' is in this text twice"),
            "");
}

}  // namespace
}  // namespace jobflow::api
