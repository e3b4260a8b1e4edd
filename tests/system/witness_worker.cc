// A worker that writes down what it is given, as the system tests use one: one line a body, run and
// attempt, in one write each. Usage: witness-worker HOST:PORT TOKEN-FILE FILE
#include <jobflow/worker.h>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <string>
#include <unistd.h>

int main(int count, char** words) {
  if (count != 4) {
    std::cerr << "usage: witness-worker HOST:PORT TOKEN-FILE FILE\n";
    return 2;
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before any thread is there
  const int file = open(words[3], O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  jobflow::Worker worker(
      {.server = words[1], .name = "witness", .slots = 4'000, .token_file = words[2]});
  worker.handle("witness", [&](jobflow::Context& run) {
    const std::string line =
        std::to_string(run.run_id()) + ' ' + std::to_string(run.attempt()) + '\n';
    return write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size())
               ? jobflow::succeeded()
               : jobflow::failed("the file cannot be written");
  });
  worker.start();
  int signal = 0;
  sigwait(&ends, &signal);
  worker.stop();
  return 0;
}
