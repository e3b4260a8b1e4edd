#include "api/yaml_document.h"

#include "model/json.h"

#include <gtest/gtest.h>

namespace jobflow::api {
namespace {

std::string json_of(std::string_view yaml) {
  const auto documents = read_yaml(yaml);
  if (!documents) {
    return "problem: " + documents.problem().detail;
  }
  std::string all;
  for (const TextDocument& document : *documents) {
    all += (all.empty() ? "" : " | ") + to_text(document.value);
  }
  return all;
}

TEST(Yaml, ScalarsAreWhatTheCoreSchemaSays) {
  EXPECT_EQ(json_of("[~, null, Null, true, False, yes, on, no]"),
            R"([null,null,null,true,false,"yes","on","no"])");
  EXPECT_EQ(json_of("[1, -2, +3, 012, 0x1F, 0o17, 1_000]"), R"([1,-2,3,12,31,15,"1_000"])");
  EXPECT_EQ(json_of("[1.5, .5, -1., 1e3, 1.2.3, 1e, 12:30:45]"),
            R"([1.5,0.5,-1.0,1000.0,"1.2.3","1e","12:30:45"])");
  EXPECT_EQ(json_of("['1', \"true\", !!str 12, !!int 7, ! x]"), R"(["1","true","12",7,"x"])");
  EXPECT_EQ(json_of("a: 2026-11-22\nb:\nc: |\n  x\n  y\n"),
            R"({"a":"2026-11-22","b":null,"c":"x\ny\n"})");
}

TEST(Yaml, WhatHasNoPlaceInJsonIsRefusedWithItsLine) {
  const auto line_of = [](std::string_view yaml) {
    const auto documents = read_yaml(yaml);
    return documents ? -1 : documents.problem().fields.at(0).line;
  };
  EXPECT_EQ(line_of("a: 1\nb: .inf\n"), 2);
  EXPECT_EQ(line_of("a: 1\nb: 99999999999999999999\n"), 2);
  EXPECT_EQ(line_of("a: 1\nb: 1e999\n"), 2);
  EXPECT_EQ(line_of("a: !ruby/object x\n"), 1);
  EXPECT_EQ(line_of("a: !!int x\n"), 1);
  EXPECT_EQ(line_of("? [a, b]\n: 1\n"), 1);
  EXPECT_EQ(line_of("a: 1\n: 2\n"), 2);
  EXPECT_EQ(line_of("a: [1, 2\nb: 3\n"), 2);
  EXPECT_EQ(line_of("\tx: 1\n"), 1);
  EXPECT_EQ(line_of("a: *nobody\n"), 1);
}

TEST(Yaml, ADuplicateKeyIsRefused) {
  EXPECT_EQ(json_of("a: 1\nb:\n  x: 1\n  x: 2\n"),
            "problem: the YAML cannot be read: line 4: the key 'x' is there twice");
}

TEST(Yaml, SeveralDocumentsComeInOrderWithoutTheEmptyOnes) {
  EXPECT_EQ(json_of("---\na: 1\n---\n---\n# nothing\n---\n- 2\n...\n"), R"({"a":1} | [2])");
  EXPECT_EQ(json_of(""), "");
}

TEST(Yaml, AliasesAreCopiedWithinBounds) {
  EXPECT_EQ(json_of("a: &x {k: [1]}\nb: *x\nc: *x\n"),
            R"({"a":{"k":[1]},"b":{"k":[1]},"c":{"k":[1]}})");
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) {
      bomb += (k == 0 ? "" : ",") + before;
    }
    bomb += "]\n";
  }
  const auto documents = read_yaml(bomb, {.values = 100'000});
  ASSERT_FALSE(documents);
  EXPECT_NE(documents.problem().detail.find("once aliases are copied"), std::string::npos);
}

TEST(Yaml, NestingIsBoundedThroughAliasesToo) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + "1" +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(read_yaml(nested(32)));
  EXPECT_FALSE(read_yaml(nested(33)));
  EXPECT_FALSE(read_yaml(nested(5000)));
  EXPECT_FALSE(read_yaml("a: &x " + nested(20) + "\nb: [[[[[[[[[[[[[*x]]]]]]]]]]]]]\n"));
}

TEST(Yaml, PointersKnowTheirLines) {
  const auto documents = read_yaml(
      "metadata:\n  name: a\nspec:\n  steps:\n    - id: one\n    - {id: two,\n       needs: "
      "[x]}\n---\nz: 1\n");
  ASSERT_TRUE(documents);
  const TextDocument& document = documents->at(0);
  EXPECT_EQ(document.line_of(""), 1);
  EXPECT_EQ(document.line_of("/metadata/name"), 2);
  EXPECT_EQ(document.line_of("/spec/steps/0/id"), 5);
  EXPECT_EQ(document.line_of("/spec/steps/1/needs/0"), 7);
  EXPECT_EQ(document.line_of("/spec/steps/1/handler"), 6);  // its nearest parent
  EXPECT_EQ(documents->at(1).line_of("/z"), 9);
}

TEST(Yaml, AKeyWithSlashesHasAnEscapedPointer) {
  const auto documents = read_yaml("a/b:\n  c~d: 1\n");
  ASSERT_TRUE(documents);
  EXPECT_EQ(documents->at(0).line_of("/a~1b/c~0d"), 2);
}

TEST(JsonDocument, PointersKnowTheirLines) {
  const auto documents =
      read_json("{\n \"a\": [1,\n  {\"b\": \"x\\\"}\",\n   \"c\": null}],\n \"d/e\": {}\n}");
  ASSERT_TRUE(documents) << documents.problem().detail;
  const TextDocument& document = documents->at(0);
  EXPECT_EQ(document.line_of("/a/0"), 2);
  EXPECT_EQ(document.line_of("/a/1/b"), 3);
  EXPECT_EQ(document.line_of("/a/1/c"), 4);
  EXPECT_EQ(document.line_of("/d~1e"), 5);
}

TEST(JsonDocument, AnArrayHoldsSeveral) {
  const auto documents = read_json("[\n{\"a\":1},\n{\"b\":\n2}]");
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 2U);
  EXPECT_EQ(documents->at(1).line_of("/b"), 3);
  EXPECT_EQ(to_text(documents->at(1).value), R"({"b":2})");
  EXPECT_FALSE(read_json("{\"a\":"));
}

TEST(JsonDocument, AKeyThatIsThereTwiceIsRefused) {
  const auto told = [](const char* text) {
    const auto read = read_json(text);
    std::string all = read ? "" : read.problem().detail;
    for (const FieldProblem& field : read ? std::vector<FieldProblem>() : read.problem().fields) {
      all += "|" + field.pointer + " " + std::to_string(field.line);
    }
    return all;
  };
  EXPECT_EQ(told("{\"spec\":{\n\"shell\":{\"x\":1},\n\"shell\":{\"x\":2}}}"),
            "line 3: the key 'shell' is there twice, first in line 2: drop one of the two"
            "|/spec/shell 3");
  EXPECT_EQ(told(R"([{"a/b":1,"c":"\"a/b\":","a\/b":2,"":0,"":1}])"),
            "line 1: the key 'a/b' is there twice, first in line 1: drop one of the two"
            "|/0/a~1b 1|/0/ 1");
  EXPECT_EQ(told(R"({"a":{"x":1,"y":{"x":1}},"b":{"x":1},"c":[{"x":1},{"x":":"}]})"), "");
}

}  // namespace
}  // namespace jobflow::api
