#include "tools/sim/command.h"

#include "engine/transitions.h"
#include "model/sabotage.h"
#include "tools/sim/fault_points.h"
#include "tools/sim/quiet.h"
#include "tools/sim/trial.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <random>

namespace jobflow::sim {
namespace {

struct Options {
  std::uint64_t seed = 0;
  std::uint64_t first = 1, last = 0;
  Span time;  // not 0: fresh seeds for so long
  int members = 1;
  std::vector<std::string> without;
  std::vector<std::string> unheeded;
  bool trace = false;
  bool twice = false;
  bool all = false;
};

using WallClock = std::chrono::steady_clock;

double seconds_since(WallClock::time_point start) {
  return std::chrono::duration<double>(WallClock::now() - start).count();
}

// The one command that shows it again.
std::string replay(std::uint64_t seed, const Options& options) {
  std::string command = fmt::format("jobflow sim --seed {}", seed);
  if (options.members != 1) {
    command += fmt::format(" --members {}", options.members);
  }
  for (const std::string& name : options.without) {
    command += fmt::format(" --without '{}'", name);
  }
  for (const std::string& name : options.unheeded) {
    command += " --unheeded " + name;
  }
#ifdef JOBFLOW_SABOTAGE
  command += fmt::format(" --sabotage {}", kSabotageNames.at(static_cast<std::size_t>(sabotage)));
#endif
  return command + " --trace";
}

Trial try_seed(std::uint64_t seed, const Options& options, bool with_text = false) {
  return run_trial({.seed = seed,
                    .members = options.members,
                    .with_text = with_text,
                    .without = options.without,
                    .unheeded = options.unheeded});
}

void print_sum(const Sum& sum, double took) {
  const double hours_simulated = static_cast<double>(sum.simulated_ms) / 3'600'000.0;
  fmt::print(
      "{} seeds, {} events, {:.1f} simulated hours in {:.1f} s: {:.0f} seeds and {:.2f} "
      "simulated hours a second\n",
      sum.seeds, sum.events, hours_simulated, took, static_cast<double>(sum.seeds) / took,
      hours_simulated / took);
  for (const auto& [what, times] : sum.counts) {
    fmt::print("  {:>9}  {}\n", times, what);
  }
}

void print_points_missed(const Sum& sum) {
  std::string missed;
  for (const std::string_view point : fault_points()) {
    if (!sum.counts.contains(fmt::format("at {}", point))) {
      missed += fmt::format("  {}\n", point);
    }
  }
  if (!missed.empty()) {
    fmt::print("named points of the server's code that no seed reached:\n{}", missed);
  }
}

int exit_code(const Violation& wrong) {
  return wrong.breach == Breach::safety ? kSafety : kLiveness;
}

int show_violation(std::uint64_t seed, const Options& options) {
  const Trial trial = try_seed(seed, options, true);
  if (!trial.violation) {
    fmt::print("\nseed {} broke a promise the first time and none the second\n", seed);
    return kUnlike;
  }
  const Violation& wrong = *trial.violation;
  fmt::print("\n{}\n{}\n", to_text(trial.plan), trial.excerpt);
  fmt::print("seed {} breaks a promise ({}, {}): {}\n  replay it: {}\n", seed, wrong.checker,
             wrong.breach == Breach::safety ? "safety" : "liveness", wrong.what,
             replay(seed, options));
  return exit_code(wrong);
}

// Where two histories of one seed part: both as far as the first line that differs.
int show_difference(std::uint64_t seed, const Options& options) {
  const std::string one = try_seed(seed, options, true).trace;
  const std::string other = try_seed(seed, options, true).trace;
  const auto apart = std::ranges::mismatch(one, other);
  const auto from = one.begin() + std::max<std::ptrdiff_t>(apart.in1 - one.begin() - 2000, 0);
  const auto show = [](std::string_view rest) { return rest.substr(0, rest.find('\n')); };
  fmt::print("{}\n  or\n{}\n",
             std::string(from, apart.in1) + std::string(show({apart.in1, one.end()})),
             show({apart.in2, other.end()}));
  fmt::print("seed {} has two histories: something beyond the seed decides\n", seed);
  return kUnlike;
}

// One seed, and everything about it.
int run_one(const Options& options) {
  crash_note(replay(options.seed, options));
  const Trial trial = try_seed(options.seed, options, options.trace);
  if (options.trace) {
    fmt::print("{}{}", to_text(trial.plan), trial.trace);
  }
  if (trial.violation) {
    return show_violation(options.seed, options);
  }
  fmt::print("seed {} is clean; history {:016x}, {} events, {:.1f} simulated seconds\n",
             options.seed, trial.hash, trial.events,
             static_cast<double>(trial.simulated_ms) / 1000.0);
  return kClean;
}

int run_many(const Options& options) {
  const auto start = WallClock::now();
  const bool timed = options.time.ms > 0;
  Sum sum;
  int worst = kUnlike;
  for (std::uint64_t seed = options.first;
       timed ? seconds_since(start) * 1000 < static_cast<double>(options.time.ms)
             : seed <= options.last;
       ++seed) {
    crash_note(replay(seed, options));
    const Trial trial = try_seed(seed, options);
    sum.add(trial);
    if (options.twice && try_seed(seed, options).hash != trial.hash) {
      return show_difference(seed, options);
    }
    if (trial.violation && options.all) {
      worst = std::min(worst, exit_code(*trial.violation));
      fmt::print("seed {}: {}: {}\n", seed, trial.violation->checker, trial.violation->what);
      std::fflush(stdout);
    } else if (trial.violation) {
      print_sum(sum, seconds_since(start));
      return show_violation(seed, options);
    }
  }
  print_sum(sum, seconds_since(start));
  if (const std::string untaken = engine::untaken_moves(); !untaken.empty()) {
    fmt::print("moves of the state machines that no seed took:\n{}\n", untaken);
  }
  print_points_missed(sum);
  if (worst != kUnlike) {
    return worst;
  }
  if (const std::string missing = poverty(sum, options.members); !missing.empty()) {
    fmt::print("clean, but these seeds met too little:\n{}", missing);
    return kPoor;
  }
  fmt::print("clean\n");
  return kClean;
}

bool read_range(const std::string& text, Options& options) {
  const auto dash = text.find('-');
  const char* end = text.data() + text.size();
  if (dash == std::string::npos) {
    return false;
  }
  const auto first = std::from_chars(text.data(), text.data() + dash, options.first);
  const auto last = std::from_chars(text.data() + dash + 1, end, options.last);
  return first.ptr == text.data() + dash && last.ptr == end && first.ec == std::errc{} &&
         last.ec == std::errc{} && options.first <= options.last;
}

// What is wrong with the name of a protection; "" when that one is turned off now.
std::string take_sabotage(const std::string& name) {
#ifdef JOBFLOW_SABOTAGE
  const auto found = std::ranges::find(kSabotageNames, name.empty() ? "none" : name);
  if (found == kSabotageNames.end()) {
    return fmt::format("there is no protection '{}'; there are {}", name,
                       fmt::join(kSabotageNames.begin() + 1, kSabotageNames.end(), ", "));
  }
  sabotage = static_cast<Sabotage>(found - kSabotageNames.begin());
  return {};
#else
  return name.empty() ? "" : "this build turns no protections off";
#endif
}

int complain(const std::string& what) {
  fmt::print(stderr, "error: {}\n  `jobflow sim --help` explains\n", what);
  return kUsageError;
}

}  // namespace

int run_command(const std::vector<std::string>& arguments) {
  Options options;
  std::string range;
  std::string time;
  std::string sabotage_name;
  CLI::App app{
      "Runs the real server code in simulated worlds where everything fails that can, and "
      "judges what happened.\nExit codes: 0 clean, 5 too little was tried, 10 safety, 11 "
      "liveness, 12 crash, 13 one seed with two histories.",
      "jobflow sim"};
  auto* seed = app.add_option("--seed", options.seed, "This one seed")->type_name("N");
  app.add_option("--seeds", range, "These seeds")->type_name("A-B")->excludes(seed);
  app.add_option("--for", time, "Fresh seeds for so long (10s)")->type_name("SPAN")->excludes(seed);
  app.add_option("--members", options.members, "Members of each world (1)")->type_name("N");
  app.add_option("--without", options.without, "A fault or load that is left out")
      ->type_name("NAME");
  app.add_option("--unheeded", options.unheeded, "A checker that is not listened to")
      ->type_name("NAME");
  app.add_option("--sabotage", sabotage_name, "A protection that is turned off (test builds only)")
      ->type_name("NAME");
  app.add_flag("--trace", options.trace, "Show the whole history (with --seed)");
  app.add_flag("--all", options.all, "Go on after a seed that fails, and list them all");
  app.add_flag("--twice", options.twice, "Run each seed twice and compare the histories");
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return kClean;
  } catch (const CLI::ParseError& wrong) {
    return complain(wrong.what());
  }
  if (options.members < 1 || options.members > 16) {
    return complain("--members takes 1 to 16");
  }
  for (const std::string& name : options.without) {
    if (!is_kind(name)) {
      return complain("there is no fault or load '" + name + "'");
    }
  }
  if (!range.empty() && !read_range(range, options)) {
    return complain("--seeds takes A-B");
  }
  const auto span = parse_span(time.empty() ? "10s" : time);
  if (!span || span->ms <= 0) {
    return complain("--for takes a length of time, such as 60s");
  }
  if (const std::string wrong = take_sabotage(sabotage_name); !wrong.empty()) {
    return complain(wrong);
  }
  const Quiet quiet;
  if (seed->count() > 0) {
    return run_one(options);
  }
  if (!range.empty()) {
    return run_many(options);
  }
  options.time = *span;
  options.first = std::random_device{}() & 0x7fffffffU;
  options.first *= 1'000'000;
  return run_many(options);
}

}  // namespace jobflow::sim
