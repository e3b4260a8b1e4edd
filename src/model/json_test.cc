#include "model/json.h"

#include "model/limits.h"

#include <gtest/gtest.h>

namespace jobflow {
namespace {

TEST(JsonValue, IsWrittenAsItWasRead) {
  for (const char* text :
       {"null", "true", "false", "0", "-1", "9223372036854775807", "18446744073709551615", "0.2",
        "2.0", "-1.5", "1e+300", "1e-07", "\"\"", "[]", "{}", "[1,[2,{\"a\":null}],\"x\"]",
        "{\"b\":1,\"a\":{\"z\":[],\"y\":\"w\"}}", "\"q\\\"b\\\\n\\nt\\tu\\u0001\xc3\xa4/\""}) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value.ok()) << text << ": " << value.problem().detail;
    EXPECT_EQ(to_text(*value), text);
  }
}

TEST(JsonValue, ControlCharactersAreEscaped) {
  for (int c = 0; c < 256; ++c) {
    const std::string one(1, static_cast<char>(c < 0x80 ? c : 'x'));
    const auto read = parse_json(to_text(JsonValue(one)));
    ASSERT_TRUE(read.ok()) << c;
    EXPECT_EQ(std::string_view(read->get_string()), one);
  }
}

TEST(JsonValue, AProblemNamesTheLine) {
  const auto read = parse_json("{\n\"a\": 1,\n\"b\": }\n");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.problem().fields.at(0).line, 3);
  EXPECT_EQ(parse_json("").problem().fields.at(0).line, 1);
  EXPECT_EQ(parse_json("{} {}").problem().fields.at(0).line, 1);
}

TEST(JsonValue, NestingIsBounded) {
  const auto nested = [](int depth) {
    const auto size = static_cast<std::size_t>(depth);
    return std::string(size, '[') + std::string(size, ']');
  };
  EXPECT_TRUE(parse_json(nested(limits::kJsonDepth)).ok());
  const auto deep = parse_json(nested(limits::kJsonDepth + 1));
  ASSERT_FALSE(deep.ok());
  EXPECT_NE(deep.problem().detail.find("levels deep"), std::string::npos);
  EXPECT_FALSE(parse_json(nested(1'000'000)).ok());
}

TEST(JsonValue, PointersEscapeTheirOwnCharacters) {
  EXPECT_EQ(pointer_to("/spec", "a/b~c"), "/spec/a~1b~0c");
}

TEST(JsonValue, MergesOneLevelDeep) {
  EXPECT_EQ(*merge_objects(R"({"a":1,"b":{"x":1}})", R"({"b":{"y":2},"c":0.5})"),
            R"({"a":1,"b":{"y":2},"c":0.5})");
  EXPECT_EQ(*merge_objects("", ""), "{}");
  EXPECT_EQ(*merge_objects("", R"({"a":1})"), R"({"a":1})");
  EXPECT_FALSE(merge_objects("{}", "[1]").ok());
  EXPECT_FALSE(merge_objects("{}", "{").ok());
}

TEST(Json, AFieldIsFoundByItsPath) {
  const char* object = R"({"a":{"b":"x","c":[1,{"d":true}],"n":null},"e.f":1,"g":2.5})";
  EXPECT_EQ(field_text(object, "a.b"), "x");
  EXPECT_EQ(field_text(object, "a.c.1.d"), "true");
  EXPECT_EQ(field_text(object, "a.c"), R"([1,{"d":true}])");
  EXPECT_EQ(field_text(object, "g"), "2.5");
  for (const char* path : {"a.n", "a.x", "a.c.2", "a.c.x", "a.c.-1", "a.b.c", "x", "e.f"}) {
    EXPECT_EQ(field_text(object, path), "") << path;
  }
  EXPECT_EQ(field_text("", "a"), "");
}

}  // namespace
}  // namespace jobflow
