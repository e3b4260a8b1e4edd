#include "engine/definition_check.h"

#include <gtest/gtest.h>

#include <sstream>

namespace jobflow::engine {
namespace {

// One problem a line, of a document whose shape is right.
std::string told(DefinitionKind kind, const std::string& spec) {
  const auto decoded = decode_definition(kind, R"({"metadata":{"name":"d"},"spec":)" + spec + "}");
  for (const FieldProblem& problem : decoded.problems) {
    ADD_FAILURE() << problem.pointer << ": " << problem.message;
  }
  std::ostringstream text;
  for (const FieldProblem& problem : check_definition(decoded.definition)) {
    text << problem.pointer << ": " << problem.message << "\n";
  }
  return text.str();
}

TEST(DefinitionCheck, AGoodWorkflowHasNoProblems) {
  EXPECT_EQ(told(DefinitionKind::workflow, R"({"inputs":{"day":{"default":"x"}},
      "triggers":[{"cron":"30 2 * * *"},{"cron":"0 */5 * ? * MON-FRI","params":{"day":"{ }"}}],
      "steps":[{"id":"a","handler":"h","with":{"d":"{{ inputs.day }}","all":"{{ inputs }}"}},
               {"id":"b","needs":["a"],"shell":{"command":"echo {{ steps.a.output.n }}"}},
               {"id":"c","needs":["b"],"noop":{"output":"{{ steps.a.output }}"}}],
      "output":"{{ steps.b.output.x[0] }}"})"),
            "");
}

TEST(DefinitionCheck, WrongReferencesAreToldWithPlaceAndFix) {  // S8.2
  EXPECT_EQ(told(DefinitionKind::workflow, R"({"inputs":{"day":{"default":"{{ inputs.day }}"}},
      "triggers":[{"cron":"61 * * * *","params":{"day":"{{ inputs.day }}"}}],
      "steps":[{"id":"first","handler":"h","with":{"a":"{{ inputs.dya }}","b":["{{ x"]}},
               {"id":"second","needs":["first"],"shell":{"command":"{{ steps.third.output }}"}},
               {"id":"third","handler":"h","with":{"c":"{{ steps.frist.output }}"}},
               {"id":"own","sleep":{"duration":"{{ steps.own.output }}"}},
               {"id":"state","noop":{"output":"{{ steps.first.state }}"}}],
      "output":{"sum":"{{ steps.nobody.output }}"}})"),
            "/spec/triggers/0/cron: cron field minute (column 1): 61 is out of range: write 0-59\n"
            "/spec/triggers/0/params/day: a trigger's params hold no templates: there is nothing "
            "yet that 'inputs' could name\n"
            "/spec/inputs/day/default: templates in an input's default are not supported yet: "
            "write a plain value\n"
            "/spec/steps/0/with/b/0: the template '{{ x...': '}}' is missing\n"
            "/spec/steps/0/with/a: the workflow has no input 'dya': did you mean 'day'?\n"
            "/spec/steps/1/shell/command: the step 'third' does not precede this one: add it to "
            "'needs'\n"
            "/spec/steps/2/with/c: there is no step 'frist': did you mean 'first'?\n"
            "/spec/steps/3/sleep/duration: the step 'own' cannot use its own output\n"
            "/spec/steps/4/noop/output: only the output of a step can be used so far: write "
            "steps.first.output\n"
            "/spec/output/sum: there is no step 'nobody'\n");
}

TEST(DefinitionCheck, AJobHasNothingToReferTo) {
  EXPECT_EQ(told(DefinitionKind::job, R"({"shell":{"command":"echo {{ inputs.x }}"}})"),
            "/spec/shell/command: a job has no 'inputs': templates belong into a workflow's "
            "steps\n");
  EXPECT_EQ(told(DefinitionKind::job, R"({"shell":{"command":"docker ps --format {{.Names}}"}})"),
            "");
}

