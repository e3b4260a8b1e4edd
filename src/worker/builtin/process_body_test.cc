// Processes in full: what they leave behind, what they may use, what they used, whose they are
// (S7.5). Real processes; where this machine cannot show something, the test says so and skips.
#include "worker/builtin/cgroup.h"
#include "worker/builtin/process_user.h"
#include "worker/testing/builtin_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <signal.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace jobflow::worker {
namespace {

class ProcessTest : public BuiltinTest {
 protected:
  BuiltinOptions offered() override { return {.allow = {"shell", "python"}, .processes = rules}; }
  void begin_with(ProcessRules with) {
    rules = std::move(with);
    begin({});
  }
  std::string fifo(const std::string& name) const { return (folder / name).string(); }

  ProcessRules rules;
};

// Once with control groups, once without.
class TreeTest : public ProcessTest, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    if (const Cgroups groups(GetParam()); GetParam().empty() && !groups.usable()) {
      GTEST_SKIP() << "no control groups: " << groups.why_not();
    }
    rules.cgroup = GetParam();
    ProcessTest::SetUp();
  }
};
INSTANTIATE_TEST_SUITE_P(, TreeTest, testing::Values("", "off"), [](const auto& which) {
  return which.param.empty() ? "cgroup" : "scan";
});

TEST_P(TreeTest, AShellThatForksAndDetachesLeavesNoProcessBehind) {
  const Deathwatch watch(fifo("alive"));
  // A session of its own; that and no parent; that and an environment of its own.
  EXPECT_EQ(shell("exec 9>" + fifo("alive") +
                  "; setsid sleep 1000 & setsid -f sh -c 'sleep 1000 & sleep 1000' >&- 2>&-"
                  "; setsid -f env -i /bin/sleep 1000 >&- 2>&-; echo '\"done\"'")
                .result_json(),
            "\"done\"");
  EXPECT_TRUE(watch.all_gone());
  siginfo_t left{};
  EXPECT_TRUE(::waitid(P_ALL, 0, &left, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD)
      << "a zombie is left: " << left.si_pid;
}

TEST_P(TreeTest, ACancelReachesWhatWasDetached) {  // S3.3
  begin({.process_grace = milliseconds(30)});
  const Deathwatch watch(fifo("alive"));
  order("shell", {{"command", "trap '' TERM; exec 9>" + fifo("alive") +
                                  "; setsid -f sleep 1000 >&- 2>&-; echo ready; sleep 1000"}});
  session->lines(token, 1);
  session->cancel(token, token);
  EXPECT_EQ(session->finished(token).outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_TRUE(watch.all_gone());
}

TEST_P(TreeTest, WhatAnotherBodyDetachedIsLeftAlone) {
  const Deathwatch watch(fifo("alive"));
  order("shell", {{"command", "setsid -f sh -c 'exec 9>" + fifo("alive") +
                                  "; echo ready; exec sleep 1000 >&- 2>&-'; sleep 1000"}});
  const std::int64_t first = token;
  session->lines(first, 1);
  EXPECT_EQ(shell("setsid -f sleep 1000 >&- 2>&-").outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_TRUE(watch.someone_lives());
  session->cancel(first, first);
  session->finished(first);
  EXPECT_TRUE(watch.all_gone());
}

TEST_P(TreeTest, WhatItUsedIsReported) {  // of what was detached and ended, too
  const v1::Finished end = run("python", {{"script", R"(
import os, time
done, tell = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        memory = bytearray(b'x' * 60_000_000)
        os.write(tell, b'.')
        time.sleep(1000)
    os._exit(0)
os.read(done, 1)
while sum(os.times()[:2]) < 0.1:
    pass
raise SystemExit(7)
)"}});
  EXPECT_EQ(end.error(), "exit code 7");
  ASSERT_TRUE(end.has_usage());
  EXPECT_GE(end.usage().cpu_user_ms() + end.usage().cpu_system_ms(), 100);
  EXPECT_GE(end.usage().peak_memory_bytes(), 60'000'000);
  EXPECT_EQ(end.usage().exit_code(), 7);
  EXPECT_EQ(end.usage().exit_signal(), 0);
  EXPECT_EQ(shell("kill -SEGV $$").usage().exit_signal(), 11);
  EXPECT_FALSE(run("noop", Json::object()).has_usage());
  // The system counts what the worker itself had before the program's start as the program's.
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  EXPECT_LT(shell("true").usage().peak_memory_bytes(), own.ru_maxrss * 1024);
}

TEST(Cgroups, WhatAKilledWorkerLeftIsEndedByTheNext) {
  const Cgroups probe("");
  if (!probe.usable()) {
    GTEST_SKIP() << "no control groups: " << probe.why_not();
  }
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t other = ::fork();
  if (other == 0) {  // a worker whose body lives on when it is killed
    const Cgroups groups("");
    const auto group = groups.make("1");
    if (::fork() == 0) {
      ::close(ready[0]);
      if (::write(group->entrance(), "0", 1) == 1 && ::dup2(ready[1], 1) == 1) {
        // From the exec on it does not hold the worker's lock any more.
        ::execlp("sh", "sh", "-c", "echo; exec sleep 1000", nullptr);
      }
      ::_exit(1);
    }
    ::close(ready[1]);
    ::pause();
  }
  ::close(ready[1]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  {
    const Cgroups next("");
  }
  EXPECT_EQ(::read(ready[0], &byte, 1), 0) << "the body still holds its end";
  ::waitpid(-1, nullptr, 0);  // ours, if this process reaps its descendants
  ::close(ready[0]);
}

TEST_F(ProcessTest, EachProcessHasItsLimits) {
  // Without any said: no core files, and few enough files for select().
  EXPECT_EQ(shell("ulimit -S -c; ulimit -S -n; ulimit -t").outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(log(), "1 0\n1 1024\n1 unlimited\n");
  const Json limits = {{"files", 64}, {"cpu", "90s"}};
  run("shell", {{"command", "ulimit -n; ulimit -t"}, {"limits", limits}});
  EXPECT_EQ(log(), "1 64\n1 90\n");
}

TEST_F(ProcessTest, AParamTightensTheWorkersLimitsButNeverWidensThem) {
  begin_with({.limits = {.cpu = seconds(50), .files = 100}});
  run("shell", {{"command", "ulimit -n; ulimit -t"}, {"limits", {{"files", 500}, {"cpu", "9s"}}}});
  EXPECT_EQ(log(), "1 100\n1 9\n");
}

TEST_F(ProcessTest, WhoSpendsItsCpuTimeIsKilledAndToldSo) {
  const v1::Finished end =
      run("shell", {{"command", "while :; do :; done"}, {"limits", {{"cpu", "1s"}}}});
  EXPECT_EQ(end.error_kind(), "cpu_limit");
  EXPECT_EQ(end.error(), "killed by signal 24 (XCPU): it used its CPU time, 1s");
}

TEST_F(ProcessTest, MemoryOverTheLimitIsNotHad) {
  begin_with({.cgroup = "off"});
  const v1::Finished end = run(
      "python", {{"script", "bytearray(512 * 1024 * 1024)"}, {"limits", {{"memory", "128MiB"}}}});
  EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
  EXPECT_NE(end.error().find("MemoryError"), std::string::npos) << end.error();
}

bool groups_can(const char* controller, std::string& why_not) {
  const Cgroups groups("");
  const auto group = groups.make("probe");
  why_not = "no control groups: " + groups.why_not();
  if (!group) {
    return false;
  }
  why_not = groups.folder() + " has no controller '" + controller + "'";
  return ::access((groups.folder() + "/probe/" + controller + ".max").c_str(), W_OK) == 0;
}

TEST_F(ProcessTest, AllProcessesTogetherHaveTheMemoryOfTheirGroup) {
  if (std::string why_not; !groups_can("memory", why_not)) {
    GTEST_SKIP() << why_not;
  }
  const v1::Finished end = run("shell", {{"command",
                                          "python3 -c 'bytearray(90 << 20)' & python3 -c "
                                          "'x = b\"x\" * (90 << 20); input()' & wait"},
                                         {"limits", {{"memory", "100MiB"}}}});
  EXPECT_EQ(end.error_kind(), "memory_limit");
}

TEST_F(ProcessTest, AForkBombStopsAtTheNumberOfItsGroup) {
  if (std::string why_not; !groups_can("pids", why_not)) {
    GTEST_SKIP() << why_not;
  }
  const v1::Finished end = run("shell", {{"command", "bomb() { bomb | bomb & }; bomb; wait"},
                                         {"limits", {{"processes", 20}}}});
  EXPECT_NE(end.outcome(), v1::OUTCOME_UNSPECIFIED);
}

TEST_F(ProcessTest, RootStartsProcessesAsAnotherUser) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can";
  }
  begin_with({.cgroup = "off"});
  std::filesystem::permissions(folder, std::filesystem::perms::all);
  const v1::Finished end = run("shell", {{"command",
                                          "id -un; echo $USER $HOME; echo 5 >$JOBFLOW_OUTPUT; "
                                          "grep processes /proc/self/limits | tr -s ' '"},
                                         {"user", "nobody"},
                                         {"limits", {{"processes", 50}}}});
  EXPECT_EQ(end.result_json(), "5") << end.error();
  EXPECT_EQ(log(), "1 nobody\n1 nobody /nonexistent\n1 Max processes 50 50 processes \n");
  EXPECT_EQ(run("python", {{"script", "import os; print(os.getuid(), os.getgroups())"},
                           {"user", "nobody"},
                           {"env", {{"PATH", "/usr/bin:/bin"}}}})
                .outcome(),
            v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(log(), "1 65534 [65534]\n");
  // It is ended like any other's.
  const Deathwatch watch(fifo("alive"));
  std::filesystem::permissions(folder / "alive", std::filesystem::perms::all);
  order("shell", {{"command", "exec 9>" + fifo("alive") + "; echo ready; setsid sleep 1000"},
                  {"user", "nobody"}});
  session->lines(token, 1);
  session->cancel(token, token);
  EXPECT_EQ(session->finished(token).outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_TRUE(watch.all_gone());
}

TEST_F(ProcessTest, AUserThatCannotBeIsToldSo) {
  v1::Finished end = run("shell", {{"command", "true"}, {"user", "no-such-user"}});
  EXPECT_EQ(end.error(), "there is no user 'no-such-user' on this worker's machine");
  EXPECT_EQ(end.error_kind(), "not_started");
  EXPECT_TRUE(end.do_not_retry());
  begin_with({.users = {"nobody"}});
  end = run("shell", {{"command", "true"}, {"user", "root"}});
  EXPECT_EQ(end.error(),
            "this worker was not started to run processes as the user 'root' "
            "(worker.process.users)");
}

TEST(ProcessUser, OnlyRootCanBecomeAnother) {
  const auto without_root = [] {
    const bool dropped = ::geteuid() != 0 || ::setuid(65534) == 0;
    const auto user = find_user("daemon", {});
    std::fprintf(stderr, "%s\n", user.ok() ? "" : user.problem().detail.c_str());
    std::exit(dropped ? 0 : 1);
  };
  EXPECT_EXIT(without_root(), testing::ExitedWithCode(0), "this worker does not run as root");
}

}  // namespace
}  // namespace jobflow::worker
