#include "api/testing/api_stage.h"
#include "model/definition.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

using testing::ApiStage;
using testing::must_hold;

constexpr const char* kJob = "kind: Job\nmetadata: {name: report}\nspec: {noop: {}}\n";

std::string header(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) {
      return value;
    }
  }
  return "";
}

Outcome<engine::Reply> saved(int revision, bool created, bool changed) {
  return engine::Reply{.id = {77}, .revision = revision, .created = created, .changed = changed};
}

// It may be meant so: the other one may come later. One of the same file is as good as there.
TEST(DefinitionRoutes, S41_WhatFollowsNothingIsSavedWithAWarning) {
  ApiStage stage;
  const auto job = [](const std::string& name, const std::string& after) {
    return "kind: Job\nmetadata: {name: " + name + "}\nspec: {noop: {}" +
           (after.empty() ? "" : ", triggers: [{after: {job: " + after + "}}]") + "}\n";
  };
  const auto apply = [&](const std::string& body) {
    return stage
        .call({.method = "POST",
               .target = "/api/v1/definitions?dry_run=true",
               .body = body,
               .content_type = "application/yaml"})
        .body;
  };
  const std::string warning =
      R"("warnings":["trigger 'after-1': there is no job 'up' in the namespace 'default': )"
      R"(it fires only once there is one"])";
  EXPECT_EQ(must_hold(apply(job("down", "up")), warning), "");
  EXPECT_NE(must_hold(apply(job("down", "up") + "---\n" + job("up", "")), warning), "");
  const Response validated = stage.call({.method = "POST",
                                         .target = "/api/v1/jobs/validate",
                                         .body = job("down", "up"),
                                         .content_type = "application/yaml"});
  EXPECT_EQ(must_hold(validated.body, warning), "") << validated.body;
  stage.add_job("up");
  EXPECT_NE(must_hold(apply(job("down", "up")), warning), "");
}

TEST(DefinitionRoutes, S35_WhatNamesASemaphoreThatIsNotThereIsSavedWithAWarning) {
  ApiStage stage;
  const auto apply = [&](const std::string& body) {
    return stage
        .call({.method = "POST",
               .target = "/api/v1/definitions",
               .body = body,
               .content_type = "application/yaml"})
        .body;
  };
  const std::string job = "kind: Job\nmetadata: {name: a}\nspec: {noop: {}, semaphores: [db]}\n";
  const std::string flow =
      "kind: Workflow\nmetadata: {name: f}\nspec: {steps: [{id: s, noop: {}, semaphores: [db]}, "
      "{id: t, noop: {}, semaphores: [db]}]}\n";
  const std::string semaphore = "kind: Semaphore\nmetadata: {name: db}\nspec: {permits: 2}\n";
  const std::string warning =
      R"("warnings":["there is no semaphore 'db' in the namespace 'default': )"
      R"(what names it waits in the queue until there is one"])";
  EXPECT_EQ(must_hold(apply(job), warning), "");
  EXPECT_EQ(must_hold(apply(flow), warning), "") << "once, though two steps name it";
  EXPECT_NE(must_hold(apply(job + "---\n" + semaphore), warning), "");
}

TEST(DefinitionRoutes, S35_ASemaphoreThatIsNoneIsRefusedWithThePlaceAndTheFix) {
  ApiStage stage;
  const auto told = [&](const std::string& kind, const std::string& spec) {
    return stage
        .call({.method = "POST",
               .target = "/api/v1/" + kind + "s",
               .body = "metadata: {name: x}\nspec: {" + spec + "}\n",
               .content_type = "application/yaml"})
        .body;
  };
  EXPECT_EQ(must_hold(told("semaphore", ""), "is missing: how many may hold it at once?"), "");
  EXPECT_EQ(must_hold(told("semaphore", "permits: -1"), "/spec/permits"), "");
  EXPECT_EQ(must_hold(told("semaphore", "permits: 1, handler: h"), "/spec/handler"), "");
  EXPECT_EQ(must_hold(told("job", "noop: {}, semaphores: ['7']"), "is not the name of a semaphore"),
            "");
  EXPECT_EQ(must_hold(told("job", "noop: {}, semaphores: [a, b, c, d, e]"), "names more than 4"),
            "");
}

