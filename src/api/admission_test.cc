#include "api/admission.h"

#include "api/testing/api_stage.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

using testing::ApiStage;
using testing::Asked;
using testing::must_hold;

TEST(Admission, WithoutATokenNothingButHealthIsServed_S13_1) {
  ApiStage stage;
  const Response none = stage.call({.target = "/api/v1/jobs", .token = ""});
  EXPECT_EQ(none.status, 401);
  ASSERT_FALSE(none.headers.empty());
  EXPECT_EQ(none.headers[0].first, "WWW-Authenticate");
  EXPECT_EQ(stage.call({.target = "/api/v1/jobs", .token = "nobody"}).status, 401);
  EXPECT_EQ(stage.call({.target = "/metrics", .token = ""}).status, 401);
  for (const char* open : {"/livez", "/readyz", "/startupz", "/version", "/openapi.json"}) {
    EXPECT_EQ(stage.call({.target = open, .token = ""}).status, 200) << open;
  }
}

TEST(Admission, RolesHoldWhatTheyMay_S13_2) {
  ApiStage stage;
  const auto status = [&](std::string role, std::string method, std::string target) {
    return stage.call({.method = method, .target = target, .token = role}).status;
  };
  EXPECT_EQ(status("worker", "GET", "/api/v1/jobs"), 403);
  EXPECT_EQ(status("worker", "GET", "/version"), 200);
  EXPECT_EQ(status("viewer", "GET", "/api/v1/jobs"), 200);
  EXPECT_EQ(status("viewer", "POST", "/api/v1/jobs/a/trigger"), 403);
  EXPECT_EQ(status("operator", "POST", "/api/v1/jobs/a/trigger"), 201);
  EXPECT_EQ(status("operator", "DELETE", "/api/v1/jobs/a"), 403);
  EXPECT_EQ(status("nonsense", "GET", "/api/v1/jobs"), 403);
}

TEST(Admission, ThePrincipalGoesWithEveryCommand) {
  ApiStage stage;
  stage.post("/api/v1/jobs/a/trigger", "{}");
  ASSERT_EQ(stage.hall->commands.size(), 1U);
  EXPECT_EQ(stage.hall->commands[0].principal, "token:admin");
}

TEST(Admission, UnknownQueryParametersAreNamed) {
  ApiStage stage;
  const Response response = stage.get("/api/v1/runs?colour=red");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(must_hold(response.body, "'colour'"), "");
  EXPECT_EQ(must_hold(response.body, "known are job, workflow"), "");
  const Response token = stage.get("/api/v1/ws?access_token=jf_x");
  EXPECT_EQ(token.status, 400);
  EXPECT_EQ(must_hold(token.body, "Authorization header only"), "");
}

TEST(Admission, OtherMethodsPathsAndTypesAreToldWhatIsTaken) {
  ApiStage stage;
  const Response method = stage.call({.method = "PATCH", .target = "/api/v1/jobs"});
  EXPECT_EQ(method.status, 405);
  ASSERT_FALSE(method.headers.empty());
  EXPECT_EQ(method.headers.back().second, "GET, HEAD, POST, OPTIONS");
  const Response options =
      stage.call({.method = "OPTIONS", .target = "/api/v1/runs/7", .token = ""});
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.at(0).second, "GET, HEAD, OPTIONS");
  EXPECT_EQ(stage.get("/api/v2/jobs").status, 404);
  const Response type = stage.call({.method = "POST",
                                    .target = "/api/v1/runs/batch",
                                    .body = "items: []",
                                    .content_type = "application/yaml"});
  EXPECT_EQ(type.status, 415);
  EXPECT_EQ(stage.call({.method = "POST", .target = "/api/v1/runs/7/cancel", .body = "x"}).status,
            400);
  EXPECT_EQ(stage.get("/api/v1/jobs/%f").status, 400);
}

TEST(Admission, AHeaderWithoutBearerSaysSo) {
  ApiStage stage;
  Request request;
  class None final : public runtime::Access {
    Outcome<runtime::Principal> authenticate(std::string_view) const override {
      ADD_FAILURE() << "asked";
      return Problem{};
    }
  };
  const auto admitted =
      admit(*stage.router, None(), {.method = "GET", .authorization = "Basic YTpi"}, "/api/v1/jobs",
            request);
  EXPECT_EQ(std::get<Refused>(admitted).response.status, 401);
}

}  // namespace
}  // namespace jobflow::api
