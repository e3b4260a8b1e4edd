#include "cli/command_line.h"

#include "cli/exit_code.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <sstream>

namespace jobflow::cli {
namespace {

// Answers requests from a book of answers and remembers what was asked.
struct FakeServer {
  std::map<std::string, Outcome<client::Response>> answers;  // by "METHOD target"
  std::deque<std::vector<client::ServerEvent>> streams;      // one a listen
  std::vector<std::string> asked;
  std::vector<std::string> bodies;
  client::HttpSettings settings;

  void answer(const std::string& request, const std::string& body) {
    answers.insert_or_assign(request, client::Response{.body = body, .etag = "\"3\""});
  }
};

class FakeTransport final : public client::Transport {
 public:
  explicit FakeTransport(FakeServer& server) : server_(server) {}
  Outcome<client::Response> call(const client::Request& request) override {
    const std::string line = request.method + " " + request.target;
    server_.asked.push_back(line);
    server_.bodies.push_back(request.body);
    const auto found = server_.answers.find(line);
    return found != server_.answers.end()
               ? found->second
               : Outcome<client::Response>(Problem{ProblemCode::not_found, "no " + line});
  }
  Outcome<client::StreamEnd> listen(const client::Request& request,
                                    const client::EventListener& listener) override {
    server_.asked.push_back("LISTEN " + request.target);
    if (server_.streams.empty()) {
      return Problem{ProblemCode::unavailable, "gone"};
    }
    const auto events = server_.streams.front();
    server_.streams.pop_front();
    for (const client::ServerEvent& event : events) {
      if (!listener.heard(event)) {
        return client::StreamEnd::enough;
      }
    }
    return listener.idle() ? client::StreamEnd::closed_by_server : client::StreamEnd::enough;
  }

 private:
  FakeServer& server_;
};

class CommandLineTest : public testing::Test {
 protected:
  int run(const std::vector<std::string>& arguments) {
    output.str("");
    errors.str("");
    World world{.in = input,
                .out = output,
                .err = errors,
                .terminal = {},
                .terminal_size = [] { return std::pair{0, 0}; },
                .environment =
                    [this](const std::string& name) {
                      const auto found = environment.find(name);
                      return found == environment.end() ? std::nullopt
                                                        : std::optional(found->second);
                    },
                .read_file = [this](const std::string& path) -> Outcome<std::string> {
                  const auto found = files.find(path);
                  if (found == files.end()) {
                    return Problem{ProblemCode::invalid, "cannot read " + path};
                  }
                  return found->second;
                },
                .now = [this] { return now; },
                .pause = [this](Span span) { now = now + span; },
                .interrupted = [this] { return interrupted; },
                .edit = [this](const std::string&) { return edited; },
                .connect =
                    [this](client::HttpSettings settings) {
                      server.settings = settings;
                      return std::make_unique<FakeTransport>(server);
                    }};
    const auto remember = [this](const std::string& name) {
      return [this, name](const std::vector<std::string>& rest) {
        this->program = name;
        for (const std::string& word : rest) {
          program += " " + word;
        }
        return 7;
      };
    };
    const Programs programs{.server = remember("server"),
                            .worker = remember("worker"),
                            .dev = remember("dev"),
                            .config = remember("config"),
                            .version = "1.2.3",
                            .time_zones = "2026a"};
    return cli::run(world, programs, arguments);
  }
  bool said(const std::string& words) const {
    return errors.str().find(words) != std::string::npos;
  }
  std::string out() const { return output.str(); }

