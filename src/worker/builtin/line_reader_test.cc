#include "worker/builtin/line_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jobflow::worker {
namespace {

class LineReaderTest : public testing::Test {
 protected:
  std::vector<std::string> lines_;
  LineReader reader_{16, [this](std::string_view line) { lines_.emplace_back(line); }};
};

using Lines = std::vector<std::string>;

TEST_F(LineReaderTest, CutsBytesIntoLinesHoweverTheyCome) {
  reader_.feed("one\ntw");
  reader_.feed("o\r\n\nlast");
  EXPECT_EQ(lines_, (Lines{"one", "two", ""}));
  reader_.end();
  EXPECT_EQ(lines_.back(), "last");
  EXPECT_EQ(reader_.last_line(), "last");
}

TEST_F(LineReaderTest, ShowsAnOpenLineOnceAndKeepsItWhole) {
  reader_.feed("{\"a\"");
  reader_.pause();
  reader_.pause();
  reader_.feed(":1}\n \n");
  EXPECT_EQ(lines_, (Lines{"{\"a\"", ":1}", " "}));
  EXPECT_EQ(reader_.last_line(), "{\"a\":1}");  // blank lines do not count
}

TEST_F(LineReaderTest, AnOpenLineThatWasShownNeedsNoSecondLine) {
  reader_.feed("prompt> ");
  reader_.pause();
  reader_.feed("\nx\n");
  EXPECT_EQ(lines_, (Lines{"prompt> ", "x"}));
}

TEST_F(LineReaderTest, KeepsTheBeginningOfAHugeLineAndCountsTheRest) {
  for (int i = 0; i < 1000; ++i) {
    reader_.feed("0123456789");
  }
  reader_.feed("\nshort\n");
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_EQ(lines_[0], "0123456789012345 [jobflow: line cut, 9984 bytes dropped]");
  EXPECT_EQ(lines_[1], "short");
}

TEST_F(LineReaderTest, AHugeLastLineIsNoResult) {
  reader_.feed("{}\n");
  reader_.feed(std::string(100, '1'));
  reader_.end();
  EXPECT_EQ(reader_.last_line(), "");
}

}  // namespace
}  // namespace jobflow::worker
