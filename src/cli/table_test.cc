#include "cli/table.h"

#include <gtest/gtest.h>

namespace jobflow::cli {
namespace {

Table sample() {
  Table table({{.title = "NAME", .narrowest = 6},
               {.title = "EMPTY"},
               {.title = "N", .right = true},
               {.title = "ERROR", .narrowest = 5}});
  table.add({"中文名", "", "7", "short"});
  table.add({"plain", "", "1234", "a much longer error than fits"});
  return table;
}

TEST(Table, AlignsWideCharactersAndLeavesEmptyColumnsOut) {
  EXPECT_EQ(sample().text(0, {}),
            "NAME       N  ERROR\n"
            "中文名     7  short\n"
            "plain   1234  a much longer error than fits\n");
}

TEST(Table, ShrinksTheWidestUntilTheLineFits) {
  EXPECT_EQ(sample().text(30, {}),
            "NAME       N  ERROR\n"
            "中文名     7  short\n"
            "plain   1234  a much longer e…\n");
  EXPECT_EQ(sample().text(3, {}),
            "NAME       N  ERROR\n"
            "中文名     7  short\n"
            "plain   1234  a mu…\n")
      << "no narrower than columns may be";
}

TEST(Table, LeavesOutWhatItMayBeforeALineBreaks) {
  Table table({{.title = "ID"},
               {.title = "KIND", .dispensable = true},
               {.title = "ERROR", .narrowest = 6, .dispensable = true}});
  table.add({"1234567890", "job", "a long error"});
  EXPECT_EQ(table.text(24, {}), "ID          KIND  ERROR\n1234567890  job   a lon…\n");
  EXPECT_EQ(table.text(20, {}), "ID          KIND\n1234567890  job\n");
  EXPECT_EQ(table.text(4, {}), "ID\n1234567890\n");
}

TEST(Table, ColoursDoNotCountAsWidth) {
  Table table({{.title = "STATE"}, {.title = "X"}});
  table.add({Cell("failed", Colour::red), "1"});
  EXPECT_EQ(table.text(0, {.colours = true}),
            "\x1b[2mSTATE\x1b[0m   \x1b[2mX\x1b[0m\n\x1b[31mfailed\x1b[0m  1\n");
}

}  // namespace
}  // namespace jobflow::cli
