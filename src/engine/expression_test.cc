#include "engine/expression.h"

#include "model/json.h"
#include "model/limits.h"

#include <gtest/gtest.h>

#include <map>

namespace jobflow::engine {
namespace {

const std::map<std::string, std::string, std::less<>> kOutputs{
    {"a", R"({"y":7,"items":["p",{"q":true}],"key with space":"s","n":null,"f":0.2})"},
    {"per-customer", R"("bare")"},
    {"nothing", ""},
};

Scope scope() {
  return {R"({"x":"text","n":3,"list":[1,2],"none":null})", [](std::string_view step) {
            const auto found = kOutputs.find(step);
            return found == kOutputs.end() ? nullptr : &found->second;
          }};
}

std::string fill(std::string_view json) {
  const auto filled = fill_templates(json, scope());
  return filled ? *filled : "problem: " + filled.problem().detail;
}

TEST(Templates, ATemplateAloneBecomesTheValueItself) {  // S8.4
  EXPECT_EQ(fill(R"({"v":"{{ inputs.n }}"})"), R"({"v":3})");
  EXPECT_EQ(fill(R"(["{{inputs.list}}"])"), "[[1,2]]");
  EXPECT_EQ(fill(R"("{{ steps.a.output }}")"), kOutputs.at("a"));
  EXPECT_EQ(fill(R"("{{ steps.a.output.items[1].q }}")"), "true");
  EXPECT_EQ(fill(R"("{{ steps.a.output['key with space'] }}")"), R"("s")");
  EXPECT_EQ(fill(R"("{{ steps['a'].output[\"y\"] }}")"), "7");
  EXPECT_EQ(fill(R"("{{ steps.per-customer.output }}")"), R"("bare")");
  EXPECT_EQ(fill(R"("{{ inputs.none }}")"), "null");
  EXPECT_EQ(fill(R"("{{ steps.nothing.output }}")"), "null");
  EXPECT_EQ(fill(R"("{{ inputs }}")"), std::string(scope().inputs));
}

TEST(Templates, InsideTextStringsAreBareAndTheRestIsJson) {
  EXPECT_EQ(fill(R"("{{ inputs.x }}-{{ inputs.n }}-{{ inputs.list }}-{{ inputs.none }}")"),
            R"("text-3-[1,2]-null")");
  EXPECT_EQ(fill(R"(" {{ inputs.n }}")"), R"(" 3")");
  EXPECT_EQ(fill(R"({"a":[1,{"b":"x{{ steps.a.output.f }}y"}],"c":2.0})"),
            R"({"a":[1,{"b":"x0.2y"}],"c":2.0})");
}

TEST(Templates, TextWithoutAnyIsReturnedAsItIs) {
  EXPECT_EQ(fill(R"({ "a" : 1E0, "b": "{ }" })"), R"({ "a" : 1E0, "b": "{ }" })");
}

TEST(Templates, WhatIsFilledInIsNotFilledAgain) {
  const Scope tricky{R"({"x":"{{ inputs.secret }}","secret":1})", {}};
  EXPECT_EQ(*fill_templates(R"("{{ inputs.x }}!")", tricky), R"("{{ inputs.secret }}!")");
}

TEST(Templates, ALiteralGivesPlainBraces) {
  EXPECT_EQ(fill(R"("docker ps --format {{ '{{.Names}}' }}")"),
            R"("docker ps --format {{.Names}}")");
  EXPECT_EQ(fill(R"("{{ '{{' }}")"), R"("{{")");
}

TEST(Templates, AMissingValueNamesThePath) {
  struct Case {
    const char* json;
    const char* words;
  };
  for (const auto& [json, words] : {
           Case{R"("{{ inputs.nope }}")",
                "'inputs.nope' has no value: inputs is an object without "
                "a member 'nope'"},
           {R"("{{ steps.a.output.items[2] }}")",
            "steps.a.output.items is a list without an item [2]"},
           {R"("{{ steps.a.output.y.z }}")", "steps.a.output.y is a number without a member 'z'"},
           {R"("{{ steps.a.output.n.z }}")", "steps.a.output.n is null without a member 'z'"},
           {R"("{{ inputs[0] }}")", "inputs is an object without an item [0]"},
           {R"("{{ steps.gone.output }}")", "the step 'gone' has no output"},
           {R"("{{ steps.a }}")", "write steps.<id>.output"},
           {R"("{{ steps.a.state }}")", "write steps.<id>.output"},
           {R"("{{ trigger.time }}")", "'trigger' is not supported yet"},
           {R"("{{ input.x }}")", "did you mean 'inputs'?"},
       }) {
    const auto filled = fill_templates(json, scope());
    ASSERT_FALSE(filled.ok()) << json;
    EXPECT_NE(filled.problem().detail.find(words), std::string::npos)
        << json << " told: " << filled.problem().detail;
  }
  const auto deep = fill_templates(R"({"a/b":["x","{{ inputs.nope }}"]})", scope());
  EXPECT_EQ(deep.problem().fields.at(0).pointer, "/a~1b/1");
}

TEST(Templates, WrongSyntaxIsQuotedAndExplained) {
  struct Case {
    const char* inside;
    const char* words;
  };
  for (const auto& [inside, words] : {
           Case{"", "it is empty"},
           {"inputs.x | json", "filters are not supported yet"},
           {"inputs.x == 3", "operators are not supported yet"},
           {"inputs.n + 1", "operators are not supported yet"},
           {"inputs.a - 1", "operators are not supported yet"},
           {"inputs.a || 1", "operators are not supported yet"},
           {"inputs.x and inputs.y", "operators are not supported yet"},
           {"inputs.", "a name is expected after '.'"},
           {"inputs.0", "a name is expected after '.'"},
           {"inputs[", "a number or a quoted key"},
           {"inputs[x]", "a number or a quoted key"},
           {"inputs[0", "']' is missing"},
           {"inputs['x]", "a quote is not closed"},
           {"inputs x", "'x ' is not expected here"},
           {".Names", "it must start with a name"},
           {"1", "it must start with a name"},
           {"inputs[99999999999]", "a number or a quoted key"},
       }) {
    const std::string json = to_text(JsonValue("{{ " + std::string(inside) + " }}"));
    const auto filled = fill_templates(json, scope());
    ASSERT_FALSE(filled.ok()) << json;
    EXPECT_NE(filled.problem().detail.find(words), std::string::npos)
        << json << " told: " << filled.problem().detail;
    ASSERT_EQ(references_in(json).problems.size(), 1U) << json;
  }
  EXPECT_NE(fill("\"{{ inputs.x \"").find("'}}' is missing"), std::string::npos);
  EXPECT_NE(fill("\"{{\"").find("'}}' is missing"), std::string::npos);
}

TEST(Templates, SizeAndDepthAreBounded) {  // I7
  const std::string half = "\"" + std::string(limits::kParamsBytes / 2, 'x') + "\"";
  const std::string inputs = R"({"big":)" + half + "}";
  const Scope large{inputs, {}};
  EXPECT_TRUE(fill_templates(R"(["{{ inputs.big }}"])", large).ok());
  const auto twice = fill_templates(R"(["{{ inputs.big }}","{{ inputs.big }}"])", large);
  EXPECT_EQ(twice.problem().code, ProblemCode::too_large);
  std::string bomb = "\"";
  for (int i = 0; i < 20'000; ++i) {
    bomb += "{{inputs.big}}";
  }
  EXPECT_EQ(fill_templates(bomb + "\"", large).problem().code, ProblemCode::too_large);

  const auto nested = [](int depth, const std::string& core) {
    const auto size = static_cast<std::size_t>(depth);
    return std::string(size, '[') + core + std::string(size, ']');
  };
  const std::string deep_inputs = R"({"deep":)" + nested(20, "1") + "}";
  const Scope deep{deep_inputs, {}};
  EXPECT_TRUE(fill_templates(nested(12, R"("{{ inputs.deep }}")"), deep).ok());
  const auto too_deep = fill_templates(nested(13, R"("{{ inputs.deep }}")"), deep);
  ASSERT_FALSE(too_deep.ok());
  EXPECT_NE(too_deep.problem().detail.find("levels deep"), std::string::npos);
  const auto fits = fill_templates(nested(12, R"("{{ inputs.deep }}")"), deep);
  EXPECT_TRUE(is_json(*fits));
}

TEST(Templates, ReferencesAreFoundWhereTheyStand) {
  const auto references = references_in(
      R"({"a":["{{ inputs.x }}, {{ steps.a.output.items[0] }}"],"{{k}}":"{{ nope.x }}","p":1})");
  ASSERT_EQ(references.found.size(), 2U);
  EXPECT_EQ(references.found[0].pointer, "/a/0");
  EXPECT_EQ(references.found[0].root, "inputs");
  EXPECT_EQ(references.found[0].path, std::vector<std::string>{"x"});
  EXPECT_EQ(references.found[1].path, (std::vector<std::string>{"a", "output", "items", "0"}));
  ASSERT_EQ(references.problems.size(), 2U);
  EXPECT_EQ(references.problems[0].pointer, "/{{k}}");
  EXPECT_EQ(references.problems[1].pointer, "/{{k}}");
  EXPECT_TRUE(references_in(R"({"a":"b"})").found.empty());
}

}  // namespace
}  // namespace jobflow::engine
