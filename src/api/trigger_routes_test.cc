#include "api/testing/api_stage.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

using testing::ApiStage;
using testing::must_hold;

const engine::TriggerRun& last_run(const ApiStage& stage) {
  return std::get<engine::TriggerRun>(stage.hall->commands.back().request);
}

TEST(Trigger, SaysWhereTheRunIs) {
  ApiStage stage;
  const Response response =
      stage.post("/api/v1/jobs/report/trigger",
                 R"({"params":{"day":"x"},"delay":"90s","priority":5,"idempotency_key":"k1"})");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, R"({"id":"1001","created":true})");
  EXPECT_EQ(response.headers.at(0).second, "/api/v1/runs/1001");
  const engine::TriggerRun& run = last_run(stage);
  EXPECT_EQ(run.name_space, "default");
  EXPECT_EQ(run.name, "report");
  EXPECT_EQ(run.params, R"({"day":"x"})");
  EXPECT_EQ(run.start_at, stage.clock.time + seconds(90));
  EXPECT_EQ(run.priority, 5);
  EXPECT_EQ(run.idempotency_key, "k1");
}

TEST(Trigger, ARepeatedKeyAnswersWithTheFirstRun_S5_2) {
  ApiStage stage;
  stage.hall->says = [](const engine::Command&) {
    return engine::Reply{.id = {7}, .created = false};
  };
  const Response response = stage.call({.method = "POST",
                                        .target = "/api/v1/workflows/12/trigger?namespace=x",
                                        .idempotency_key = "k"});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, R"({"id":"7","created":false})");
  EXPECT_EQ(last_run(stage).definition, Id{12});
  EXPECT_EQ(last_run(stage).kind, DefinitionKind::workflow);
  EXPECT_EQ(last_run(stage).idempotency_key, "k");
}

TEST(Trigger, EveryWrongFieldIsNamedAtOnce) {
  ApiStage stage;
  const Response response = stage.post(
      "/api/v1/jobs/report/trigger",
      R"({"params":[],"start_at":"tomorrow","priority":101,"idempotency_key":"","colour":1})");
  EXPECT_EQ(response.status, 400);
  for (const char* pointer : {"/params", "/start_at", "/priority", "/idempotency_key", "/colour"}) {
    EXPECT_EQ(must_hold(response.body, std::string("\"pointer\":\"") + pointer + "\""), "");
  }
  EXPECT_TRUE(stage.hall->commands.empty());
}

TEST(Trigger, AKeyThatIsThereTwiceIsRefusedByNameAndPlace) {
  ApiStage stage;
  const Response response = stage.post("/api/v1/jobs/report/trigger",
                                       "{\"params\":{\"day\":1,\n\"x\":[{}],\"d\\u0061y\":2}}");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(must_hold(response.body, R"("code":"invalid")"), "");
  EXPECT_EQ(must_hold(response.body, R"("pointer":"/params/day")"), "");
  EXPECT_EQ(must_hold(response.body, "line 2: the key 'day' is there twice, first in line 1"), "");
  EXPECT_EQ(stage.post("/api/v1/runs/1/retry", R"({"from":["a"],"from":["b"]})").status, 400);
  EXPECT_TRUE(stage.hall->commands.empty());
}

TEST(Trigger, ParamsOverTheLimitAreTooLargeHereToo) {
  ApiStage stage;
  const std::string params =
      R"("params":{"x":")" + std::string(limits::kParamsBytes, 'x') + R"("}})";
  const Response response = stage.post("/api/v1/jobs/report/trigger", "{" + params);
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(must_hold(response.body, R"("code":"too_large")"), "");
  EXPECT_EQ(must_hold(response.body, R"("pointer":"/params")"), "");
  const Response batch =
      stage.post("/api/v1/runs/batch", R"({"items":[{"job":"a",)" + params + "]}");
  EXPECT_EQ(batch.status, 200);
  EXPECT_EQ(must_hold(batch.body, R"("code":"too_large")"), "");
  EXPECT_TRUE(stage.hall->commands.empty());
}

