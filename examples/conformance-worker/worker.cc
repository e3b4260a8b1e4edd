// The worker that the conformance suite asks of an SDK, written with this one: three handlers
// (docs/worker-conformance.md).
//
//   jobflow-worker-conformance -- conformance-worker
#include <jobflow/worker.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace {

constexpr auto kLook = std::chrono::milliseconds(10);

void write_down(jobflow::Context& run, std::string_view what) {
  std::ofstream witness(run.params().at("witness").as_string(), std::ios::app);
  witness << std::string(what) + ' ' + std::to_string(run.token()) + '\n';
}

jobflow::Result echo(jobflow::Context& run) {
  return jobflow::succeeded(run.params());
}

jobflow::Result fail(jobflow::Context& run) {
  return jobflow::failed(run.params().at("message").as_string()).do_not_retry();
}

jobflow::Result work(jobflow::Context& run) {
  write_down(run, "start");
  run.progress(0.5);
  for (std::int64_t line = 0; line < run.params().at("lines").as_int(); ++line) {
    run.log().info("line " + std::to_string(line));
  }
  if (const jobflow::Json* until = run.params().find("until")) {
    while (!std::filesystem::exists(until->as_string())) {
      if (run.wait_cancelled(kLook)) {
        write_down(run, "stop");
        return jobflow::cancelled();
      }
    }
  }
  return jobflow::succeeded({{"token", run.token()}});
}

}  // namespace

int main() {
  jobflow::Worker worker{{.name = "conformance", .slots = 4}};
  worker.handle("conformance.echo", echo);
  worker.handle("conformance.fail", fail);
  worker.handle("conformance.work", work);
  return worker.run();
}