  static client::ServerEvent event(const std::string& json) { return {.id = "c", .data = json}; }
  static std::string run_json(const std::string& state, const std::string& more = "") {
    return R"({"id":"5","kind":"job","definition":{"name":"a","namespace":"default"},"state":")" +
           state + "\"" + more + "}";
  }
  void serve_run_that_ends(const std::string& state, const std::string& more = "") {
    server.answer("GET /api/v1/jobs/a?namespace=default", "{}");
    server.answer("POST /api/v1/jobs/a/trigger?namespace=default", R"({"id":"5","created":true})");
    server.answer("GET /api/v1/runs/5", run_json(state, more));
    server.streams = {
        {event(R"({"type":"snapshot","data":{"run":)" + run_json("queued") + R"(,"steps":[]}})"),
         event(R"({"type":"run.changed","time":"2026-11-22T17:33:04Z","data":
                             {"run_id":"5","state":")" +
               state + R"(","attempt":1}})")}};
  }

  FakeServer server;
  std::istringstream input;
  std::ostringstream output, errors;
  std::map<std::string, std::string> environment, files;
  Instant now{1'795'368'784'000};
  bool interrupted = false;
  int edited = 0;
  std::string program;
};

TEST_F(CommandLineTest, UsageErrorsExitWith2AndOfferTheRightWord) {
  EXPECT_EQ(run({"aply", "-f", "x"}), kUsage);
  EXPECT_TRUE(said("did you mean 'apply'")) << errors.str();
  EXPECT_EQ(run({"run", "lst"}), kUsage);
  EXPECT_TRUE(said("did you mean 'ls'")) << errors.str();
  EXPECT_EQ(run({"job", "list"}), kUsage);
  EXPECT_TRUE(said("there is no command 'list'")) << errors.str();
  EXPECT_EQ(run({"run", "get"}), kUsage);
  EXPECT_EQ(run({"run", "ls", "--state", "busy"}), kUsage);
  EXPECT_EQ(run({"-o", "xml", "run", "ls"}), kUsage);
  EXPECT_EQ(run({"trigger"}), kUsage);
  EXPECT_EQ(run({"trigger", "a", "--job", "--workflow"}), kUsage);
  EXPECT_EQ(run({"trigger", "a", "--timeout", "1s"}), kUsage);
  EXPECT_EQ(run({"trigger", "a", "--wait", "--logs"}), kUsage);
  EXPECT_EQ(run({"trigger", "a", "--delay", "soon"}), kUsage);
  EXPECT_EQ(run({"trigger", "a", "--priority", "101"}), kUsage);
  EXPECT_EQ(run({"run", "retry", "5", "--timeout", "1s"}), kUsage);
  EXPECT_EQ(run({"-q", "server"}), kUsage);
  EXPECT_TRUE(said("after the name")) << errors.str();
  EXPECT_EQ(run({"--help"}), kOk);
  EXPECT_EQ(run({}), kOk);
  EXPECT_EQ(run({"trigger", "--help"}), kOk);
  EXPECT_NE(out().find("Idempotency"), std::string::npos);
}

TEST_F(CommandLineTest, ProgramsGetTheirArgumentsAsTheyAre) {
  EXPECT_EQ(run({"server", "--data", "x", "-h"}), 7);
  EXPECT_EQ(program, "server --data x -h");
  EXPECT_EQ(run({"worker", "--slots", "2"}), 7);
  EXPECT_EQ(program, "worker --slots 2");
  server.answer("GET /api/v1/workers", R"({"items":[]})");
  EXPECT_EQ(run({"worker", "ls"}), kOk);
  EXPECT_TRUE(said("no worker is connected"));
}

TEST_F(CommandLineTest, TheDoctorSaysWhatIsWrongAndWhatToDo) {
  server.answer("GET /version",
                R"({"version":"1.2.3","time_zones":"2026a","time":"2026-11-22T17:33:05Z"})");
  server.answer("GET /readyz?verbose=true",
                R"({"status":"ok","store":"sqlite","voided_promises":[]})");
  server.answer("GET /api/v1/workers", R"({"items":[{"name":"w"}]})");
  server.answer("GET /api/v1/forecast?hours=1", R"({"handlers":[]})");
  EXPECT_EQ(run({"doctor"}), kOk);
  EXPECT_EQ(out().find("warning"), std::string::npos) << out();
  server.answer("GET /version",
                R"({"version":"1.2.4","time_zones":"2025c","time":"2026-11-22T17:33:14Z"})");
  server.answer("GET /readyz?verbose=true",
                R"({"status":"ok","store":"sqlite","voided_promises":["S1.5: no fsync"]})");
  server.answer("GET /api/v1/workers", R"({"items":[]})");
  server.answer("GET /api/v1/forecast?hours=1",
                R"({"handlers":[{"handler":"etl","has_worker":false}]})");
  EXPECT_EQ(run({"doctor"}), kOk) << "warnings alone";
  for (const char* part : {"is jobflow 1.2.4", "2025c on the server", "10.0 s behind",
                           "S1.5: no fsync", "none is connected", "no worker offers them: etl"}) {
    EXPECT_NE(out().find(part), std::string::npos) << part << "\n" << out();
  }
  server.answers.erase("GET /api/v1/workers");
  EXPECT_EQ(run({"doctor", "-o", "json"}), kError);
  EXPECT_NE(out().find("\"failed\""), std::string::npos) << out();
}

TEST_F(CommandLineTest, WhatBecameOfACommandCanBeAsked) {  // S12.4
  server.answer("GET /api/v1/commands/7", R"({"id":"7","state":"done"})");
  EXPECT_EQ(run({"command", "show", "7"}), kOk);
  EXPECT_NE(out().find("done"), std::string::npos);
  EXPECT_EQ(run({"command", "show"}), kUsage);
}

TEST_F(CommandLineTest, AddressAndTokenComeFromWhereverTheyAreSaid) {
  server.answer("GET /api/v1/workers", R"({"items":[]})");
  run({"worker", "ls"});
  EXPECT_EQ(server.settings.server.text, "http://127.0.0.1:7700");
  EXPECT_EQ(server.settings.token, "");
  files["./jobflow-data/admin.token"] = "jf_local\n";
  run({"worker", "ls"});
  EXPECT_EQ(server.settings.token, "jf_local");
  run({"worker", "ls", "--server", "example.org:80"});
  EXPECT_EQ(server.settings.token, "") << "a local server's token stays on this machine";
  environment = {{"JOBFLOW_TOKEN", "jf_env"}, {"JOBFLOW_URL", "http://localhost:9"}};
  run({"worker", "ls"});
  EXPECT_EQ(server.settings.token, "jf_env");
  EXPECT_EQ(server.settings.server.text, "http://localhost:9");
  environment["JOBFLOW_RUN_ID"] = "1";  // in a body JOBFLOW_TOKEN is its fencing token
  run({"worker", "ls"});
  EXPECT_EQ(server.settings.token, "jf_local");
  files["/d/server.json"] = R"({"http":"http://127.0.0.1:4711","grpc":"127.0.0.1:1","pid":1})";
  files["/d/admin.token"] = "jf_folder";
  run({"worker", "ls", "--data", "/d"});
  EXPECT_EQ(server.settings.server.text, "http://127.0.0.1:4711");
  EXPECT_EQ(server.settings.token, "jf_folder");
  run({"worker", "ls", "--data", "/d", "--token", "jf_flag", "--server", "localhost:8"});
  EXPECT_EQ(server.settings.server.text, "http://localhost:8");
  EXPECT_EQ(server.settings.token, "jf_flag");
  EXPECT_EQ(run({"worker", "ls", "--token-file", "/nowhere"}), kError);
  EXPECT_TRUE(said("cannot read /nowhere")) << errors.str();
  EXPECT_EQ(run({"worker", "ls", "--data", "/nowhere"}), kError);
  EXPECT_TRUE(said("jobflow server --data /nowhere"));
}

TEST_F(CommandLineTest, ApplySaysWhatBecameOfEachDocument) {
  files["w.yaml"] = "kind: Job\n";
  server.answer("POST /api/v1/definitions?namespace=default",
                R"({"dry_run":false,"items":[{"kind":"job","namespace":"default","name":"a",
                     "outcome":"created","revision":1}]})");
  EXPECT_EQ(run({"apply", "-f", "w.yaml"}), kOk);
  EXPECT_EQ(out(), "job default/a  created  revision 1\n");
  EXPECT_EQ(server.bodies.back(), "kind: Job\n");
  server.answer("POST /api/v1/definitions?namespace=default",
                R"({"dry_run":false,"items":[{"kind":"job","namespace":"default","name":"a",
                     "outcome":"updated","revision":2,"warnings":["trigger 'c': mind the gap"]}]})");
  EXPECT_EQ(run({"apply", "-f", "w.yaml"}), kOk);
  EXPECT_NE(out().find("revision 2\n  warning: trigger 'c': mind the gap\n"), std::string::npos);
  EXPECT_EQ(run({"apply", "-f", "missing.yaml"}), kError);
  EXPECT_TRUE(said("cannot read missing.yaml"));
}

