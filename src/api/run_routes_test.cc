#include "api/testing/api_stage.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

using testing::ApiStage;
using testing::must_hold;

TEST(RunRoutes, ARunShowsItselfWithItsDefinitionsName) {
  ApiStage stage;
  const DefinitionRow job = stage.add_job("report");
  const RunRow run = stage.add_run(job, {.state = RunState::failed,
                                         .attempt = 2,
                                         .worker = "w1",
                                         .error_kind = "exit_code",
                                         .error = "1"});
  const Response response = stage.get("/api/v1/runs/" + to_string(run.id));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(must_hold(response.body, R"("kind":"job","namespace":"default","name":"report"})"), "");
  EXPECT_EQ(must_hold(response.body, R"("state":"failed","version":1,"attempt":2)"), "");
  EXPECT_EQ(must_hold(response.body, R"("result":null,"error":{"kind":"exit_code","message":"1"})"),
            "");
  EXPECT_EQ(stage.get("/api/v1/runs/4").status, 404);
  EXPECT_EQ(stage.get("/api/v1/runs/abc").status, 400);
}

TEST(RunRoutes, ListsFilterAndPage) {
  ApiStage stage;
  const DefinitionRow a = stage.add_job("a");
  const DefinitionRow b = stage.add_job("b");
  const RunRow first = stage.add_run(a, {.state = RunState::succeeded});
  const RunRow second = stage.add_run(a, {.state = RunState::failed});
  const RunRow third = stage.add_run(b, {.state = RunState::running, .attempt = 1});
  const auto has = [&](const std::string& body, const RunRow& run) {
    return body.find("\"id\":\"" + to_string(run.id) + "\"") != std::string::npos;
  };
  const std::string of_a = stage.get("/api/v1/runs?job=a").body;
  EXPECT_TRUE(has(of_a, first) && has(of_a, second) && !has(of_a, third)) << of_a;
  const std::string open = stage.get("/api/v1/runs?state=running&state=failed").body;
  EXPECT_TRUE(!has(open, first) && has(open, second) && has(open, third)) << open;
  const std::string page = stage.get("/api/v1/runs?limit=1").body;
  EXPECT_TRUE(has(page, third)) << "the newest first";
  EXPECT_EQ(must_hold(page, "\"next_cursor\":\"" + to_string(third.id) + "\""), "");
  const std::string rest = stage.get("/api/v1/runs?cursor=" + to_string(third.id)).body;
  EXPECT_TRUE(has(rest, first) && has(rest, second) && !has(rest, third)) << rest;
  EXPECT_EQ(stage.get("/api/v1/runs?state=done").status, 400);
  EXPECT_EQ(stage.get("/api/v1/runs?job=nobody").status, 404);
  EXPECT_EQ(stage.get("/api/v1/runs?job=a&workflow=b").status, 400);
  const std::string of_default = stage.get("/api/v1/runs?namespace=default&state=failed").body;
  EXPECT_TRUE(!has(of_default, first) && has(of_default, second)) << of_default;
  EXPECT_EQ(stage.get("/api/v1/runs?namespace=finance").body, R"({"items":[],"next_cursor":null})");
  EXPECT_EQ(stage.get("/api/v1/runs?namespace=1+1").status, 400);
}

TEST(RunRoutes, AttemptsAreTheOldRowsAndTheRunsOwn_S5_5) {
  ApiStage stage;
  const DefinitionRow job = stage.add_job("report");
  const RunRow run =
      stage.add_run(job, {.state = RunState::running, .attempt = 2, .token = {22}, .worker = "w2"});
  stage.commit({InsertAttempt{{.run = run.id,
                               .number = 1,
                               .token = {11},
                               .state = AttemptState::lost,
                               .worker = "w1",
                               .error_kind = "lost"}}});
  const Response response = stage.get("/api/v1/runs/" + to_string(run.id) + "/attempts");
  EXPECT_EQ(must_hold(response.body,
                      R"({"items":[{"number":1,"token":"11","state":"lost","worker":"w1")"),
            "");
  EXPECT_EQ(
      must_hold(response.body, R"({"number":2,"token":"22","state":"assigned","worker":"w2")"), "");
  const RunRow fresh = stage.add_run(job, {});
  EXPECT_EQ(stage.get("/api/v1/runs/" + to_string(fresh.id) + "/attempts").body, R"({"items":[]})");
}

