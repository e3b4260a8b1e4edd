// jobflow-worker-conformance: plays a server for any worker of the protocol, scenario by scenario,
// and says of each what was expected and what was seen (docs/worker-conformance.md).
#include "tools/conformance/play.h"
#include "tools/conformance/scenarios.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>

namespace {

using jobflow::conformance::all_scenarios;
using jobflow::conformance::Play;
using jobflow::conformance::Scenario;
using jobflow::conformance::Setting;

// True when the worker did as expected.
bool examine(const Scenario& scenario, const Setting& setting) {
  std::string seen;
  bool passed = false;
  Play play(setting);
  try {
    seen = scenario.act(play);
    passed = true;
  } catch (const std::exception& trouble) {
    seen = trouble.what();
    if (const std::string words = play.last_words(); !words.empty()) {
      seen += "; it said: " + words;
    }
  }
  std::cout << fmt::format("{:<6}  {:<23} expected: {}; seen: {}", passed ? "ok" : "FAILED",
                           scenario.name, scenario.expected, seen)
            << std::endl;
  return passed;
}

std::string unknown_name(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto scenarios = all_scenarios();
    if (std::none_of(scenarios.begin(), scenarios.end(),
                     [&](const Scenario& scenario) { return scenario.name == name; })) {
      return name;
    }
  }
  return {};
}

void list_all() {
  for (const Scenario& scenario : all_scenarios()) {
    std::cout << fmt::format("{:<23} {}\n", scenario.name, scenario.expected);
  }
}

int examine_all(const Setting& setting, const std::vector<std::string>& only) {
  int played = 0;
  int failed = 0;
  for (const Scenario& scenario : all_scenarios()) {
    if (only.empty() || std::find(only.begin(), only.end(), scenario.name) != only.end()) {
      ++played;
      failed += examine(scenario, setting) ? 0 : 1;
    }
  }
  std::cout << fmt::format("{} scenarios, {} failed", played, failed) << std::endl;
  return failed == 0 ? 0 : 1;
}

int run(int count, char** words) {
  Setting setting;
  std::vector<std::string> only;
  double patience_seconds = 10;
  bool list = false;
  CLI::App app("Examines a worker of the jobflow protocol: exit code 0 when it conforms, else 1",
               "jobflow-worker-conformance");
  app.add_option("--listen", setting.listen, "HOST:PORT to play the server at; port 0: a free one")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.find(':') == std::string::npos ? "it is HOST:PORT" : std::string();
          },
          ""))
      ->capture_default_str();
  app.add_option("--only", only, "Scenarios, with commas between them")->delimiter(',');
  app.add_option("--patience", patience_seconds, "Seconds to wait for what is expected")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  app.add_flag("--list", list, "Says which scenarios there are");
  app.add_option("command", setting.command,
                 "After --: starts the worker; JOBFLOW_SERVER and JOBFLOW_TOKEN are set for it");
  try {
    app.parse(count, words);
    if (const std::string unknown = unknown_name(only); !unknown.empty()) {
      throw CLI::ValidationError("--only", "there is no scenario '" + unknown + "': see --list");
    }
    if (!list && setting.command.empty()) {
      throw CLI::ValidationError("say after -- how the worker is started");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (list) {
    list_all();
    return 0;
  }
  jobflow::conformance::Candidate::end_with_us();
  setting.patience = std::chrono::milliseconds(static_cast<std::int64_t>(patience_seconds * 1000));
  return examine_all(setting, only);
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "jobflow-worker-conformance: %s\n", error.what());
    return 2;
  }
}
