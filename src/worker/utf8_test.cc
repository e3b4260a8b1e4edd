#include "worker/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace jobflow::worker {
namespace {

TEST(Utf8, LeavesGoodTextAlone) {
  for (const char* text : {"", "plain ascii, longer than eight", "häß €uro 𝄞 end"}) {
    EXPECT_TRUE(is_clean_text(text));
    EXPECT_EQ(clean_text(text), text);
  }
}

TEST(Utf8, ReplacesEachBrokenByte) {
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(clean_text(std::string("a\0b", 3)), "a" + mark + "b");
  EXPECT_EQ(clean_text("\xff"), mark);
  EXPECT_EQ(clean_text("\xc0\xaf"), mark + mark);                       // overlong
  EXPECT_EQ(clean_text("\xed\xa0\x80"), mark + mark + mark);            // a surrogate
  EXPECT_EQ(clean_text("12345678\xe2\x82"), "12345678" + mark + mark);  // cut short
  EXPECT_EQ(clean_text("\xf5\x80\x80\x80x"), mark + mark + mark + mark + "x");
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(cut_text("abc", 5), "abc");
  EXPECT_EQ(cut_text("abc", 2), "ab");
  EXPECT_EQ(cut_text("a€", 3), "a");
  EXPECT_EQ(cut_text("a€", 4), "a€");
  EXPECT_EQ(cut_text("𝄞𝄞", 7), "𝄞");
}

}  // namespace
}  // namespace jobflow::worker
