#include "worker/builtin/line_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jobflow::worker {
namespace {

class LineReaderTest : public testing::Test {
 protected:
  std::vector<std::string> lines;
  LineReader reader{16, [this](std::string_view line) { lines.emplace_back(line); }};
};

using Lines = std::vector<std::string>;

TEST_F(LineReaderTest, CutsBytesIntoLinesHoweverTheyCome) {
  reader.feed("one\ntw");
  reader.feed("o\r\n\nlast");
  EXPECT_EQ(lines, (Lines{"one", "two", ""}));
  reader.end();
  EXPECT_EQ(lines.back(), "last");
  EXPECT_EQ(reader.last_line(), "last");
}

TEST_F(LineReaderTest, ShowsAnOpenLineOnceAndKeepsItWhole) {
  reader.feed("{\"a\"");
  reader.pause();
  reader.pause();
  reader.feed(":1}\n \n");
  EXPECT_EQ(lines, (Lines{"{\"a\"", ":1}", " "}));
  EXPECT_EQ(reader.last_line(), "{\"a\":1}");  // blank lines do not count
}

TEST_F(LineReaderTest, AnOpenLineThatWasShownNeedsNoSecondLine) {
  reader.feed("prompt> ");
  reader.pause();
  reader.feed("\nx\n");
  EXPECT_EQ(lines, (Lines{"prompt> ", "x"}));
}

TEST_F(LineReaderTest, KeepsTheBeginningOfAHugeLineAndCountsTheRest) {
  for (int i = 0; i < 1000; ++i) {
    reader.feed("0123456789");
  }
  reader.feed("\nshort\n");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], "0123456789012345 [jobflow: line cut, 9984 bytes dropped]");
  EXPECT_EQ(lines[1], "short");
}

TEST_F(LineReaderTest, AHugeLastLineIsNoResult) {
  reader.feed("{}\n");
  reader.feed(std::string(100, '1'));
  reader.end();
  EXPECT_EQ(reader.last_line(), "");
  EXPECT_EQ(reader.cut_line_began_with(), '1');
  reader.feed("\n{}\n");
  EXPECT_EQ(reader.cut_line_began_with(), 0) << "the last line is whole";
}

}  // namespace
}  // namespace jobflow::worker