TEST_F(CommandLineTest, ApplyShowsEveryWrongPlace) {
  files["w.yaml"] = "x";
  server.answers.insert_or_assign(
      "POST /api/v1/definitions?namespace=default&dry_run=true",
      Problem{
          ProblemCode::invalid, "2 things are wrong", {{"/spec/a", "unknown", 4}, {"", "b", 0}}});
  EXPECT_EQ(run({"apply", "--dry-run", "-f", "w.yaml"}), kError);
  EXPECT_EQ(errors.str(), "error: w.yaml: 2 things are wrong\n  line 4: /spec/a: unknown\n  b\n");
}

TEST_F(CommandLineTest, TriggerPrintsTheRunsIdAlone) {
  serve_run_that_ends("succeeded");
  EXPECT_EQ(run({"trigger", "a", "-p", "n=3", "-p", "s=x y", "--params", R"({"n":1,"z":null})",
                 "--delay", "5s", "--key", "k", "--priority", "-3"}),
            kOk);
  EXPECT_EQ(out(), "5\n");
  EXPECT_EQ(server.bodies.back(),
            R"({"params":{"n":3,"z":null,"s":"x y"},"delay":"5s","priority":-3,)"
            R"("idempotency_key":"k"})");
}

TEST_F(CommandLineTest, TriggerAfterAnotherRun) {
  serve_run_that_ends("succeeded");
  EXPECT_EQ(run({"trigger", "a", "--after-run", "77"}), kOk);
  EXPECT_EQ(server.bodies.back(), R"({"params":{},"after_run":"77"})");
  EXPECT_EQ(run({"trigger", "a", "--after-run", "77", "--delay", "5s"}), kUsage);
}

