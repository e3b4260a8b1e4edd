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

TEST(BuiltinHandlers, ParamsOfHttpAreToldWithTheirPlace) {  // S7.5
  EXPECT_EQ(told("http", R"({"url":"https://a.b/c?d=e","method":"POST","headers":{"X-A":1},
                            "query":{"a":1,"b":["x",true]},"body":{"a":1},"expect":[200,"3xx"],
                            "retry_on":"500-504","timeout":"5s","connect_timeout":100,
                            "redirects":0,"max_body":"1KiB","ca":"-----"})"),
            "");
  EXPECT_EQ(told("http", R"({"url":"https://{{ inputs.host }}/","expect":["{{ inputs.s }}"]})"),
            "");
  EXPECT_EQ(told("http", R"({"url":"ftp://a/"})"), "/url: must begin with http:// or https://\n");
  EXPECT_EQ(told("http", R"({"url":"file:///etc/passwd"})"),
            "/url: must begin with http:// or https://\n");
  EXPECT_EQ(told("http", R"({"url":"http:///x"})"), "/url: names no host\n");
  EXPECT_EQ(told("http", R"({"url":"http://a/b c"})"),
            "/url: contains a blank or a control character: write them as %20 and the like\n");
  EXPECT_EQ(told("http", R"({"url":"http://a","method":"post"})"),
            "/method: 'post' is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS: did you mean "
            "'POST'?\n");
  EXPECT_EQ(told("http", R"({"url":"http://a","headers":{"a b":"x","Host":"y","c":"d\r\ne: f"},
                            "query":{"q":{}},"expect":[99,"6xx",true],"redirects":21,
                            "max_body":"1GiB","timeout":0,"body":1,"verify":false})"),
            "/headers/a b: cannot name a header\n"
            "/headers/Host: is not yours to set: it follows from the URL and the body\n"
            "/headers/c: contains a line break or another control character\n"
            "/query/q: must be a text, not an object\n"
            "/expect/0: '99' is no status: say 204, \"2xx\" or \"200-204\"\n"
            "/expect/1: '6xx' is no status: say 204, \"2xx\" or \"200-204\"\n"
            "/expect/2: must be a status such as 204, \"2xx\" or \"200-204\", not true\n"
            "/redirects: must be from 0 to 20, not 21\n"
            "/max_body: must be at most 256KiB, not 1GiB\n"
            "/timeout: must be at least 1ms\n"
            "/verify: is no param of the handler 'http', which takes url, method, headers, query, "
            "body, expect, retry_on, timeout, connect_timeout, redirects, max_body, ca\n");
  EXPECT_NE(told("http", R"({"uri":"http://a"})").find("did you mean 'url'?"), std::string::npos);
  EXPECT_NE(told("http", "{}").find("'url' is missing"), std::string::npos);
}

TEST(BuiltinHandlers, ParamsOfSqlAreToldWithTheirPlace) {  // S7.5
  EXPECT_EQ(told("sql", R"({"connection":"main","sql":"select :a","values":{"a":1}})"), "");
  EXPECT_EQ(told("sql", R"({"statements":["delete from t",{"sql":"select ?","values":[1]}]})"), "");
  EXPECT_EQ(told("sql", R"({"sql":"select 1","values":3,"max_rows":20000})"),
            "/values: must be a list, or an object of named values, not a number\n"
            "/max_rows: must be from 0 to 10000, not 20000\n");
  EXPECT_EQ(told("sql", R"({"statements":[1,{"values":[]},{"sql":3,"x":1}]})"),
            "/statements/0: must be a text, or an object of sql and values, not a number\n"
            "/statements/1: 'sql' is missing: say what to run\n"
            "/statements/2/sql: must be a text, not a number: put it in quotes\n"
            "/statements/2/x: is unknown here: there are sql, values\n");
  EXPECT_EQ(told("sql", R"({"statements":[]})"), "/statements: is empty\n");
  EXPECT_EQ(told("sql", "{}"),
            ": say either 'sql' (a text) or 'statements' (a list of texts, or of {sql, values})\n");
  EXPECT_NE(told("sql", R"({"query":"select 1"})").find("did you mean 'sql'?"), std::string::npos);
  EXPECT_NE(told("sql", R"({"sql":"select 1","file":"/etc/x.db"})").find("/file: is no param"),
            std::string::npos);
}

TEST(BuiltinHandlers, LimitsOfAProcessAreToldWithTheirPlace) {
  EXPECT_EQ(told("shell", R"({"command":"x","user":"nobody",
                             "limits":{"cpu":"1m","memory":"1GiB","files":64,"processes":8}})"),
            "");
  EXPECT_EQ(
      told("python", R"({"script":"x","limits":{"cpu":0,"memory":"1KiB","files":1,"ram":1}})"),
      "/limits/cpu: must be at least 1ms\n"
      "/limits/memory: must be at least 1MiB, not 1KiB\n"
      "/limits/files: must be from 16 to 1000000, not 1\n"
      "/limits/ram: is unknown here: there are cpu, memory, files, processes\n");
  EXPECT_EQ(told("shell", R"({"command":"x","limits":3})"),
            "/limits: must be an object of cpu, memory, files, processes, not a number\n");
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
