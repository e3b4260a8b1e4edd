// A worker whose handlers do what no handler should, as the system tests use one.
// Usage: unruly-worker HOST:PORT TOKEN-FILE NAME; its stderr says what its bodies are at.
#include <jobflow/worker.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

namespace {

// Whatever it is asked, and for longer than any test lasts.
jobflow::Result never_return(jobflow::Context& run) {
  run.log().info("deaf from now on");
  while (true) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

jobflow::Result crash(jobflow::Context& run) {
  run.log().info("about to crash");
  std::abort();
}

// {lines, bytes}: as fast as it can.
jobflow::Result flood(jobflow::Context& run) {
  const std::string text(static_cast<std::size_t>(run.params().at("bytes").as_int()), 'x');
  const std::int64_t lines = run.params().at("lines").as_int();
  for (std::int64_t n = 0; n < lines && !run.cancelled(); ++n) {
    run.log().info(text);
  }
  run.log().info("the last line");
  return jobflow::succeeded({{"lines", lines}});
}

// {bytes}
jobflow::Result return_much(jobflow::Context& run) {
  return jobflow::succeeded(
      std::string(static_cast<std::size_t>(run.params().at("bytes").as_int()), 'x'));
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) {
    std::cerr << "usage: unruly-worker HOST:PORT TOKEN-FILE NAME\n";
    return 2;
  }
  jobflow::Worker worker(
      {.server = words[1], .name = words[3], .slots = 3, .token_file = words[2]});
  worker.handle("unruly.never_return", never_return);
  worker.handle("unruly.crash", crash);
  worker.handle("unruly.flood", flood);
  worker.handle("unruly.return_much", return_much);
  worker.handle("unruly.behave", [](jobflow::Context&) { return jobflow::succeeded("well"); });
  return worker.run();
}
