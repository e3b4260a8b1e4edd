// What the tests of the built-in handlers share: a worker that offers them to a scripted server,
// and a watch over processes. For tests only.
#pragma once

#include "rehearsal/scripted_server.h"
#include "worker/builtin/builtin_handlers.h"
#include "worker/tuning.h"

#include <gtest/gtest.h>
#include <jobflow/worker.h>

#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <poll.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace jobflow::worker {

using rehearsal::ScriptedServer;
using rehearsal::Session;
using std::chrono::milliseconds;

class BuiltinTest : public testing::Test {
 protected:
  BuiltinTest() = default;
  void SetUp() override {
    ::setenv("JOBFLOW_TOKEN", "the worker's secret", 1);
    std::string pattern = (std::filesystem::temp_directory_path() / "jobflow-test-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    begin({});
  }
  void TearDown() override {
    worker.reset();
    std::filesystem::remove_all(folder);
    ::unsetenv("JOBFLOW_TOKEN");
  }

  virtual BuiltinOptions offered() { return {.allow = {"shell", "python"}}; }

  void begin(Tuning tuning) {
    worker.reset();
    tuning.leave_wait = milliseconds(20);
    worker = std::make_unique<Worker>(WorkerOptions{
        .server = server.address(), .name = "w", .slots = 8, .log = [](std::string_view) {}});
    tune(*worker, tuning);
    const auto notes = register_builtin_handlers(*worker, offered());
    ASSERT_TRUE(notes.ok()) << notes.problem().detail;
    worker->start();
    session = server.accept();
    session->welcome();
  }
  void order(const std::string& handler, const Json& params, std::int64_t timeout_ms = 0) {
    ++token;
    session->assign({.run = token,
                     .token = token,
                     .handler = handler,
                     .params = params.dump(),
                     .timeout_ms = timeout_ms,
                     .job = "nightly"});
  }
  v1::Finished run(const std::string& handler, const Json& params, std::int64_t timeout_ms = 0) {
    order(handler, params, timeout_ms);
    return session->finished(token);
  }
  v1::Finished shell(const std::string& command) { return run("shell", {{"command", command}}); }
  std::string log() {
    std::string text;
    for (const v1::LogLine& line : session->lines_now(token)) {
      text += std::to_string(line.level()) + " " + line.text() + "\n";
    }
    return text;
  }

  ScriptedServer server;
  std::filesystem::path folder;
  std::unique_ptr<Worker> worker;
  std::shared_ptr<Session> session;
  std::int64_t token = 0;
};

// Someone holds the fifo open for writing as long as it lives: says when all of them are gone.
class Deathwatch {
 public:
  explicit Deathwatch(const std::filesystem::path& fifo) {
    EXPECT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    read_ = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  }
  ~Deathwatch() { ::close(read_); }
  Deathwatch(const Deathwatch&) = delete;
  Deathwatch& operator=(const Deathwatch&) = delete;

  bool all_gone() const {
    pollfd polled{read_, POLLIN, 0};
    char byte = 0;
    while (::poll(&polled, 1, 20'000) == 1) {
      if (::read(read_, &byte, 1) == 0) {
        return true;
      }
    }
    return false;
  }
  // Someone holds it still.
  bool someone_lives() const {
    pollfd polled{read_, POLLIN, 0};
    return ::poll(&polled, 1, 0) == 0;
  }

 private:
  int read_ = -1;
};

}  // namespace jobflow::worker
