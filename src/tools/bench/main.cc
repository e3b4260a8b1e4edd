// jobflow-bench: the figures of the project's goals, measured against real servers and a real
// worker over the public protocol. Bounded in count and time; loopback only.
#include "tools/bench/shapes.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>

namespace jobflow::bench {
namespace {

int run(int argc, char** argv) {
  CLI::App app{"Measures P1, P3 to P8 and P10 on throw-away servers"};
  ShapeOptions options;
  std::string program =
      (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "jobflow").string();
  std::string json;
  std::vector<std::string> only;
  app.add_option("--program", program, "The jobflow binary to measure");
  app.add_option("--repeats", options.repeats, "Runs of each figure")->check(CLI::Range(1, 100));
  app.add_option("--runs", options.runs, "P1: runs a repeat")->check(CLI::Range(1000, 5'000'000));
  app.add_option("--batch", options.batch, "P1: items a request")->check(CLI::Range(1, 1000));
  app.add_option("--slots", options.slots, "P1: slots of the worker")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--connections", options.connections, "P1: connections")->check(CLI::Range(1, 64));
  app.add_option("--only", only, "P1, P3, P4, P5, P6, P7, P8, P10")->delimiter(',');
  app.add_option("--json", json, "Also write the rows there");
  CLI11_PARSE(app, argc, argv);
  const auto wanted = [&](const std::string& name) {
    return only.empty() || std::find(only.begin(), only.end(), name) != only.end();
  };
  Report report;
  Report::print_head();
  if (wanted("P1")) {
    throughput(report, program, options);
  }
  if (wanted("P3")) {
    latency(report, ThrowawayServer(program).target(), options);
  }
  if (wanted("P4")) {
    chain(report, ThrowawayServer(program).target(), options);
  }
  if (wanted("P5")) {
    fan(report, ThrowawayServer(program).target(), options, 1000);
    fan(report, ThrowawayServer(program).target(), options, 9'990);
  }
  if (wanted("P6")) {
    lateness(report, program, options);
  }
  if (wanted("P7")) {
    many_schedules(report, program, options);
  }
  if (wanted("P8")) {
    footprint(report, program, options);
  }
  if (wanted("P10")) {
    log_lines(report, program, options);
  }
  if (!json.empty()) {
    report.write_json(json);
  }
  return 0;
}

}  // namespace
}  // namespace jobflow::bench

int main(int argc, char** argv) {
  try {
    return jobflow::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "jobflow-bench: %s\n", error.what());
    return 1;
  }
}
