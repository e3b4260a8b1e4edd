#include <gtest/gtest.h>
#include <jobflow/json.h>

#include <cmath>
#include <limits>
#include <string>

namespace jobflow {
namespace {

TEST(Json, BracesMakeObjectsAndArrays) {
  const Json object = {
      {"url", "u"}, {"n", 3}, {"list", {1, 2, 3}}, {"in", {{"x", true}, {"y", 2.5}}}};
  EXPECT_EQ(object.dump(), R"({"url":"u","n":3,"list":[1,2,3],"in":{"x":true,"y":2.5E0}})");
  EXPECT_EQ(Json({1, "two", nullptr}).dump(), R"([1,"two",null])");
  EXPECT_EQ(Json::array({"a", "b"}).dump(), R"(["a","b"])");
  EXPECT_EQ(Json::array({Json::array({"a", "b"})}).dump(), R"([["a","b"]])");
  EXPECT_EQ(Json::object().dump(), "{}");
  EXPECT_EQ(Json().dump(), "null");
}

TEST(Json, ReadsWhatItWrites) {
  const std::string text = R"({"a":[1,-2,null,true,"ü\u0000"],"big":9223372036854775807,"d":0.1})";
  const Json json = Json::parse(text);
  EXPECT_EQ(Json::parse(json.dump()), json);
  EXPECT_EQ(json.at("a").at(1).as_int(), -2);
  EXPECT_EQ(json.at("big").as_int(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(json.at("d").as_double(), 0.1);
  EXPECT_EQ(json.at("a").size(), 5U);
}

TEST(Json, SaysWhatIsWrong) {
  const Json json = {{"n", 1.5}};
  EXPECT_THROW(json.at("missing"), JsonError);
  EXPECT_THROW(json.at("n").as_string(), JsonError);
  EXPECT_THROW(json.at("n").as_int(), JsonError);
  EXPECT_THROW(Json::parse("{"), JsonError);
  EXPECT_FALSE(Json::try_parse("").has_value());
  EXPECT_FALSE(Json::try_parse(std::string(100, '[')).has_value());  // too deep
  EXPECT_EQ(Json(4.0).as_int(), 4);
  EXPECT_EQ(json.find("x"), nullptr);
}

TEST(Json, GrowsInPlace) {
  Json json;
  json["a"]["b"] = 1;
  json["list"].push_back("x");
  json["list"][0] = "y";
  EXPECT_EQ(json.dump(), R"({"a":{"b":1},"list":["y"]})");
}

TEST(Json, WhatJsonCannotSayBecomesNullOrDouble) {
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
  EXPECT_TRUE(Json(std::numeric_limits<std::uint64_t>::max()).is_number());
  EXPECT_FALSE(Json(std::numeric_limits<std::uint64_t>::max()).is_int());
  EXPECT_EQ(Json(7U).as_int(), 7);
}

}  // namespace
}  // namespace jobflow
