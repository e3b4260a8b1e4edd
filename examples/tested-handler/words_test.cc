// A handler and its unit test: it runs in a real worker, against a server in this process.
#include <jobflow/test_server.h>
#include <jobflow/worker.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

namespace {

jobflow::Result count_words(jobflow::Context& run) {
  constexpr std::int64_t kOften = 1000;
  const std::string& path = run.params().at("file").as_string();
  std::ifstream file(path);
  if (!file) {
    return jobflow::failed("cannot read " + path).error_kind("no_file").do_not_retry();
  }
  std::int64_t words = 0;
  for (std::string word; file >> word;) {
    if (++words % kOften == 0 && run.cancelled()) {
      return jobflow::cancelled();
    }
  }
  run.log().info("counted", {{"file", path}, {"words", words}});
  return jobflow::succeeded({{"words", words}});
}

void expect(bool holds, std::string_view what) {
  if (!holds) {
    std::cerr << "not so: " << what << '\n';
    std::exit(1);
  }
}

void counts_words(jobflow::TestServer& server) {
  const jobflow::TestRun run = server.trigger("words.count", {{"file", "/proc/self/status"}});
  const jobflow::TestEnd end = run.wait();
  expect(end.kind == jobflow::TestEnd::Kind::succeeded, end.error);
  expect(end.result.at("words").as_int() > 50, "a process' status has more than 50 words");
  expect(run.log(1).front().text == "counted", "the log says that it counted");
}

void a_missing_file_fails_for_good(jobflow::TestServer& server) {
  const jobflow::TestEnd end = server.trigger("words.count", {{"file", "/nonexistent"}}).wait();
  expect(end.kind == jobflow::TestEnd::Kind::failed, "it fails");
  expect(end.error_kind == "no_file" && end.do_not_retry, "no further attempt would help");
}

void missing_params_are_told(jobflow::TestServer& server) {
  const jobflow::TestEnd end = server.trigger("words.count").wait();
  expect(end.kind == jobflow::TestEnd::Kind::failed, "it fails");
  expect(end.error.find("file") != std::string::npos, "the error names what is missing");
}

}  // namespace

int main() {
  jobflow::TestServer server;
  jobflow::Worker worker{{.server = server.address()}};
  worker.handle("words.count", count_words);
  worker.start();
  counts_words(server);
  a_missing_file_fails_for_good(server);
  missing_params_are_told(server);
  std::cout << "all is well\n";
}