TEST(RunRoutes, StepsAreTheDefinitionsWithTheNewestRunOfEach_S8_6) {
  ApiStage stage;
  const DefinitionRow flow = stage.add_workflow(
      "flow",
      R"([{"id":"a","noop":{}},{"id":"b","needs":["a"],"noop":{}},{"id":"c","needs":["b"],"noop":{}}])");
  const RunRow run = stage.add_run(flow, {.state = RunState::running, .version = 2});
  const auto add_step = [&](const std::string& step, int version, RunState state) {
    RunRow row{.id = stage.next_id(),
               .kind = RunKind::step,
               .definition = flow.id,
               .parent = run.id,
               .step = step,
               .handler = "noop",
               .params = "{}",
               .created = stage.clock.time,
               .progress = {.state = state, .version = version, .attempt = 1}};
    row.progress = testing::plausible(row.progress);
    stage.commit({InsertRun{row}});
    return row;
  };
  add_step("a", 1, RunState::succeeded);
  add_step("b", 1, RunState::failed);
  const RunRow again = add_step("b", 2, RunState::running);
  const Response response = stage.get("/api/v1/runs/" + to_string(run.id) + "/steps");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(
      must_hold(
          response.body,
          R"("state":"running","version":2,"items":[{"step":"a","needs":[],"handler":"noop","run_id":")"),
      "");
  EXPECT_EQ(
      must_hold(response.body, R"({"step":"b","needs":["a"],"handler":"noop","run_id":")" +
                                   to_string(again.id) + R"(","state":"running","version":2)"),
      "");
  EXPECT_EQ(
      must_hold(response.body,
                R"({"step":"c","needs":["b"],"handler":"noop","run_id":null,"state":"pending")"),
      "");
  const RunRow single = stage.add_run(stage.add_job("report"), {});
  EXPECT_EQ(stage.get("/api/v1/runs/" + to_string(single.id) + "/steps").status, 409);
}

TEST(RunRoutes, S56_ExplainAsksTheRunsShard) {
  ApiStage stage;
  auto why = std::make_shared<engine::Explanation>();
  why->reasons = {{"no_worker", "nobody offers 'h'"}};
  why->bound = {1'000};
  stage.hall->says = [&](const engine::Command&) {
    return engine::Reply{.id = {41}, .explanation = why};
  };
  const Response response = stage.get("/api/v1/runs/41/explain");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(
      response.body,
      R"({"run_id":"41","state":"queued","reasons":[{"code":"no_worker","text":"nobody offers )"
      R"('h'"}],"earliest_at":null,"bound_at":"1970-01-01T00:00:01.000Z"})");
  EXPECT_EQ(std::get<engine::ExplainRun>(stage.hall->commands.at(0).request).run, Id{41});
  EXPECT_EQ(stage.get("/api/v1/runs/x/explain").status, 400);
}

TEST(RunRoutes, S76_ItIsExplainedThatARuleForbidsItsHandler) {
  ApiStage stage;
  const DefinitionRow job = stage.add_job("report");
  RunRow row = stage.add_run(job, {.state = RunState::queued});
  const auto why = std::make_shared<engine::Explanation>();
  why->reasons = {{"no_worker", "nobody"}};
  stage.hall->says = [&](const engine::Command&) {
    return engine::Reply{.id = row.id, .explanation = why};
  };
  const std::string path = "/api/v1/runs/" + to_string(row.id) + "/explain";
  const std::string said = R"("reasons":[{"code":"forbidden","text":"the handler ')" + row.handler +
                           R"(' is forbidden in the namespace 'default')";
  EXPECT_NE(must_hold(stage.get(path).body, said), "");
  stage.doors->forbidden = HandlerRules::parse({"default/" + row.handler}).value();
  EXPECT_EQ(must_hold(stage.get(path).body, said), "");
  EXPECT_EQ(must_hold(stage.get(path).body, R"({"code":"no_worker","text":"nobody"}])"), "");
  why->state = RunState::running;
  EXPECT_NE(must_hold(stage.get(path).body, said), "") << "it was given out before";
}