TEST_F(CommandLineTest, TriggerFindsJobOrWorkflowAndSaysWhenBothOrNone) {
  serve_run_that_ends("succeeded");
  server.answer("GET /api/v1/workflows/a?namespace=default", "{}");
  EXPECT_EQ(run({"trigger", "a"}), kUsage);
  EXPECT_TRUE(said("--job or --workflow"));
  EXPECT_EQ(run({"trigger", "--job", "a"}), kOk);
  server.answer("GET /api/v1/jobs?namespace=default&limit=500",
                R"({"items":[{"name":"nightly"}]})");
  EXPECT_EQ(run({"trigger", "nightl"}), kNotFound);
  EXPECT_TRUE(said("did you mean 'nightly'"));
}

TEST_F(CommandLineTest, ParamsThatAreNoneAreUsageErrors) {
  EXPECT_EQ(run({"trigger", "a", "-p", "novalue"}), kUsage);
  EXPECT_EQ(run({"trigger", "a", "--params", "[1]"}), kUsage);
  EXPECT_EQ(run({"trigger", "a", "--params", "{"}), kUsage);
}

TEST_F(CommandLineTest, WaitingEndsWithTheRunsOwnFate) {
  serve_run_that_ends("succeeded", R"(,"result":{"n":1})");
  EXPECT_EQ(run({"trigger", "a", "--wait"}), kOk);
  EXPECT_EQ(out(), "{\n  \"n\": 1\n}\n");
  serve_run_that_ends("failed", R"(,"error":{"kind":"exit_code","message":"exit code 3"})");
  EXPECT_EQ(run({"trigger", "a", "--wait"}), kRunFailed);
  EXPECT_TRUE(said("exit code 3"));
  EXPECT_TRUE(said("jobflow run logs 5"));
  serve_run_that_ends("cancelled");
  EXPECT_EQ(run({"trigger", "a", "--follow"}), kRunFailed);
  serve_run_that_ends("timed_out");
  EXPECT_EQ(run({"trigger", "a", "--wait"}), kTimedOut);
  serve_run_that_ends("succeeded", R"(,"result":[1])");
  EXPECT_EQ(run({"-o", "json", "trigger", "a", "--wait"}), kOk);
  EXPECT_NE(out().find("\"state\": \"succeeded\""), std::string::npos);
}

TEST_F(CommandLineTest, FollowGoesOnWhenTheStreamBreaks) {
  serve_run_that_ends("succeeded");
  const auto whole = server.streams.front();
  server.streams = {{whole[0]}, {whole[0], whole[1]}};
  EXPECT_EQ(run({"run", "watch", "5"}), kOk);
  server.streams = {{whole[0]}};  // and then it is away for good
  EXPECT_EQ(run({"run", "watch", "5"}), kError);
  EXPECT_TRUE(said("the server is away"));
}

TEST_F(CommandLineTest, CtrlCAndALimitLeaveTheRunRunningAndSaySo) {
  serve_run_that_ends("succeeded");
  server.streams.front().pop_back();
  interrupted = true;
  EXPECT_EQ(run({"trigger", "a", "--follow", "--server", "localhost:8"}), kError);
  EXPECT_TRUE(said("the run goes on"));
  EXPECT_TRUE(said("jobflow --server localhost:8 run cancel 5"));
  interrupted = false;
  serve_run_that_ends("succeeded");
  const auto snapshot = server.streams.front().front();
  server.streams = {{snapshot}, {snapshot}, {snapshot}, {snapshot}};
  EXPECT_EQ(run({"trigger", "a", "--wait", "--timeout", "1s"}), kTimedOut);
  EXPECT_TRUE(said("the run goes on"));
}

