#include "api/router.h"

#include "api/routes.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

void nothing(const ExchangePtr&) {}

Route route(std::string_view pattern, Method method = Method::get) {
  return {.method = method, .pattern = pattern, .permission = Permission::view, .handler = nothing};
}

Router::Match matched(const Router& router, Method method, std::string target, Request& request) {
  EXPECT_TRUE(read_target(target, request));
  return router.match(method, request);
}

TEST(Router, ARouteThatStatesNoPermissionMakesNoTable_S13_5) {
  Route silent = route("/secret");
  silent.permission = Permission::unstated;
  const auto table = Router::make({route("/a"), silent});
  ASSERT_FALSE(table);
  EXPECT_NE(table.problem().detail.find("GET /secret: it does not state its permission"),
            std::string::npos);
}

TEST(Router, EveryRouteOfTheProductStatesItsPermission_S13_5) {
  const auto table = Router::make(all_routes());
  ASSERT_TRUE(table) << table.problem().detail;
  for (const Route& one : table->routes()) {
    const bool is_public = one.pattern == "/livez" || one.pattern == "/readyz" ||
                           one.pattern == "/startupz" || one.pattern == "/version" ||
                           one.pattern == "/openapi.json";
    EXPECT_EQ(one.permission == Permission::open, is_public) << one.pattern;
    EXPECT_EQ(one.body != Body::none, one.body_bytes_max > 0) << one.pattern;
  }
}

TEST(Router, ARouteStatedTwiceOrWithoutHandlerMakesNoTable) {
  EXPECT_FALSE(Router::make({route("/a"), route("/a")}));
  Route empty = route("/a");
  empty.handler = nullptr;
  EXPECT_FALSE(Router::make({empty}));
}

TEST(Router, AFixedSegmentGoesBeforeAPlaceWhateverTheOrder) {
  auto table = Router::make({route("/runs/{id}"), route("/runs/batch")});
  ASSERT_TRUE(table);
  Request request;
  EXPECT_EQ(matched(*table, Method::get, "/runs/batch", request).route->pattern, "/runs/batch");
  Request other;
  EXPECT_EQ(matched(*table, Method::get, "/runs/7", other).route->pattern, "/runs/{id}");
  EXPECT_EQ(other.place("id"), "7");
}

TEST(Router, PlacesAreDecodedAndNeverEmpty) {
  auto table = Router::make({route("/jobs/{id}/revisions/{n}")});
  ASSERT_TRUE(table);
  Request request;
  ASSERT_TRUE(matched(*table, Method::get, "/jobs/a%2Fb/revisions/2", request).route);
  EXPECT_EQ(request.place("id"), "a/b");
  EXPECT_EQ(request.place("n"), "2");
  Request empty;
  EXPECT_EQ(matched(*table, Method::get, "/jobs//revisions/2", empty).route, nullptr);
  Request broken;
  EXPECT_TRUE(matched(*table, Method::get, "/jobs/%zz/revisions/2", broken).broken);
}

TEST(Router, AnotherMethodIsToldWhatThePathAllows) {
  auto table = Router::make({route("/a"), route("/a", Method::put)});
  ASSERT_TRUE(table);
  Request request;
  const auto match = matched(*table, Method::del, "/a", request);
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allow, "GET, HEAD, PUT, OPTIONS");
  Request none;
  EXPECT_EQ(matched(*table, Method::get, "/b", none).allow, "");
}

TEST(Http, TargetsAreCutAndDecoded) {
  Request request;
  ASSERT_TRUE(read_target("/a/b?x=1&y=a%20b+c&z&=w", request));
  EXPECT_EQ(request.path, "/a/b");
  ASSERT_EQ(request.query.size(), 4U);
  EXPECT_EQ(*request.asked("y"), "a b c");
  EXPECT_EQ(*request.asked("z"), "");
  EXPECT_EQ(request.asked("q"), nullptr);
  for (const char* broken : {"", "a", "*", "/a?x=%", "/a?x=%0", "/a?x=%00", "/a?%gg=1"}) {
    Request other;
    EXPECT_FALSE(read_target(broken, other)) << broken;
  }
}

TEST(Http, PercentCodingRoundTrips) {
  const std::string text = "a/b c?d%e\xc3\xa9~";
  EXPECT_EQ(percent_decoded(percent_encoded(text)), text);
  EXPECT_EQ(percent_encoded("Az09-._~"), "Az09-._~");
}

}  // namespace
}  // namespace jobflow::api
