#include "model/inputs.h"

#include <gtest/gtest.h>

namespace jobflow {
namespace {

const std::vector<InputSpec> kDeclared{
    {"day", InputType::string, true, "null"},
    {"count", InputType::integer, false, "3"},
    {"any", InputType::any, false, "null"},
};

TEST(Inputs, DefaultsFillWhatWasNotGiven) {
  EXPECT_EQ(*complete_inputs(kDeclared, R"({"day":"mon"})"),
            R"({"day":"mon","count":3,"any":null})");
  EXPECT_EQ(*complete_inputs(kDeclared, R"({"any":[1],"count":7,"day":"x"})"),
            R"({"day":"x","count":7,"any":[1]})");
  EXPECT_EQ(*complete_inputs({}, ""), "{}");
}

TEST(Inputs, EveryMisfitIsToldAtOnce) {
  const auto wrong = complete_inputs(kDeclared, R"({"count":2.5,"dya":"mon"})");
  ASSERT_FALSE(wrong.ok());
  const auto& fields = wrong.problem().fields;
  ASSERT_EQ(fields.size(), 3U);
  EXPECT_EQ(fields[0], (FieldProblem{"/day", "is required and was not given"}));
  EXPECT_EQ(fields[1], (FieldProblem{"/count", "must be of type integer, not a number"}));
  EXPECT_EQ(fields[2],
            (FieldProblem{"/dya", "the workflow has no such input: did you mean 'day'?"}));
}

TEST(Inputs, MustBeAnObject) {
  EXPECT_FALSE(complete_inputs({}, "[]").ok());
  EXPECT_FALSE(complete_inputs({}, "{").ok());
}

TEST(Inputs, EachTypeKnowsItsOwn) {
  struct Case {
    InputType type;
    const char* good;
    const char* bad;
  };
  for (const auto& [type, good, bad] : {Case{InputType::string, "\"x\"", "1"},
                                        {InputType::number, "1.5", "\"1\""},
                                        {InputType::integer, "-4", "1.5"},
                                        {InputType::boolean, "false", "0"},
                                        {InputType::object, "{}", "[]"},
                                        {InputType::array, "[]", "{}"},
                                        {InputType::any, "null", "{"}}) {
    EXPECT_EQ(type_mismatch(type, good), "") << to_string(type);
    EXPECT_NE(type_mismatch(type, bad), "") << to_string(type);
  }
}

}  // namespace
}  // namespace jobflow