TEST_F(CommandLineTest, BatchesGoInSlicesAndNameRefusedItems) {
  std::string lines;
  for (int i = 0; i < 1001; ++i) {
    lines += R"({"params":{"i":)" + std::to_string(i) + "}}\n";
  }
  files["items"] = lines;
  server.answer("POST /api/v1/runs/batch",
                R"({"items":[{"id":"9","created":true},{"problem":{"detail":"no such job"}}]})");
  EXPECT_EQ(run({"trigger", "a", "--from", "items"}), kError);
  EXPECT_EQ(server.asked.size(), 2U);
  EXPECT_NE(server.bodies[1].find(R"({"items":[{"params":{"i":1000},"job":"a")"),
            std::string::npos);
  EXPECT_TRUE(said("item 2: no such job"));
  EXPECT_EQ(out(), "9\n9\n");
  EXPECT_EQ(run({"trigger", "--from", "items", "--wait"}), kUsage);
}

TEST_F(CommandLineTest, ListsAreTablesOrJson) {
  server.answer("GET /api/v1/runs?limit=20&namespace=default&job=a&state=failed&state=queued",
                R"({"items":[{"id":"5","kind":"job","definition":{"name":"a"},"state":"failed",
                     "attempt":2,"created_at":"2026-11-22T17:33:00Z","error":{"kind":"k",
                     "message":"bad\nworse"}}],"next_cursor":"x"})");
  EXPECT_EQ(run({"run", "ls", "--job", "a", "--state", "failed", "--state", "queued"}), kOk);
  EXPECT_EQ(out(),
            "RUN  KIND  NAME  STATE   ATTEMPT  CREATED  ERROR\n"
            "5    job   a     failed        2  4 s ago  bad\n");
  EXPECT_TRUE(said("older ones"));
  EXPECT_EQ(
      run({"run", "ls", "--job", "a", "--state", "failed", "--state", "queued", "-o", "json"}),
      kOk);
  EXPECT_NE(out().find("\"next_cursor\": \"x\""), std::string::npos);
  server.answer("GET /api/v1/runs?limit=20",
                R"({"items":[{"id":"5","definition":{"name":"a","namespace":"other"}}]})");
  EXPECT_EQ(run({"run", "ls"}), kOk);
  EXPECT_NE(out().find("other/a"), std::string::npos) << out();
  server.answer("GET /api/v1/runs?limit=20&namespace=finance", R"({"items":[{"id":"77"}]})");
  EXPECT_EQ(run({"run", "ls", "-n", "finance"}), kOk);
  EXPECT_NE(out().find("77"), std::string::npos) << out();
}

TEST_F(CommandLineTest, LogLinesAreFoundByTextAndLevel) {
  const std::string asked = "&level=warn&text=disk%20full";
  server.answer(
      "GET /api/v1/runs/5/logs?limit=1000&from=0" + asked,
      R"({"items":[{"attempt":1,"number":8,"time":"2025-11-22T17:00:00.000Z","level":"warn",)"
      R"("text":"Disk full","fields":null}],"next_from":null})");
  server.answer("GET /api/v1/runs/5/logs?limit=1000&from=1" + asked,
                R"({"items":[],"next_from":null})");
  EXPECT_EQ(run({"run", "logs", "5", "--grep", "disk full", "--level", "warn", "--bare"}), kOk);
  EXPECT_EQ(out(), "Disk full\n");
  EXPECT_EQ(run({"run", "logs", "5", "-f", "--grep", "disk full"}), kUsage);
}

TEST_F(CommandLineTest, S56_ARunIsExplained) {
  server.answer(
      "GET /api/v1/runs/5/explain",
      R"({"run_id":"5","state":"queued","reasons":[{"code":"no_worker","text":"nobody"},)"
      R"({"code":"priority","text":"2 runs go first"}],"earliest_at":null,"bound_at":null})");
  EXPECT_EQ(run({"run", "explain", "5"}), kOk);
  EXPECT_EQ(out(), "run 5 is queued\n  no_worker    nobody\n  priority     2 runs go first\n");
}

