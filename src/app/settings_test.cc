#include "app/settings.h"

#include <gtest/gtest.h>

namespace jobflow::app {
namespace {

SettingSources sources(std::map<std::string, std::string> files = {}) {
  SettingSources out;
  out.read_file = [files](const std::string& path) -> Outcome<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) {
      return Problem{ProblemCode::invalid, "cannot read " + path};
    }
    return found->second;
  };
  return out;
}

std::string refusal(const SettingSources& said) {
  const auto settings = Settings::read(said);
  return settings.ok() ? "taken" : settings.problem().detail;
}

TEST(Settings, S76_ForbiddenHandlersAreNamespaceAndHandler) {
  SettingSources said = sources({{"c.yaml", "forbid_handlers: [prod/shell, '*/sql']\n"},
                                 {"bad.yaml", "forbid_handlers: [shell]\n"}});
  said.file = "c.yaml";
  EXPECT_EQ(Settings::read(said)->words("forbid_handlers"),
            (std::vector<std::string>{"prod/shell", "*/sql"}));
  said.file = "bad.yaml";
  EXPECT_NE(refusal(said).find("line 1"), std::string::npos) << refusal(said);
  EXPECT_NE(refusal(said).find("'shell' is not NAMESPACE/HANDLER"), std::string::npos);
}

TEST(Settings, DefaultsThenFileThenEnvironmentThenFlags) {
  SettingSources said = sources({{"c.yaml",
                                  "data: /a\nhttp: {listen: '127.0.0.1:1'}\n"
                                  "grpc:\n  listen: 127.0.0.1:2\nworker: {tags: [eu, gpu]}\n"}});
  EXPECT_EQ(Settings::read(said)->text("data"), "./jobflow-data");
  said.file = "c.yaml";
  said.environment = {{"JOBFLOW_GRPC_LISTEN", "127.0.0.1:3"}, {"JOBFLOW_HTTP_LISTEN", "[::1]:4"}};
  said.flags = {{"http.listen", {"--http-listen", "localhost:5"}}};
  const auto settings = Settings::read(said);
  ASSERT_TRUE(settings.ok()) << settings.problem().detail;
  EXPECT_EQ(settings->text("data"), "/a");
  EXPECT_EQ(settings->origin("data"), "file c.yaml line 1");
  EXPECT_EQ(settings->text("grpc.listen"), "127.0.0.1:3");
  EXPECT_EQ(settings->origin("grpc.listen"), "JOBFLOW_GRPC_LISTEN");
  EXPECT_EQ(settings->text("http.listen"), "localhost:5");
  EXPECT_EQ(settings->origin("http.listen"), "--http-listen");
  EXPECT_EQ(settings->words("worker.tags"), (std::vector<std::string>{"eu", "gpu"}));
  EXPECT_EQ(settings->whole("worker.slots"), 16);
  EXPECT_EQ(settings->span("lease"), seconds(10));
}

TEST(Settings, AVariableWithFileReadsTheValueThere) {
  SettingSources said = sources({{"/run/secret", "jf_abc\n"}});
  said.environment = {{"JOBFLOW_MEMBER_NAME_FILE", "/run/secret"}};
  EXPECT_EQ(Settings::read(said)->text("member.name"), "jf_abc");
  said.environment = {{"JOBFLOW_MEMBER_NAME_FILE", "/none"}};
  EXPECT_NE(refusal(said).find("JOBFLOW_MEMBER_NAME_FILE: cannot read /none"), std::string::npos);
}

TEST(Settings, UnknownKeysAreErrorsThatOfferTheRightWord) {
  SettingSources said = sources({{"c.yaml", "data: /a\nhttp:\n  listn: x\n"}, {"l.yaml", "- a\n"}});
  said.file = "c.yaml";
  EXPECT_EQ(refusal(said),
            "file c.yaml line 3: unknown setting 'http.listn': did you mean "
            "'http.listen'?");
  said.file = "l.yaml";
  EXPECT_NE(refusal(said).find("name: value"), std::string::npos);
  SettingSources near = sources();
  near.environment = {{"JOBFLOW_HTP_LISTEN", "x"}, {"JOBFLOW_TOKEN", "y"}, {"JOBFLOW_BIN", "z"}};
  ASSERT_EQ(Settings::read(near)->warnings().size(), 1U);
  EXPECT_NE(Settings::read(near)->warnings()[0].find("JOBFLOW_HTTP_LISTEN"), std::string::npos);
}

