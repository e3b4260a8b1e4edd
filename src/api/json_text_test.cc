#include "api/json_text.h"

#include "model/json.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

std::string as_json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, StringsAreEscaped) {
  EXPECT_EQ(as_json("a\"b\\c\n\r\t\x01\x7f"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\x7f\"");
  EXPECT_EQ(as_json("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
            "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
}

TEST(JsonText, BytesThatAreNoUtf8BecomeAMark) {
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(as_json("a\xffz"), "\"a" + mark + "z\"");
  EXPECT_EQ(as_json("\xc3"), "\"" + mark + "\"");
  EXPECT_EQ(as_json("\xc0\x80"), "\"" + mark + mark + "\"");             // overlong
  EXPECT_EQ(as_json("\xed\xa0\x80"), "\"" + mark + mark + mark + "\"");  // a surrogate
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text = as_json(std::string(3, static_cast<char>(byte)));
    EXPECT_TRUE(is_json(text)) << byte;
  }
}

TEST(JsonText, ObjectsAndArraysNest) {
  std::string out;
  {
    JsonObject object(out);
    object.text("a", "x").number("b", -5).truth("c", true).id("d", Id{7}).time("e", Instant{});
    object.raw("f", "").real("g", 0.5).text_or_null("h", "");
    JsonArray array(object.open("i"));
    JsonObject(array.next()).number("j", 1);
    array.next() += "2";
  }
  EXPECT_EQ(
      out,
      R"({"a":"x","b":-5,"c":true,"d":"7","e":null,"f":null,"g":0.5,"h":null,"i":[{"j":1},2]})");
}

}  // namespace
}  // namespace jobflow::api
