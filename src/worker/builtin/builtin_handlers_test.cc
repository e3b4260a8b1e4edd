// The built-in handlers against a scripted server, with real processes (S7.5).
#include "worker/builtin/builtin_handlers.h"

#include "model/builtin_handlers.h"
#include "model/limits.h"
#include "worker/builtin/spawn.h"
#include "worker/testing/builtin_stage.h"

#include <gtest/gtest.h>
#include <jobflow/worker.h>

#include <fstream>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace jobflow::worker {
namespace {

TEST_F(BuiltinTest, NoopEchoesItsOutput) {
  EXPECT_EQ(run("noop", Json::object()).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(run("noop", {{"output", {{"a", 1}}}}).result_json(), R"({"a":1})");
}

TEST_F(BuiltinTest, SleepSleepsAndCanBeCancelled) {
  EXPECT_EQ(run("sleep", {{"duration", "5ms"}}).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(run("sleep", {{"duration", 1}}).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(run("sleep", {{"duration", "soon"}}).error_kind(), "invalid_params");
  EXPECT_EQ(run("sleep", Json::object()).error_kind(), "invalid_params");
  order("sleep", {{"duration", "1h"}});
  session->accepted(token);
  session->cancel(token, token);
  EXPECT_EQ(session->finished(token).outcome(), v1::OUTCOME_CANCELLED);
}

TEST_F(BuiltinTest, FailFailsAsOftenAsAsked) {
  const v1::Finished end = run("fail", {{"message", "as told"}, {"do_not_retry", true}});
  EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(end.error(), "as told");
  EXPECT_TRUE(end.do_not_retry());
  EXPECT_EQ(run("fail", {{"times", 0}}).outcome(), v1::OUTCOME_SUCCEEDED);  // the first attempt
  EXPECT_EQ(run("fail", {{"times", 1}}).outcome(), v1::OUTCOME_FAILED);
}

TEST_F(BuiltinTest, ProcessesAreOffUnlessAllowed) {  // S7.6
  Worker plain({.server = server.address(), .name = "plain", .log = [](std::string_view) {}});
  ASSERT_TRUE(register_builtin_handlers(plain, {}).ok());
  plain.start();
  const auto plain_session = server.accept();
  plain_session->welcome();
  plain_session->assign(
      {.run = 1, .token = 1, .handler = "shell", .params = R"({"command":"true"})"});
  EXPECT_EQ(plain_session->finished(1).error_kind(), "unknown_handler");
  plain_session->acknowledge(1);
}

TEST_F(BuiltinTest, AnOperatorSaysWhichHandlersThereAre) {  // S7.6
  const auto offered_by = [](BuiltinOptions options) {
    Worker one({.server = "localhost:1", .name = "x", .log = [](std::string_view) {}});
    const auto notes = register_builtin_handlers(one, std::move(options));
    std::string all = notes.ok() ? "" : notes.problem().detail;
    for (const std::string_view name : builtin_handlers()) {
      try {
        one.handle(std::string(name), [](Context&) { return succeeded(); });
      } catch (const std::invalid_argument&) {  // it is there
        all.append(all.empty() ? "" : " ").append(name);
      }
    }
    return all;
  };
  EXPECT_EQ(offered_by({}), "http noop sleep fail");
  EXPECT_EQ(offered_by({.allow = {"shell", "noop"}, .forbid = {"http", "fail"}}),
            "shell noop sleep");
  EXPECT_EQ(offered_by({.allow = {"shell", "python"}, .forbid = {"shell"}}),
            "python http noop sleep fail");
  EXPECT_EQ(offered_by({.allow = {"sql"}, .sql = {"main=sqlite:/tmp/x.db"}}),
            "http sql noop sleep fail");
  EXPECT_EQ(offered_by({.sql = {"main=sqlite:/tmp/x.db"}}), "http noop sleep fail");
  EXPECT_TRUE(offered_by({.allow = {"sql"}}).starts_with("sql is allowed, but no connection is"));
  EXPECT_EQ(offered_by({.allow = {"bash"}}), "there is no built-in handler 'bash'");
  EXPECT_EQ(offered_by({.forbid = {"htp"}}),
            "there is no built-in handler 'htp': did you mean 'http'?");
}

TEST_F(BuiltinTest, ExitCodeDecides) {
  EXPECT_EQ(shell("exit 0").result_json(), R"({"exit_code":0})");
  const v1::Finished end = shell("echo why >&2; exit 7");
  EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(end.error_kind(), "exit_code");
  EXPECT_EQ(end.error(), "exit code 7: why");
}

TEST_F(BuiltinTest, ADeadlySignalIsNamed) {
  const v1::Finished end = shell("kill -SEGV $$");
  EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(end.error_kind(), "signal");
  EXPECT_EQ(end.error(), "killed by signal 11 (SEGV)");
}

TEST_F(BuiltinTest, BothStreamsGoToTheLogAndTheLastLineIsTheResult) {
  const v1::Finished end = shell("echo one; echo two >&2; sleep 0.01; echo '{\"rows\": 3}'");
  EXPECT_EQ(end.result_json(), R"({"rows":3})");
  const std::string text = log();
  EXPECT_NE(text.find("1 one\n"), std::string::npos) << text;
  EXPECT_NE(text.find("2 two\n"), std::string::npos) << text;
  EXPECT_EQ(shell("echo no json").result_json(), R"({"exit_code":0})");
}

// S5.4: a result over the limit is refused, not replaced by another one.
TEST_F(BuiltinTest, ALastLineThatIsTooLongForAResultFails) {
  EXPECT_EQ(shell("printf '\"'; head -c 262142 /dev/zero | tr '\\0' x; printf '\"'").outcome(),
            v1::OUTCOME_SUCCEEDED);
  const auto over = shell("printf '\"'; head -c 262143 /dev/zero | tr '\\0' x; printf '\"'");
  EXPECT_EQ(over.outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(over.error_kind(), "result_too_large");
  EXPECT_EQ(shell("head -c 300000 /dev/zero | tr '\\0' x").outcome(), v1::OUTCOME_SUCCEEDED)
      << "a long line of text is no result";
}

// Whatever a body writes, the worker keeps no more of it than a result may be.
TEST_F(BuiltinTest, ThreeHundredMegabytesAreRefused) {
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  EXPECT_EQ(shell("printf '\"'; head -c 300000000 /dev/zero | tr '\\0' x").error_kind(),
            "result_too_large");
  EXPECT_EQ(shell("truncate -s 300M $JOBFLOW_OUTPUT").error_kind(), "result_too_large");
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 100 * 1024);
}

TEST_F(BuiltinTest, TheOutputFileWins) {
  EXPECT_EQ(shell("echo 1; echo '[2]' > $JOBFLOW_OUTPUT").result_json(), "[2]");
  EXPECT_EQ(shell("echo '[2' > $JOBFLOW_OUTPUT").error_kind(), "bad_output");
  EXPECT_EQ(shell("head -c 300000 /dev/zero > $JOBFLOW_OUTPUT").error_kind(), "result_too_large");
}

TEST_F(BuiltinTest, ABodySeesItsRunButNotTheWorkersSecret) {
  shell(
      "echo $JOBFLOW_RUN_ID/$JOBFLOW_ATTEMPT/$JOBFLOW_TOKEN/$JOBFLOW_JOB; echo $JOBFLOW_PARAMS; "
      "env");
  const std::string id = std::to_string(token);
  const std::string text = log();
  EXPECT_NE(text.find("1 " + id + "/1/" + id + "/nightly\n"), std::string::npos) << text;
  EXPECT_NE(text.find("1 {\"command\":"), std::string::npos) << text;
  EXPECT_EQ(text.find("secret"), std::string::npos) << text;
}

TEST_F(BuiltinTest, EnvironmentFolderAndInputComeFromTheParams) {
  const v1::Finished end = run("shell", {{"command", "pwd; echo $GREETING$N; cat"},
                                         {"cwd", folder.string()},
                                         {"env", {{"GREETING", "hi"}, {"N", 5}}},
                                         {"stdin", {{"x", 1}}}});
  EXPECT_EQ(log(), "1 " + folder.string() + "\n1 hi5\n1 {\"x\":1}\n");
  EXPECT_EQ(end.result_json(), R"({"x":1})");
}

TEST_F(BuiltinTest, LargeInputIsTakenAsFastAsItIsRead) {
  const Json params = {{"command", "sleep 0.05; wc -c"}, {"stdin", std::string(200'000, 'x')}};
  EXPECT_EQ(run("shell", params).result_json(), "200000");
  EXPECT_EQ(run("shell", {{"command", "true"}, {"stdin", std::string(200'000, 'x')}}).outcome(),
            v1::OUTCOME_SUCCEEDED);  // and need not be read at all
  EXPECT_EQ(run("shell",
                {{"command", "wc -c < $JOBFLOW_PARAMS_FILE"}, {"stdin", std::string(200'000, 'x')}})
                .outcome(),
            v1::OUTCOME_SUCCEEDED);
}

TEST_F(BuiltinTest, ArgumentsNeedNoShell) {
  const Json params = {{"argv", Json::array({"printf", "%s.%s\n", "a b", "$HOME"})}};
  EXPECT_EQ(run("shell", params).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(log(), "1 a b.$HOME\n");
}

TEST_F(BuiltinTest, WrongParamsSayWhere) {
  const auto error = [&](const Json& params) {
    const v1::Finished end = run("shell", params);
    EXPECT_EQ(end.error_kind(), "invalid_params");
    EXPECT_TRUE(end.do_not_retry());
    return end.error();
  };
  EXPECT_NE(error(Json::object()).find("'command'"), std::string::npos);
  EXPECT_NE(error({{"command", "x"}, {"argv", {1, 2}}}).find("'argv'"), std::string::npos);
  EXPECT_NE(error({{"command", 3}}).find("/command"), std::string::npos);
  EXPECT_NE(error({{"command", "x"}, {"env", 3}}).find("/env"), std::string::npos);
  EXPECT_NE(error({{"command", std::string("a\0b", 3)}}).find("NUL"), std::string::npos);
  EXPECT_EQ(run("fail", {{"times", "2"}}).error(), "/times must be a whole number, not a string");
  EXPECT_EQ(run("fail", {{"times", nullptr}, {"message", "x"}}).error(), "x");
}

TEST_F(BuiltinTest, WhatCannotStartSaysWhy) {
  v1::Finished end = run("shell", {{"argv", Json::array({"no-such-program"})}});
  EXPECT_EQ(end.error_kind(), "not_started");
  EXPECT_NE(end.error().find("no-such-program"), std::string::npos);
  end = run("shell", {{"command", "true"}, {"cwd", "/no/such/folder"}});
  EXPECT_EQ(end.error_kind(), "not_started");
  EXPECT_NE(end.error().find("/no/such/folder"), std::string::npos);
}

TEST_F(BuiltinTest, CancelEndsTheWholeGroup) {  // S3.3: children of children too
  const Deathwatch watch(folder / "alive");
  const std::string fifo = (folder / "alive").string();
  order("shell",
        {{"command", "exec 9>" + fifo + "; (sleep 1000 & sleep 1000) & echo ready; wait"}});
  session->lines(token, 1);
  session->cancel(token, token);
  EXPECT_EQ(session->finished(token).outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_TRUE(watch.all_gone());
}

TEST_F(BuiltinTest, WhoIgnoresTermIsKilled) {
  begin({.process_grace = milliseconds(30)});
  const Deathwatch watch(folder / "alive");
  order("shell", {{"command", "trap '' TERM; exec 9>" + (folder / "alive").string() +
                                  "; echo ready; while :; do sleep 1000; done"}});
  session->lines(token, 1);
  session->cancel(token, token);
  EXPECT_EQ(session->finished(token).outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_TRUE(watch.all_gone());
}

TEST_F(BuiltinTest, ATimeoutStopsTheProcess) {  // S3.3
  const Deathwatch watch(folder / "alive");
  const v1::Finished end =
      run("shell", {{"command", "exec 9>" + (folder / "alive").string() + "; sleep 1000"}}, 100);
  EXPECT_EQ(end.outcome(), v1::OUTCOME_TIMED_OUT);
  EXPECT_TRUE(watch.all_gone());
}

TEST_F(BuiltinTest, WhatOutlivesTheLeaderIsEnded) {
  const Deathwatch watch(folder / "alive");
  const std::string fifo = (folder / "alive").string();
  // One holds the output, the other does not.
  const v1::Finished end = shell("(exec 9>" + fifo + "; sleep 1000) & (exec 9>" + fifo +
                                 "; exec sleep 1000 >/dev/null 2>&1) & echo '\"done\"'");
  EXPECT_EQ(end.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(end.result_json(), "\"done\"");
  EXPECT_TRUE(watch.all_gone());
}

TEST_F(BuiltinTest, CancelIsHeardThroughAFlood) {
  order("shell", {{"command", "yes flood"}});
  session->lines(token, 1000);
  session->cancel(token, token);
  EXPECT_EQ(session->finished(token).outcome(), v1::OUTCOME_CANCELLED);
}

TEST_F(BuiltinTest, HugeLinesAreCutVisibly) {  // S10.2
  EXPECT_EQ(shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo after").outcome(),
            v1::OUTCOME_SUCCEEDED);
  const auto lines = session->lines_now(token);
  ASSERT_GE(lines.size(), 2U);
  EXPECT_LE(lines[0].text().size(), limits::kLogLineBytes);
  EXPECT_NE(lines[0].text().find("line cut"), std::string::npos);
  EXPECT_EQ(lines.back().text(), "after");
}

TEST_F(BuiltinTest, BinaryOutputIsShownAsText) {
  EXPECT_EQ(shell("printf 'a\\000b\\377c\\n'").outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(log(),
            "1 a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c\n");
}

TEST_F(BuiltinTest, AnUnfinishedLineIsShownAfterAPause) {
  order("shell", {{"command", "printf 'password: '; sleep 1000"}});
  EXPECT_EQ(session->lines(token, 1)[0].text(), "password: ");
  session->cancel(token, token);
  session->finished(token);
}

TEST_F(BuiltinTest, PythonRunsAScriptWithArguments) {
  const v1::Finished end =
      run("python", {{"script",
                      "import sys, json, os\nprint('to err', file=sys.stderr)\n"
                      "print(json.dumps({'args': sys.argv[1:], 'day': "
                      "json.loads(os.environ['JOBFLOW_PARAMS'])['day']}))\n"},
                     {"args", {"x", 2, 3}},
                     {"day", "monday"}});
  EXPECT_EQ(end.result_json(), R"({"args":["x","2","3"],"day":"monday"})");
  EXPECT_NE(log().find("2 to err\n"), std::string::npos);
}

TEST_F(BuiltinTest, PythonRunsAFile) {
  std::ofstream(folder / "job.py") << "raise SystemExit(3)\n";
  const v1::Finished end = run("python", {{"file", "job.py"}, {"cwd", folder.string()}});
  EXPECT_EQ(end.error(), "exit code 3");
  EXPECT_EQ(run("python", {{"script", "1/0"}}).error_kind(), "exit_code");
  EXPECT_NE(session->finished(token).error().find("ZeroDivisionError"), std::string::npos);
  EXPECT_EQ(run("python", Json::object()).error_kind(), "invalid_params");
}

TEST_F(BuiltinTest, ALeaderDiesWithTheThreadThatStartedIt) {  // so also with a killed worker
  const Deathwatch watch(folder / "alive");
  ProcessSpec spec;
  spec.program = "/bin/sh";
  spec.arguments = {"sh", "-c",
                    "exec 9>" + (folder / "alive").string() + "; echo; exec sleep 1000"};
  spec.environment = {"PATH=/usr/bin:/bin"};
  Child child;
  std::thread starter([&] {
    child = spawn(spec);
    pollfd ready{child.out.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 20'000), 1);  // it runs
  });
  starter.join();
  EXPECT_TRUE(watch.all_gone());
  int status = 0;
  EXPECT_EQ(::waitpid(child.pid, &status, 0), child.pid);
  EXPECT_TRUE(WIFSIGNALED(status));
}

}  // namespace
}  // namespace jobflow::worker