TEST_F(CommandLineTest, WhereThereIsNothingItSaysWhy) {
  server.answer("GET /api/v1/runs/5/logs?limit=1000&from=0", R"({"items":[],"next_from":null})");
  server.answer("GET /api/v1/runs/5/attempts", R"({"items":[]})");
  server.answer("GET /api/v1/runs/5", R"({"id":"5","kind":"workflow","state":"running"})");
  EXPECT_EQ(run({"run", "logs", "5"}), kOk);
  EXPECT_TRUE(said("jobflow run steps 5")) << errors.str();
  server.streams = {{{.type = "end", .data = "{}"}}};
  EXPECT_EQ(run({"run", "logs", "-f", "5"}), kOk);
  EXPECT_TRUE(said("jobflow run steps 5")) << errors.str();
  EXPECT_EQ(run({"run", "attempts", "5"}), kOk);
  EXPECT_TRUE(said("jobflow run steps 5")) << errors.str();
  server.answer("GET /api/v1/runs/5", run_json("queued"));
  EXPECT_EQ(run({"run", "attempts", "5"}), kOk);
  EXPECT_TRUE(said("waits for a worker")) << errors.str();
  server.answer("GET /api/v1/runs/5", run_json("cancelled"));
  EXPECT_EQ(run({"run", "logs", "5"}), kOk);
  EXPECT_TRUE(said("ended as cancelled before it began")) << errors.str();
}

TEST_F(CommandLineTest, ServerProblemsBecomeExitCodesAndRemedies) {
  EXPECT_EQ(run({"run", "get", "99"}), kNotFound);
  server.answers.insert_or_assign("GET /api/v1/runs/1",
                                  Problem{ProblemCode::unauthenticated, "no"});
  EXPECT_EQ(run({"run", "get", "1"}), kError);
  EXPECT_TRUE(said("--token-file"));
}

TEST_F(CommandLineTest, LogsAreReadPageByPageAndFollowedToTheirEnd) {
  server.answer("GET /api/v1/runs/5/logs?limit=1000&from=0",
                R"({"items":[{"attempt":1,"number":0,"time":"2026-11-22T17:33:04Z","level":"info",
                     "text":"hi"}],"next_from":null})");
  server.answer("GET /api/v1/runs/5/logs?limit=1000&from=1", R"({"items":[],"next_from":null})");
  EXPECT_EQ(run({"run", "logs", "5", "--bare"}), kOk);
  EXPECT_EQ(out(), "hi\n");
  EXPECT_EQ(run({"run", "logs", "5", "-o", "json"}), kOk);
  EXPECT_EQ(out(),
            "{\"attempt\":1,\"number\":0,\"time\":\"2026-11-22T17:33:04Z\","
            "\"level\":\"info\",\"text\":\"hi\"}\n");
  const auto line = [](const std::string& id, const std::string& text) {
    return client::ServerEvent{.id = id, .type = "line", .data = R"({"text":")" + text + R"("})"};
  };
  server.streams = {{line("1:0", "one")}, {line("1:1", "two"), {.type = "end", .data = "{}"}}};
  EXPECT_EQ(run({"run", "logs", "5", "-f", "--bare", "--level", "warn"}), kOk);
  EXPECT_EQ(out(), "one\ntwo\n");
  EXPECT_EQ(server.asked.back(), "LISTEN /api/v1/runs/5/logs/stream?level=warn");
  const auto of_attempt = [](int attempt) {
    return client::ServerEvent{
        .type = "line", .data = R"({"attempt":)" + std::to_string(attempt) + R"(,"text":"of it"})"};
  };
  server.streams = {{of_attempt(1), of_attempt(2)}};
  EXPECT_EQ(run({"run", "logs", "5", "-f", "--bare", "--attempt", "1"}), kOk);
  EXPECT_EQ(out(), "of it\n") << "of this attempt only";
}

TEST_F(CommandLineTest, CalendarsHaveTheSameVerbsAndAnImport) {  // S4.5
  files["de.ics"] = "BEGIN:VCALENDAR";
  const std::string saved =
      R"({"kind":"calendar","namespace":"default","name":"de","revision":1,"outcome":"created"})";
  server.answer("PUT /api/v1/calendars/de?namespace=default&timezone=Europe%2FBerlin", saved);
  EXPECT_EQ(run({"calendar", "import", "de.ics", "--timezone", "Europe/Berlin"}), kOk);
  EXPECT_EQ(out(), "calendar default/de  created  revision 1\n");
  EXPECT_EQ(server.bodies.back(), "BEGIN:VCALENDAR");
  EXPECT_EQ(run({"calendar", "import", "-"}), kUsage);
  EXPECT_TRUE(said("say --name NAME")) << errors.str();
  server.answer(
      "GET /api/v1/calendars?namespace=default",
      R"({"items":[{"kind":"calendar","namespace":"default","name":"de","title":"Holidays",
                     "revision":2,"updated_at":"2026-01-01T00:00:00Z"}]})");
  EXPECT_EQ(run({"calendar", "ls"}), kOk);
  EXPECT_NE(out().find("Holidays"), std::string::npos);
  server.answer("DELETE /api/v1/calendars/de?namespace=default&force=true", "");
  EXPECT_EQ(run({"calendar", "rm", "de", "--force"}), kOk);
  EXPECT_TRUE(said("calendar default/de  deleted"));
}

