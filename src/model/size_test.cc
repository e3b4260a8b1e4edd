#include "model/size.h"

#include <gtest/gtest.h>

namespace jobflow {
namespace {

TEST(Size, ReadsWhatPeopleWrite) {
  EXPECT_EQ(*parse_size("0"), 0);
  EXPECT_EQ(*parse_size("4096"), 4096);
  EXPECT_EQ(*parse_size("64KiB"), 64 * 1024);
  EXPECT_EQ(*parse_size("64 KB"), 64 * 1024);
  EXPECT_EQ(*parse_size("1.5G"), 3LL << 29);
  EXPECT_EQ(*parse_size("2TiB"), 2LL << 40);
}

TEST(Size, RefusesTheRest) {
  for (const char* text : {"", "KiB", "-1", "1.5", "64kib", "1XB", "1KiBs", "9e9", "nan", "inf",
                           "99999999TiB", "0x10"}) {
    EXPECT_FALSE(parse_size(text).ok()) << text;
  }
}

TEST(Size, IsWrittenInTheLargestUnitThatHoldsIt) {
  EXPECT_EQ(size_text(0), "0B");
  EXPECT_EQ(size_text(1000), "1000B");
  EXPECT_EQ(size_text(64 * 1024), "64KiB");
  EXPECT_EQ(size_text(3LL << 29), "1536MiB");
}

}  // namespace
}  // namespace jobflow