TEST(Settings, BrokenYamlNamesTheLine) {
  SettingSources said = sources({{"c.yaml", "data: /a\nhttp: {listen\n"}});
  said.file = "c.yaml";
  EXPECT_NE(refusal(said).find("c.yaml line "), std::string::npos);
}

TEST(Settings, EveryWrongValueIsToldAtOnce) {
  SettingSources said = sources();
  said.flags = {{"http.listen", {"--http-listen", "0.0.0.0:7700"}},
                {"worker.slots", {"--slots", "none"}},
                {"lease", {"--lease", "soon"}}};
  const std::string told = refusal(said);
  EXPECT_NE(told.find("loopback"), std::string::npos);  // S13.1
  EXPECT_NE(told.find("say 127.0.0.1:7700"), std::string::npos) << "the exact fix: " << told;
  EXPECT_NE(told.find("worker.slots 'none' (--slots)"), std::string::npos);
  EXPECT_NE(told.find("lease 'soon'"), std::string::npos);
  said.flags = {{"lease", {"--lease", "1ms"}}};
  EXPECT_NE(refusal(said).find("takes 2s or more"), std::string::npos);
}

TEST(Settings, LimitsOfProcessesAreSizesAndCounts) {
  SettingSources said = sources({{"p.yaml", "worker: {limits: {memory: 2GiB, files: 64}}"}});
  said.file = "p.yaml";
  const auto settings = Settings::read(said);
  ASSERT_TRUE(settings.ok()) << settings.problem().detail;
  EXPECT_EQ(settings->size("worker.limits.memory"), 2LL << 30);
  EXPECT_EQ(settings->whole("worker.limits.files"), 64);
  EXPECT_EQ(settings->whole("worker.limits.processes"), 0);
  said.flags = {{"worker.limits.memory", {"--m", "much"}}, {"worker.limits.files", {"--f", "-1"}}};
  EXPECT_NE(refusal(said).find("takes a size, e.g. 512MiB"), std::string::npos);
  EXPECT_NE(refusal(said).find("takes a number, 0 or more"), std::string::npos);
}

TEST(Settings, OnlyLoopbackIsLoopback) {
  for (const char* yes : {"127.0.0.1:0", "127.9.9.9:1", "localhost:1", "[::1]:1"}) {
    EXPECT_TRUE(is_loopback(yes)) << yes;
  }
  for (const char* no : {"0.0.0.0:1", "127.example.org:1", "[::]:1", "10.0.0.1:1", "127.0.0.1"}) {
    EXPECT_FALSE(is_loopback(no)) << no;
  }
}

TEST(Settings, PrintMasksSecretsAndCanBeReadBack) {
  SettingSources said = sources();
  said.environment = {{"JOBFLOW_WORKER_TOKEN", "jf_topsecret"}};
  said.flags = {{"worker.allow", {"--allow", "shell,python"}},
                {"worker.sql", {"--sql", "main=sqlite:/topsecret.db"}},
                {"worker.http.hosts", {"--hosts", "*.a.b,[::1]:80"}},
                {"data", {"--data", "/x"}}};
  const std::string printed = Settings::read(said)->print();
  EXPECT_EQ(printed.find("topsecret"), std::string::npos);
  EXPECT_NE(printed.find("allow: [shell, python]"), std::string::npos);
  SettingSources again = sources({{"p.yaml", printed}});
  again.file = "p.yaml";
  const auto back = Settings::read(again);
  ASSERT_TRUE(back.ok()) << back.problem().detail;
  EXPECT_EQ(back->text("data"), "/x");
  EXPECT_EQ(back->words("worker.http.hosts"), (std::vector<std::string>{"*.a.b", "[::1]:80"}));
}

}  // namespace
}  // namespace jobflow::app
