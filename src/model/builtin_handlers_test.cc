#include "model/builtin_handlers.h"

#include <gtest/gtest.h>

namespace jobflow {
namespace {

// One problem a line: "pointer: message".
std::string told(std::string_view handler,
                 std::string_view params,
                 ParamsCheck check = ParamsCheck::whole) {
  std::string text;
  for (const FieldProblem& problem : check_builtin_params(handler, *parse_json(params), check)) {
    text += problem.pointer + ": " + problem.message + "\n";
  }
  return text;
}

TEST(BuiltinHandlers, GoodParamsPass) {  // S7.5
  EXPECT_EQ(told("shell", R"({"command":"x","env":{"A":1,"B":true,"C":"c"},"cwd":"/","stdin":{}})"),
            "");
  EXPECT_EQ(told("shell", R"({"argv":["printf",1,false],"command":null})"), "");
  EXPECT_EQ(told("python", R"({"file":"a.py","args":["x"],"stdin":[1]})"), "");
  EXPECT_EQ(told("noop", R"({"output":[],"n":1})"), "");
  EXPECT_EQ(told("sleep", R"({"duration":"250ms"})") + told("sleep", R"({"duration":5})"), "");
  EXPECT_EQ(told("fail", R"({"message":"x","times":2.0,"do_not_retry":true})"), "");
  EXPECT_EQ(told("my.own", R"({"comand":[]})"), "");
}

TEST(BuiltinHandlers, EachWrongTypeIsToldWithItsPlace) {
  EXPECT_EQ(told("shell", R"({"command":["a"],"env":{"A":[],"B=":"x"},"cwd":1})"),
            "/command: must be a text, not a list\n"
            "/env/A: must be a text, not a list\n"
            "/env/B=: cannot name a variable\n"
            "/cwd: must be a text, not a number: put it in quotes\n");
  EXPECT_EQ(told("python", R"({"script":"a\u0000b","args":"x"})"),
            "/script: contains a NUL character\n"
            "/args: must be a list of texts, not a string\n");
  EXPECT_EQ(told("shell", R"({"argv":[]})"), "/argv: names no program\n");
  EXPECT_EQ(told("sleep", R"({"duration":-1})"), "/duration: is negative\n");
  EXPECT_EQ(told("sleep", R"({"duration":1.5})"),
            "/duration: must be a duration such as \"10s\", or whole milliseconds, not a number\n");
  EXPECT_EQ(told("fail", R"({"times":"2","do_not_retry":1})"),
            "/times: must be a whole number, not a string\n"
            "/do_not_retry: must be true or false, not a number\n");
}

TEST(BuiltinHandlers, ExactlyOneThingRuns) {
  const std::string either = ": say either 'command' (a text for /bin/sh) or 'argv' (a list)\n";
  EXPECT_EQ(told("shell", "{}"), either);
  EXPECT_EQ(told("shell", R"({"command":""})"), either);
  EXPECT_EQ(told("shell", R"({"command":"x","argv":["y"]})", ParamsCheck::part), either);
  EXPECT_EQ(told("shell", "{}", ParamsCheck::part), "");
  EXPECT_NE(told("sleep", "{}").find("'duration' is missing"), std::string::npos);
}

TEST(BuiltinHandlers, ASlipIsToldAndAnAuthorsOwnParamPasses) {
  EXPECT_NE(told("shell", R"({"comand":"x"})").find("did you mean 'command'?"), std::string::npos);
  EXPECT_NE(told("python", R"({"code":"x"})").find("did you mean 'script'?"), std::string::npos);
  EXPECT_NE(told("sleep", R"({"duration":1,"colour":1})").find("/colour: is no param"),
            std::string::npos);
  // The body reads them from $JOBFLOW_PARAMS.
  EXPECT_EQ(told("shell", R"({"command":"x","region":"eu","input":"a","script":"b"})"), "");
}

TEST(BuiltinHandlers, TemplatesAreLeftAloneUntilTheBodyStarts) {
  const char* params = R"({"command":"x","env":"{{ inputs.env }}"})";
  EXPECT_EQ(told("shell", params), "");
  EXPECT_EQ(told("sleep", R"({"duration":"{{ inputs.x }}"})"), "");
  EXPECT_EQ(told("shell", params, ParamsCheck::at_start),
            "/env: must be an object of variables, not a string\n");
  EXPECT_EQ(told("shell", R"({"command":"x","comand":"y"})", ParamsCheck::at_start), "");
}

}  // namespace
}  // namespace jobflow