TEST_F(CommandLineTest, EditSavesOnlyWhatChangedAndNeverOverwritesOthers) {
  server.answer("GET /api/v1/jobs/a?namespace=default", R"({"document":{"spec":{}}})");
  edited = 1;
  EXPECT_EQ(run({"job", "edit", "a"}), kError);
  EXPECT_TRUE(said("nothing was saved"));
}

TEST_F(CommandLineTest, CancelRetryAndRemoveSayWhatTheyDid) {
  server.answer("POST /api/v1/runs/5/cancel", "{}");
  EXPECT_EQ(run({"run", "cancel", "5", "6"}), kNotFound);
  EXPECT_TRUE(said("run 5  asked to stop"));
  server.answer("POST /api/v1/runs/5/retry", "{}");
  EXPECT_EQ(run({"run", "retry", "5", "--from", "b", "--from", "c"}), kOk);
  EXPECT_EQ(server.bodies.back(), R"({"from":["b","c"]})");
  server.answer("DELETE /api/v1/workflows/w?namespace=default", "");
  EXPECT_EQ(run({"workflow", "rm", "w"}), kOk);
  EXPECT_EQ(run({"version"}), kOk);
  EXPECT_EQ(out(), "jobflow 1.2.3\ntime zones 2026a\n");
}

TEST_F(CommandLineTest, TriggersAreFoundByTheirOwnersName) {
  const std::string one =
      R"({"items":[{"id":"9","name":"cron-1","state":"active","next_due_at":null}]})";
  server.answer("GET /api/v1/jobs/j/triggers?namespace=default", one);
  server.answer("POST /api/v1/triggers/9/pause", R"({"id":"9","changed":true})");
  EXPECT_EQ(run({"trigger", "pause", "j", "--note", "why"}), kOk);
  EXPECT_EQ(server.bodies.back(), R"({"note":"why"})");
  EXPECT_TRUE(said("trigger j/cron-1  paused"));
  // A workflow's where no job has the name.
  server.answer("GET /api/v1/workflows/w/triggers?namespace=default", one);
  server.answer("POST /api/v1/triggers/9/resume", R"({"id":"9","changed":false})");
  EXPECT_EQ(run({"trigger", "resume", "w"}), kOk);
  EXPECT_TRUE(said("trigger w/cron-1  was not paused"));
  server.answer("GET /api/v1/jobs/two/triggers?namespace=default",
                R"({"items":[{"id":"1","name":"a"},{"id":"2","name":"b"}]})");
  EXPECT_EQ(run({"trigger", "pause", "two"}), kError);
  EXPECT_TRUE(said("name one of a, b"));
  EXPECT_EQ(run({"trigger", "pause", "two", "c"}), kNotFound);
  EXPECT_EQ(run({"trigger", "pause", "nobody"}), kNotFound);
  // Without a verb it still makes a run.
  server.answer("POST /api/v1/jobs/j/trigger?namespace=default", R"({"id":"5","created":true})");
  EXPECT_EQ(run({"trigger", "--job", "j"}), kOk);
}