TEST(DefinitionRoutes, S76_ForbiddenHandlersAreRefusedWithPlaceAndRemedy) {
  ApiStage stage;
  stage.doors->forbidden = HandlerRules::parse({"prod/noop", "*/fail"}).value();
  const auto apply = [&](const std::string& body, const std::string& method = "POST",
                         const std::string& target = "/api/v1/definitions") {
    return stage.call(
        {.method = method, .target = target, .body = body, .content_type = "application/yaml"});
  };
  const std::string of_prod = "metadata: {name: report, namespace: prod}\n";
  const Response job = apply("kind: Job\n" + of_prod + "spec: {noop: {}}\n");
  EXPECT_EQ(job.status, 400);
  EXPECT_EQ(must_hold(job.body, R"("pointer":"/spec/noop")"), "");
  EXPECT_EQ(must_hold(job.body, R"("line":3)"), "");
  EXPECT_EQ(must_hold(job.body, "the handler 'noop' is forbidden in the namespace 'prod'"), "");
  EXPECT_EQ(must_hold(job.body, "forbid_handlers"), "");
  const Response flow = apply("kind: Workflow\n" + of_prod +
                              "spec:\n  steps:\n    - {id: a, sleep: {duration: 1s}}\n"
                              "    - {id: b, handler: fail}\n    - {id: c, noop: {}}\n");
  EXPECT_EQ(flow.status, 400);
  EXPECT_EQ(must_hold(flow.body, R"("pointer":"/spec/steps/1/handler")"), "");
  EXPECT_EQ(must_hold(flow.body, R"("pointer":"/spec/steps/2/noop")"), "");
  EXPECT_NE(must_hold(flow.body, "/spec/steps/0"), "") << "sleep is not forbidden";
  // By every way in.
  const std::string fails = "kind: Job\nmetadata: {name: report}\nspec: {fail: {}}\n";
  EXPECT_EQ(apply(fails, "POST", "/api/v1/jobs").status, 400);
  EXPECT_EQ(apply(fails, "PUT", "/api/v1/jobs/report").status, 400);
  EXPECT_EQ(apply(fails, "POST", "/api/v1/jobs/validate").status, 400);
  EXPECT_TRUE(stage.hall->commands.empty());
  EXPECT_EQ(apply(kJob, "POST", "/api/v1/jobs/validate").status, 200) << "another namespace";
}

TEST(DefinitionRoutes, CreatingSaysWhereItIs) {
  ApiStage stage;
  const Response response = stage.call({.method = "POST",
                                        .target = "/api/v1/jobs",
                                        .body = kJob,
                                        .content_type = "application/yaml"});
  EXPECT_EQ(response.status, 201) << response.body;
  EXPECT_EQ(header(response, "Location"), "/api/v1/jobs/report");
  EXPECT_EQ(header(response, "ETag"), "\"1\"");
  const auto& command = std::get<engine::SaveDefinition>(stage.hall->commands.at(0).request);
  EXPECT_TRUE(command.must_be_new);
  EXPECT_EQ(command.definition->name, "report");
}

// S4.2, S4.4: where it is saved, checked, or applied.
TEST(DefinitionRoutes, WhatMayNotDoWhatItSeemsToWarns) {
  ApiStage stage;
  const std::string job =
      "kind: Job\nmetadata: {name: report}\n"
      "spec:\n  noop: {}\n  triggers:\n"
      "    - {name: nightly, cron: 30 2 * * *, timezone: Europe/Berlin}\n"
      "    - {name: often, cron: '*/7 * * * *'}\n";
  for (const char* target : {"/api/v1/jobs", "/api/v1/jobs/validate", "/api/v1/definitions",
                             "/api/v1/definitions?dry_run=true"}) {
    const Response response = stage.call(
        {.method = "POST", .target = target, .body = job, .content_type = "application/yaml"});
    EXPECT_EQ(response.status / 100, 2) << response.body;
    EXPECT_EQ(must_hold(response.body,
                        R"("warnings":["trigger 'nightly': the clock of Europe/Berlin: 02:30 )"
                        R"(does not exist on 2026-03-29: runs at 03:00)"),
              "")
        << target;
    EXPECT_EQ(must_hold(response.body, "trigger 'often': "), "") << target;
  }
}

TEST(DefinitionRoutes, AProblemOfADefinitionNamesItsLine_S8_2) {
  ApiStage stage;
  const Response response = stage.call(
      {.method = "POST",
       .target = "/api/v1/workflows/validate",
       .body =
           "metadata: {name: w}\nspec:\n  steps:\n    - id: a\n      noop: {}\n      colour: red\n"
           "    - id: b\n      needs: [nobody]\n      noop: {}\n",
       .content_type = "application/yaml"});
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(must_hold(response.body, "\"pointer\":\"/spec/steps/0/colour\""), "");
  EXPECT_EQ(must_hold(response.body, "\"line\":6"), "");
  EXPECT_EQ(must_hold(response.body, "\"line\":8"), "");
  EXPECT_TRUE(stage.hall->commands.empty());
}