TEST(RunRoutes, CancelAndRetryAreCommands) {
  ApiStage stage;
  const Response cancelled = stage.call({.method = "POST", .target = "/api/v1/runs/41/cancel"});
  EXPECT_EQ(cancelled.status, 202);
  EXPECT_EQ(cancelled.body, R"({"id":"41"})");
  EXPECT_EQ(std::get<engine::CancelRun>(stage.hall->commands.at(0).request).run, Id{41});
  EXPECT_EQ(stage.post("/api/v1/runs/41/retry", R"({"from":["a","b"]})").status, 202);
  const auto& retry = std::get<engine::RetryRun>(stage.hall->commands.at(1).request);
  EXPECT_EQ(retry.from_steps, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(stage.call({.method = "POST", .target = "/api/v1/runs/41/retry"}).status, 202);
  EXPECT_EQ(stage.post("/api/v1/runs/41/retry", R"({"from":[1]})").status, 400);
  EXPECT_EQ(stage.post("/api/v1/runs/41/retry", R"({"to":["a"]})").status, 400);
  stage.hall->says = [](const engine::Command&) {
    return Problem{ProblemCode::wrong_state, "ended"};
  };
  EXPECT_EQ(stage.call({.method = "POST", .target = "/api/v1/runs/41/cancel"}).status, 409);
}

TEST(WorkerRoutes, WorkersAndTheirHandlers) {
  ApiStage stage;
  for (const char* name : {"w2", "w1"}) {
    runtime::WorkerView worker;
    worker.hello.name = name;
    worker.hello.incarnation = {9};
    worker.hello.slots = 4;
    worker.hello.handlers = {{"noop", "1", "does nothing"}};
    worker.state = "online";
    worker.busy = 1;
    worker.load = 0.25;
    stage.hall->workers.push_back(worker);
  }
  const Response workers = stage.get("/api/v1/workers");
  EXPECT_EQ(
      must_hold(
          workers.body,
          R"({"items":[{"name":"w1","incarnation":"9","namespace":"default","tags":[],"slots":4,"busy":1,"load":0.25,"state":"online")"),
      "");
  EXPECT_EQ(
      stage.get("/api/v1/handlers").body,
      R"({"items":[{"name":"noop","version":"1","description":"does nothing","workers":["w1","w2"]}]})");
}

TEST(HealthRoutes, ReadinessFollowsTheHall) {
  ApiStage stage;
  stage.hall->reason = "loading shards";
  EXPECT_EQ(stage.get("/livez").status, 200);
  EXPECT_EQ(stage.get("/startupz").status, 503);
  const Response not_ready = stage.get("/readyz");
  EXPECT_EQ(not_ready.status, 503);
  EXPECT_EQ(not_ready.body, "not ready: loading shards\n");
  EXPECT_EQ(must_hold(stage.get("/readyz?verbose").body, R"("reason":"loading shards")"), "");
  stage.hall->reason.clear();
  EXPECT_EQ(stage.get("/readyz").body, "ok\n");
  EXPECT_EQ(stage.get("/startupz").status, 200);
  stage.hall->reason = "the store is away";
  EXPECT_EQ(stage.get("/startupz").status, 200) << "it was ready once";
  EXPECT_EQ(must_hold(stage.get("/readyz?verbose=true").body, "voided_promises"), "");
  EXPECT_EQ(must_hold(stage.get("/version").body, R"("store":"memory")"), "");
}

}  // namespace
}  // namespace jobflow::api
