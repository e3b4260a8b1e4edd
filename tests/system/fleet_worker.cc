// A worker of the fleet test: its functions say in the ledger that they started, live on and ended.
// One write a line, to a file opened for appending, as fleet_body.sh does it.
// Usage: fleet-worker HOST:PORT TOKEN-FILE NAME SLOTS LEDGER [TAG]; FLEET_WORKER names the process.
#include <jobflow/worker.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <string>
#include <unistd.h>

namespace {

constexpr std::chrono::milliseconds kBeat{50};

class Witness {
 public:
  Witness(const char* path, std::string process)
      : file_(::open(path, O_WRONLY | O_APPEND | O_CLOEXEC)), process_(std::move(process)) {}

  bool is_open() const { return file_ >= 0; }
  void say(const jobflow::Context& run, const std::string& key, const char* what) const {
    const std::string line = std::to_string(run.run_id()) + ' ' + std::to_string(run.token()) +
                             ' ' + std::to_string(run.attempt()) + ' ' + run.job() + ' ' + key +
                             ' ' + process_ + ' ' + what + '\n';
    if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      std::abort();  // a body without a witness would be judged as one that never ran
    }
  }

 private:
  int file_;
  std::string process_;
};

std::int64_t number(jobflow::Context& run, const char* name, std::int64_t otherwise) {
  const jobflow::Json* value = run.params().find(name);
  return value == nullptr ? otherwise : value->as_int();
}

// {key, ms, failures, again_ms}: lives for so long, later attempts for again_ms, unless it is asked
// to stop; its first `failures` attempts fail.
jobflow::Result work(jobflow::Context& run, const Witness& witness) {
  const std::string key = run.params().at("key").as_string();
  const std::int64_t ms = number(run, "ms", 0);
  std::chrono::milliseconds left(run.attempt() == 1 ? ms : number(run, "again_ms", ms));
  witness.say(run, key, "start");
  for (; left.count() > 0; left -= kBeat) {
    if (run.wait_cancelled(std::min(left, kBeat))) {
      witness.say(run, key, "stopped");
      return jobflow::cancelled();
    }
    witness.say(run, key, "beat");
  }
  witness.say(run, key, "end");
  if (run.attempt() <= number(run, "failures", 0)) {
    return jobflow::failed("as it was told");
  }
  return jobflow::succeeded({{"token", run.token()}});
}

}  // namespace

int main(int count, char** words) {
  const char* process = std::getenv("FLEET_WORKER");
  if (count < 6 || process == nullptr) {
    std::cerr << "usage: fleet-worker HOST:PORT TOKEN-FILE NAME SLOTS LEDGER [TAG]\n";
    return 2;
  }
  const Witness witness(words[5], process);
  if (!witness.is_open()) {
    std::cerr << "there is no ledger " << words[5] << '\n';
    return 2;
  }
  jobflow::WorkerOptions options{.server = words[1], .name = words[3], .token_file = words[2]};
  options.slots = std::atoi(words[4]);
  for (int n = 6; n < count; ++n) {
    options.tags.emplace_back(words[n]);
  }
  jobflow::Worker worker(std::move(options));
  const auto body = [&witness](jobflow::Context& run) { return work(run, witness); };
  worker.handle("fleet.work", body);
  worker.handle("fleet.detached", body, {.detached = true});
  return worker.run();
}