TEST(DefinitionRoutes, ApplySavesEveryDocumentOrNone) {
  ApiStage stage;
  const std::string two =
      std::string(kJob) + "---\nkind: Job\nmetadata: {name: other}\nspec: {noop: {}}\n";
  stage.hall->says = [](const engine::Command& command) {
    const auto& save = std::get<engine::SaveDefinition>(command.request);
    return save.definition->name == "report" ? saved(2, false, true) : saved(5, false, false);
  };
  const Response good = stage.call({.method = "POST",
                                    .target = "/api/v1/definitions",
                                    .body = two,
                                    .content_type = "application/yaml"});
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(must_hold(good.body, R"("name":"report","outcome":"updated","revision":2)"), "");
  EXPECT_EQ(must_hold(good.body, R"("name":"other","outcome":"unchanged","revision":5)"), "");
  EXPECT_EQ(stage.hall->submissions, std::vector<std::size_t>{2});

  const Response bad =
      stage.call({.method = "POST",
                  .target = "/api/v1/definitions",
                  .body = two + "---\nkind: Job\nmetadata: {name: '9'}\nspec: {}\n",
                  .content_type = "application/yaml"});
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(must_hold(bad.body, "document 3: "), "");
  EXPECT_EQ(stage.hall->commands.size(), 2U) << "nothing of it was saved";
}

TEST(DefinitionRoutes, ApplyRefusesTheSameNameTwice) {
  ApiStage stage;
  const Response response = stage.call({.method = "POST",
                                        .target = "/api/v1/definitions",
                                        .body = std::string(kJob) + "---\n" + kJob,
                                        .content_type = "application/yaml"});
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(must_hold(response.body, "in this text twice"), "");
  EXPECT_EQ(must_hold(response.body, "\"line\":6"), "");
}

TEST(DefinitionRoutes, ADryRunForetellsAndSavesNothing) {
  ApiStage stage;
  DefinitionRow row = stage.add_job("report");
  const auto decoded =
      decode_definition(DefinitionKind::job, R"({"metadata":{"name":"same"},"spec":{"noop":{}}})");
  DefinitionRow same = row;
  same.id = stage.next_id();
  same.name = "same";
  same.document = decoded.definition.document;
  stage.commit({SaveRevision{same}});
  const Response response =
      stage.post("/api/v1/definitions?dry_run=true",
                 R"([{"kind":"Job","metadata":{"name":"fresh"},"spec":{"noop":{}}},
          {"kind":"Job","metadata":{"name":"report"},"spec":{"sleep":{"duration":"1s"}}},
          {"kind":"Job","metadata":{"name":"same"},"spec":{"noop":{}}}])");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(must_hold(response.body, R"("name":"fresh","outcome":"created","revision":1)"), "");
  EXPECT_EQ(must_hold(response.body, R"("name":"report","outcome":"updated","revision":2)"), "");
  EXPECT_EQ(must_hold(response.body, R"("name":"same","outcome":"unchanged","revision":1)"), "");
  EXPECT_TRUE(stage.hall->commands.empty());
}

TEST(DefinitionRoutes, PutSavesByNameUnderItsCondition_S2_3) {
  ApiStage stage;
  const auto put = [&](std::string if_match, std::string if_none_match) {
    return stage.call({.method = "PUT",
                       .target = "/api/v1/jobs/report",
                       .body = R"({"spec":{"noop":{}},"metadata":{}})",
                       .if_match = std::move(if_match),
                       .if_none_match = std::move(if_none_match)});
  };
  EXPECT_EQ(put("", "").status, 201);
  const auto save = [&] {
    return std::get<engine::SaveDefinition>(stage.hall->commands.back().request);
  };
  EXPECT_EQ(save().expected_revision, 0);
  EXPECT_EQ(save().definition->name, "report");
  stage.hall->says = [](const engine::Command&) { return saved(4, false, true); };
  EXPECT_EQ(put("\"3\"", "").status, 200);
  EXPECT_EQ(save().expected_revision, 3);
  EXPECT_EQ(put("", "*").status, 200);
  EXPECT_TRUE(save().must_be_new);
  EXPECT_EQ(put("3", "").status, 400);
  EXPECT_EQ(put("*", "").status, 404);
  stage.add_job("report");
  EXPECT_EQ(put("*", "").status, 200);
  EXPECT_EQ(save().expected_revision, 1);
  stage.hall->says = [](const engine::Command&) {
    return Problem{ProblemCode::revision_mismatch, "read it again"};
  };
  EXPECT_EQ(put("\"3\"", "").status, 412);
}