TEST(DefinitionCheck, ParamsThatABuiltInHandlerWouldRefuseAreToldAtSave) {
  EXPECT_EQ(told(DefinitionKind::workflow, R"({"steps":[
      {"id":"a","shell":{"comand":"true"}},
      {"id":"b","handler":"shell","with":{}},
      {"id":"c","python":{"script":"{{ steps.a.output }}","args":"{{ steps.a.output.args }}"},
       "needs":["a"]},
      {"id":"d","sleep":{"duration":"soon"}},
      {"id":"e","handler":"mine","with":{"comand":1}}]})"),
            "/spec/steps/0/shell/comand: is no param of the handler 'shell', which takes command, "
            "argv, env, cwd, stdin, user, limits: did you mean 'command'?\n"
            "/spec/steps/1/with: say either 'command' (a text for /bin/sh) or 'argv' (a list)\n"
            "/spec/steps/3/sleep/duration: 'soon' is not a duration: write it like 250ms, 90s, "
            "5m, 2h, 7d, 1h30m, PT90S, or as whole milliseconds\n");
  EXPECT_EQ(told(DefinitionKind::job, R"({"shell":{"cmd":"true"},
      "triggers":[{"cron":"@daily","params":{"command":5,"region":"eu"}}]})"),
            "/spec/shell/cmd: is no param of the handler 'shell', which takes command, argv, env, "
            "cwd, stdin, user, limits: did you mean 'command'?\n"
            "/spec/triggers/0/params/command: must be a text, not a number: put it in quotes\n");
  // What a job lacks, a trigger may add.
  EXPECT_EQ(told(DefinitionKind::job, R"({"handler":"shell","params":{"env":{"A":1}}})"), "");
}

TEST(DefinitionCheck, WideGraphsAreCheckedInTime) {  // S8.3
  std::string spec = R"({"steps":[{"id":"s0","noop":{}})";
  for (int i = 1; i < 10'000; ++i) {
    spec += R"(,{"id":"s)" + std::to_string(i) + R"(","needs":["s)" + std::to_string(i - 1) +
            R"("],"noop":{"output":"{{ steps.s)" + std::to_string(i / 2) + R"(.output }}"}})";
  }
  EXPECT_EQ(told(DefinitionKind::workflow, spec + "]}"), "");
}

TEST(DefinitionCheck, ACircleDoesNotHoldItUp) {
  const auto decoded =
      decode_definition(DefinitionKind::workflow, R"({"metadata":{"name":"d"},"spec":{"steps":[
        {"id":"a","needs":["b"],"noop":{"output":"{{ steps.c.output }}"}},
        {"id":"b","needs":["a"],"noop":{}}, {"id":"c","noop":{}}]}})");
  EXPECT_EQ(decoded.problems.size(), 1U);
  EXPECT_TRUE(check_definition(decoded.definition).empty());
}

TEST(DefinitionCheck, CalendarsMustBeThere_S4_5) {
  const auto decoded = decode_definition(DefinitionKind::job, R"({"metadata":{"name":"j"},"spec":{
      "handler":"h","triggers":[{"cron":"0 0 * * *","exclude":["holidays","holiday"]},
                                {"name":"b","every":"1h","include":["nothing"]},
                                {"name":"c","every":"1h","include":["nothing","holidays"]}]}})");
  ASSERT_TRUE(decoded.problems.empty());
  EXPECT_TRUE(check_definition(decoded.definition).empty());
  schedule::CalendarBook book;
  book.take({.number = 1,
             .name_space = "default",
             .name = "holidays",
             .document = R"({"spec":{"dates":["2026-12-25"]}})"});
  book.take(
      {.number = 2, .name_space = "default", .name = "nothing", .document = R"({"spec":{}})"});
  const auto problems = check_calendars(decoded.definition, book);
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].pointer, "/spec/triggers/0/exclude");
  EXPECT_EQ(problems[0].message,
            "there is no calendar 'holiday' in namespace 'default': did you mean 'holidays'?");
  EXPECT_EQ(problems[1].pointer, "/spec/triggers/1/include");
}

}  // namespace
}  // namespace jobflow::engine
