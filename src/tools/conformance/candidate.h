// The worker under examination: a process in a group of its own, started for one scenario. Owned by
// the Play; whatever is left of the group is killed with it, and with this process. Used by the
// main thread only.
#pragma once

#include <chrono>
#include <string>
#include <sys/types.h>
#include <vector>

namespace jobflow::conformance {

class Candidate {
 public:
  // Its environment says where the server is (JOBFLOW_SERVER) and what to show it (JOBFLOW_TOKEN);
  // what it prints goes to the file `words`.
  Candidate(std::vector<std::string> command, const std::string& server, const std::string& words);
  ~Candidate();
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

  // SIGINT and SIGTERM to us end it with its group, from now on.
  static void end_with_us();

  void send_signal(int number) const;
  // Waits for its end: its exit code, or 128 and the signal that ended it. Throws when it goes on.
  int exit_code(std::chrono::milliseconds at_most);

  static constexpr const char* kToken = "conformance";

 private:
  pid_t pid_ = 0;
};

}  // namespace jobflow::conformance