TEST(DefinitionRoutes, PutRefusesAnotherNameThanThePaths) {
  ApiStage stage;
  const Response response = stage.call({.method = "PUT",
                                        .target = "/api/v1/jobs/other",
                                        .body = kJob,
                                        .content_type = "application/yaml"});
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(must_hold(response.body, "/metadata/name"), "");
  EXPECT_EQ(must_hold(response.body, "\"line\":2"), "");
}

TEST(DefinitionRoutes, ReadingByNameIdAndRevision) {
  ApiStage stage;
  DefinitionRow row = stage.add_job("report");
  row.revision = 2;
  row.document = R"({"metadata":{"name":"report"},"spec":{"noop":{"x":1}}})";
  stage.commit({SaveRevision{row}});
  const Response by_name = stage.get("/api/v1/jobs/report");
  EXPECT_EQ(by_name.status, 200);
  EXPECT_EQ(header(by_name, "ETag"), "\"2\"");
  EXPECT_EQ(must_hold(by_name.body,
                      R"("document":{"metadata":{"name":"report"},"spec":{"noop":{"x":1}}})"),
            "");
  EXPECT_EQ(stage.get("/api/v1/jobs/" + to_string(row.id)).body, by_name.body);
  EXPECT_EQ(must_hold(stage.get("/api/v1/jobs/report/revisions/1").body, R"("revision":1)"), "");
  EXPECT_EQ(stage.get("/api/v1/jobs/report/revisions/3").status, 404);
  EXPECT_EQ(stage.get("/api/v1/jobs/report/revisions/x").status, 400);
  EXPECT_EQ(stage.get("/api/v1/workflows/report").status, 404);
  EXPECT_EQ(stage.get("/api/v1/jobs/report?namespace=other").status, 404);
  EXPECT_EQ(stage.get("/api/v1/jobs/re%20port").status, 400);
  EXPECT_EQ(stage.get("/api/v1/jobs/99999999999999999999").status, 400);
}

TEST(DefinitionRoutes, ListsGoPageByPage) {
  ApiStage stage;
  for (const char* name : {"a", "b", "c"}) {
    stage.add_job(name);
  }
  stage.add_workflow("w", R"([{"id":"s","noop":{}}])");
  const Response first = stage.get("/api/v1/jobs?limit=2");
  EXPECT_EQ(must_hold(first.body, R"("name":"b")"), "");
  EXPECT_NE(must_hold(first.body, R"("name":"c")"), "");
  const std::size_t at = first.body.find("\"next_cursor\":\"");
  ASSERT_NE(at, std::string::npos) << first.body;
  const std::string cursor = first.body.substr(at + 15, first.body.find('"', at + 15) - at - 15);
  const Response second = stage.get("/api/v1/jobs?limit=2&cursor=" + cursor);
  EXPECT_EQ(must_hold(second.body, R"("name":"c")"), "");
  EXPECT_EQ(must_hold(second.body, R"("next_cursor":null)"), "");
  EXPECT_EQ(stage.get("/api/v1/jobs?limit=0").status, 400);
  EXPECT_EQ(stage.get("/api/v1/jobs?cursor=x").status, 400);
  EXPECT_EQ(stage.get("/api/v1/jobs?namespace=other").body, R"({"items":[],"next_cursor":null})");
}

TEST(DefinitionRoutes, DeletingGoesByNameUnderItsCondition) {
  ApiStage stage;
  const DefinitionRow row = stage.add_job("report");
  EXPECT_EQ(stage.call({.method = "DELETE", .target = "/api/v1/jobs/nobody"}).status, 404);
  EXPECT_EQ(stage
                .call({.method = "DELETE",
                       .target = "/api/v1/jobs/" + to_string(row.id),
                       .if_match = "\"1\""})
                .status,
            204);
  const auto& command = std::get<engine::DeleteDefinition>(stage.hall->commands.at(0).request);
  EXPECT_EQ(command.name, "report");
  EXPECT_EQ(command.expected_revision, 1);
}

TEST(DefinitionRoutes, TriggersAreListed) {
  ApiStage stage;
  const DefinitionRow row = stage.add_job("report");
  stage.commit({SaveTrigger{{.id = stage.next_id(),
                             .definition = row.id,
                             .name = "cron-1",
                             .schedule = to_json(Schedule{.cron = "0 3 * * *"}),
                             .params = "{}",
                             .progress = {.next_due = stage.clock.time}}}});
  const Response response = stage.get("/api/v1/jobs/report/triggers");
  EXPECT_EQ(
      must_hold(
          response.body,
          R"("schedule":{"cron":"0 3 * * *","timezone":"UTC"},"params":{},"state":"active","next_due_at":"2025-11-22T17:00:00.000Z","paused_by":null,"paused_at":null,"note":null)"),
      "");
}

}  // namespace
}  // namespace jobflow::api
