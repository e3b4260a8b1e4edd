#include "cli/text_width.h"

#include <gtest/gtest.h>

namespace jobflow::cli {
namespace {

TEST(TextWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(text_width("abc"), 3U);
  EXPECT_EQ(text_width("中文"), 4U);
  EXPECT_EQ(text_width("ｶﾅ"), 2U) << "half-width katakana";
  EXPECT_EQ(text_width("e\xcc\x81"), 1U) << "a combining accent takes no room";
  EXPECT_EQ(text_width("✓●⠋…"), 4U);
  EXPECT_EQ(text_width("🚀"), 2U);
  EXPECT_EQ(text_width("\xff\xfe"), 2U) << "broken bytes are one column each";
}

TEST(TextWidth, CutsWithoutHalvingACharacter) {
  EXPECT_EQ(cut_to_width("short", 5), "short");
  EXPECT_EQ(cut_to_width("longer", 5), "long…");
  EXPECT_EQ(cut_to_width("中文字", 5), "中文…");
  EXPECT_EQ(cut_to_width("中文字", 4), "中…");
  EXPECT_EQ(cut_to_width("中", 1), "…");
  EXPECT_EQ(cut_to_width("abc", 0), "");
}

TEST(TextWidth, DataNeverCommandsTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb"), "a\xef\xbf\xbd[31mb");
  EXPECT_EQ(printable("a\tb\nc\r"), "a b c\xef\xbf\xbd");
  EXPECT_EQ(printable("a\nb", true), "a\nb");
  EXPECT_EQ(printable("\xe2\x80\xae"), "\xef\xbf\xbd") << "right-to-left override";
  EXPECT_EQ(printable("\xc2\x9b"), "\xef\xbf\xbd") << "C1 control sequence introducer";
  EXPECT_EQ(printable("\xed\xa0\x80").find('\xed'), std::string::npos) << "a lone surrogate";
}

}  // namespace
}  // namespace jobflow::cli