TEST(Trigger, TimesThatContradictAreRefused) {
  ApiStage stage;
  const auto status = [&](const char* body) {
    return stage.post("/api/v1/jobs/report/trigger", body).status;
  };
  EXPECT_EQ(status(R"({"start_at":"2026-11-22T17:00:00Z","delay":1})"), 400);
  EXPECT_EQ(status(R"({"delay":-1})"), 400);
  EXPECT_EQ(status(R"({"delay":"soon"})"), 400);
  EXPECT_EQ(status(R"({"delay":1.5})"), 400);
  EXPECT_EQ(status(R"({"delay":1500})"), 201);
  EXPECT_EQ(status(R"({"start_at":"2026-11-22T18:00:00+01:00"})"), 201);
  EXPECT_EQ(to_rfc3339(last_run(stage).start_at), "2026-11-22T17:00:00.000Z");
  EXPECT_EQ(status(R"({"after_run":"5","delay":1})"), 400);
  EXPECT_EQ(status(R"({"after_run":"0"})"), 400);
  EXPECT_EQ(status(R"({"after_run":"j#1"})"), 400);
  EXPECT_EQ(status(R"({"after_run":"5"})"), 201);
  EXPECT_EQ(last_run(stage).after_run, Id{5});
  EXPECT_EQ(status("[]"), 400);
  EXPECT_EQ(status("{"), 400);
  EXPECT_EQ(status(""), 201);
}

TEST(Trigger, ProblemsOfTheHallKeepTheirStatus) {
  ApiStage stage;
  const auto status = [&](ProblemCode code) {
    stage.hall->says = [code](const engine::Command&) { return Problem{code, "no", {}, "inc-1"}; };
    return stage.post("/api/v1/jobs/report/trigger", "{}");
  };
  EXPECT_EQ(status(ProblemCode::not_found).status, 404);
  const Response full = status(ProblemCode::queue_full);
  EXPECT_EQ(full.status, 429);
  EXPECT_EQ(full.headers.at(0).first, "Retry-After");
  EXPECT_EQ(status(ProblemCode::unavailable).status, 503);
  EXPECT_EQ(status(ProblemCode::outcome_unknown).status, 503);
  const Response refused = status(ProblemCode::store_refused);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(must_hold(refused.body, R"("incident":"inc-1")"), "");
  EXPECT_EQ(must_hold(refused.body, R"("request_id":"r-1")"), "");
}

TEST(Trigger, AKeyInHeaderAndBodyMustAgree) {
  ApiStage stage;
  EXPECT_EQ(stage
                .call({.method = "POST",
                       .target = "/api/v1/jobs/a/trigger",
                       .body = R"({"idempotency_key":"x"})",
                       .idempotency_key = "y"})
                .status,
            400);
  EXPECT_EQ(stage
                .call({.method = "POST",
                       .target = "/api/v1/jobs/a/trigger",
                       .idempotency_key = std::string(257, 'x')})
                .status,
            400);
}

TEST(Batch, OneSubmissionAnswersPerItemInOrder) {
  ApiStage stage;
  const Response response =
      stage.post("/api/v1/runs/batch",
                 R"({"items":[{"job":"a"},{"workflow":"b","params":{"x":1}},{"job":"3"}]})");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(
      response.body,
      R"({"items":[{"id":"1001","created":true},{"id":"1002","created":true},{"id":"1003","created":true}]})");
  EXPECT_EQ(stage.hall->submissions, std::vector<std::size_t>{3});
  EXPECT_EQ(last_run(stage).definition, Id{3});
}

TEST(Batch, OneBadItemHarmsNoOther) {
  ApiStage stage;
  stage.hall->says = [](const engine::Command& command) -> Outcome<engine::Reply> {
    const auto& run = std::get<engine::TriggerRun>(command.request);
    if (run.name == "gone") {
      return Problem{ProblemCode::not_found, "there is no job 'gone'"};
    }
    return engine::Reply{.id = {5}, .created = true};
  };
  const Response response = stage.post(
      "/api/v1/runs/batch",
      R"({"items":[{"job":"a"},{"job":"gone"},{"job":"a","workflow":"b"},7,{"job":"a","priority":"high"},{"job":"b!"},{"job":"a"}]})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(stage.hall->submissions, std::vector<std::size_t>{3});
  EXPECT_EQ(must_hold(response.body, R"({"items":[{"id":"5","created":true},{"problem":{)"), "");
  EXPECT_EQ(must_hold(response.body, R"("code":"not_found")"), "");
  EXPECT_EQ(must_hold(response.body, "either a 'job' or a 'workflow'"), "");
  EXPECT_EQ(must_hold(response.body, R"("pointer":"/items/3")"), "");
  EXPECT_EQ(must_hold(response.body, R"("pointer":"/items/4/priority")"), "");
  EXPECT_EQ(must_hold(response.body, R"({"id":"5","created":true}]})"), "");
}

TEST(Batch, AKeyThatIsThereTwiceHarmsItsItemOnly) {
  ApiStage stage;
  const Response response = stage.post(
      "/api/v1/runs/batch",
      R"({"items":[{"job":"a"},{"job":"a","params":{"x":1,"x":1}},{"job":"a","job":"b"}]})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(stage.hall->submissions, std::vector<std::size_t>{1});
  EXPECT_EQ(must_hold(response.body, R"("pointer":"/items/1/params/x")"), "");
  EXPECT_EQ(must_hold(response.body, R"("pointer":"/items/2/job")"), "");
  EXPECT_EQ(
      stage.post("/api/v1/runs/batch", R"({"items":[{"job":"a"}],"items":[{"job":"b"}]})").status,
      400);
}

TEST(Batch, AnswersMayComeLateAndInAnyOrder) {
  ApiStage stage;
  stage.hall->holds_answers = true;
  EXPECT_FALSE(stage.try_call({.method = "POST",
                               .target = "/api/v1/runs/batch",
                               .body = R"({"items":[{"job":"a"},{"job":"b"}]})"}));
  stage.hall->held[1].answer(engine::Reply{.id = {2}, .created = true});
  stage.loop->settle();
  stage.hall->held[0].answer(Problem{ProblemCode::queue_full, "later"});
  EXPECT_EQ(stage.loop->tasks.size(), 1U) << "the answer is built on the request's own loop";
  stage.loop->settle();
}

TEST(Batch, ItsSizeIsBounded) {
  ApiStage stage;
  const auto batch = [&](int items) {
    std::string body = R"({"items":[)";
    for (int i = 0; i < items; ++i) {
      body += i == 0 ? R"({"job":"a"})" : R"(,{"job":"a"})";
    }
    return stage.post("/api/v1/runs/batch", body + "]}").status;
  };
  EXPECT_EQ(batch(1000), 200);
  EXPECT_EQ(batch(1001), 413);
  EXPECT_EQ(batch(0), 400);
  EXPECT_EQ(stage.post("/api/v1/runs/batch", R"({"items":{}})").status, 400);
  EXPECT_EQ(stage.post("/api/v1/runs/batch", R"({"items":[{"job":"a"}],"x":1})").status, 400);
  EXPECT_EQ(stage.post("/api/v1/runs/batch", "").status, 400);
}

TEST(Batch, WhenEveryItemIsWrongNothingIsSubmitted) {
  ApiStage stage;
  EXPECT_EQ(stage.post("/api/v1/runs/batch", R"({"items":[{}]})").status, 200);
  EXPECT_TRUE(stage.hall->submissions.empty());
}

}  // namespace
}  // namespace jobflow::api