TEST_F(CommandLineTest, BackfillsAreBegunByNameAndChangedById) {
  server.answer("GET /api/v1/jobs/j/triggers?namespace=default",
                R"({"items":[{"id":"9","name":"cron-1"}]})");
  const std::string one =
      R"({"id":"5","definition":{"name":"j"},"from":"2026-01-01T00:00:00Z",)"
      R"("to":"2026-01-05T00:00:00Z","order":"newest_first","max_parallel":3,"state":"paused",)"
      R"("note":"a run of it ended failed","total":4,"runs":2,"kept_off":1,"succeeded":1,)"
      R"("failed":1})";
  server.answer("POST /api/v1/triggers/9/backfill", one);
  EXPECT_EQ(run({"trigger", "backfill", "j", "--from", "2026-01-01T00:00:00Z", "--to",
                 "2026-01-05T00:00:00Z", "--parallel", "3", "--newest-first", "--wait-for-others",
                 "--pause-on-failure", "--params", R"({"a":1})"}),
            kOk);
  EXPECT_EQ(server.bodies.back(),
            R"({"from":"2026-01-01T00:00:00Z","to":"2026-01-05T00:00:00Z","max_parallel":3,)"
            R"("order":"newest_first","overlap":"wait","on_failure":"pause","params":{"a":1}})");
  EXPECT_NE(out().find("3 of 4 instants settled: 2 runs (1 succeeded, 1 failed), 1 kept off"),
            std::string::npos)
      << out();
  EXPECT_EQ(run({"trigger", "backfill", "j", "--from", "2026-01-01T00:00:00Z"}), kUsage);
  server.answer("GET /api/v1/backfills?limit=50&going_on=true", R"({"items":[)" + one + "]}");
  EXPECT_EQ(run({"backfill", "ls"}), kOk);
  EXPECT_NE(out().find("75 %"), std::string::npos) << out();
  server.answer("GET /api/v1/backfills/5", one);
  EXPECT_EQ(run({"backfill", "get", "5"}), kOk);
  server.answer("POST /api/v1/backfills/5/pause", R"({"id":"5","changed":false})");
  EXPECT_EQ(run({"backfill", "pause", "5", "--note", "why"}), kOk);
  EXPECT_EQ(server.bodies.back(), R"({"note":"why"})");
  EXPECT_TRUE(said("backfill 5  was paused already"));
  server.answer("POST /api/v1/backfills/5/resume", R"({"id":"5","changed":true})");
  EXPECT_EQ(run({"backfill", "resume", "5"}), kOk);
  server.answer("POST /api/v1/backfills/5/cancel", R"({"id":"5","changed":true})");
  EXPECT_EQ(run({"backfill", "cancel", "5"}), kOk);
  EXPECT_EQ(run({"backfill", "get", "6"}), kNotFound);
}

TEST_F(CommandLineTest, APreviewIsOfWhatIsWrittenOrSaved) {
  const std::string preview =
      R"({"kind":"cron","timezone":"Europe/Berlin","sentence":{"en":"At 02:30","zh":"02:30"},)"
      R"("warnings":["w"],"notes":{"en":["n"],"zh":[]},)"
      R"("items":[{"at":"2027-03-28T01:00:00Z","local":"2027-03-28T03:00:00+02:00"}]})";
  server.answer("POST /api/v1/triggers/preview", preview);
  EXPECT_EQ(run({"trigger", "preview", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin"}),
            kOk);
  EXPECT_EQ(server.bodies.back(),
            R"({"trigger":{"cron":"30 2 * * *","timezone":"Europe/Berlin"},"count":10,)"
            R"("namespace":"default"})");
  for (const char* part : {"At 02:30", "warning: w", "clock: n", "2027-03-28T03:00:00+02:00"}) {
    EXPECT_NE(out().find(part), std::string::npos) << out();
  }
  server.answer("GET /api/v1/jobs/j/triggers?namespace=default",
                R"({"items":[{"id":"9","name":"cron-1"}]})");
  server.answer("GET /api/v1/triggers/9/preview?count=3", preview);
  EXPECT_EQ(run({"trigger", "preview", "j", "--count", "3"}), kOk);
  for (const auto& [kind, says] : {std::pair{"every", "it is not due any more"},
                                   {"cron", "it is not due any more"},
                                   {"once", "it is not due any more"},
                                   {"delay", "when it is due hangs on when runs end"},
                                   {"after", "when it is due hangs on when runs end"}}) {
    server.answer("POST /api/v1/triggers/preview",
                  std::string(R"({"kind":")") + kind +
                      R"(","sentence":{"en":"e","zh":"z"},"warnings":[],"notes":{},"items":[]})");
    EXPECT_EQ(run({"trigger", "preview", "--every", "1s"}), kOk);
    EXPECT_NE(out().find(says), std::string::npos) << kind << out();
  }
  EXPECT_EQ(run({"trigger", "preview"}), kError);
  server.answer(
      "GET /api/v1/triggers/9/firings?limit=20",
      R"({"items":[{"from":"2027-01-01T00:00:00Z","to":"2027-01-01T00:00:09Z","count":10,)"
      R"("outcome":"skipped","reason":"misfire"}],"next_cursor":null})");
  EXPECT_EQ(run({"trigger", "firings", "j"}), kOk);
  EXPECT_NE(out().find("skipped: misfire"), std::string::npos) << out();
}

}  // namespace
}  // namespace jobflow::cli
