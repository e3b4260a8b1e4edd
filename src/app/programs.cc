#include "app/programs.h"

#include "app/program_arguments.h"
#include "app/running_server.h"
#include "app/signals.h"
#include "cli/exit_code.h"
#include "runtime/clock.h"
#include "schedule/zone.h"
#include "tools/sim/command.h"
#include "worker/builtin/builtin_handlers.h"

#include <fmt/format.h>
#include <jobflow/worker.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <optional>
#include <unistd.h>

namespace jobflow::app {
namespace {

using cli::kError;
using cli::kOk;
using cli::kUsage;

const std::vector<ProgramFlag> kServerFlags = {{"data", "--data"},
                                               {"http.listen", "--http-listen"},
                                               {"grpc.listen", "--grpc-listen"},
                                               {"member.name", "--member-name"},
                                               {"lease", "--lease"},
                                               {"forbid_handlers", "--forbid-handlers"}};
const std::vector<ProgramFlag> kWorkerFlags = {{"worker.server", "--server"},
                                               {"worker.name", "--name"},
                                               {"worker.namespace", "--namespace"},
                                               {"worker.slots", "--slots"},
                                               {"worker.tags", "--tags"},
                                               {"worker.allow", "--allow,--handlers"},
                                               {"worker.forbid", "--forbid"},
                                               {"worker.sql", "--sql"},
                                               {"worker.token", "--token"},
                                               {"worker.token_file", "--token-file"},
                                               {"worker.drain_grace", "--drain-grace"},
                                               {"data", "--data"}};

constexpr std::string_view kServerAbout =
    "Runs the server: keeps jobs, workflows and their runs in a folder, hands work to workers.\n"
    "SIGTERM or Ctrl-C stops it in order; a second one at once.";
constexpr std::string_view kWorkerAbout =
    "Runs a worker: takes runs from a server and carries them out. SIGTERM or Ctrl-C lets it "
    "finish\n"
    "what runs and leave; a second one stops at once. `jobflow worker ls` lists those connected.\n"
    "On the server's machine, --data FOLDER gives it the server's address and the worker's token.";
constexpr std::string_view kDevAbout =
    "Runs a server and a worker with shell and python in one process, for trying things out.";

void complain(std::string_view what) {
  std::fprintf(stderr, "error: %.*s\n", static_cast<int>(what.size()), what.data());
}

void log_line(std::string_view level, std::string_view text) {
  static std::mutex one_at_a_time;
  const std::string line =
      fmt::format("{} {:<5} {}\n", to_rfc3339(runtime::SystemClock().now()), level, text);
  const std::lock_guard held(one_at_a_time);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

// Settings, or the exit code to end with: help was asked for, or something is wrong.
struct Prepared {
  std::optional<Settings> settings;
  int code = kOk;
};

Prepared prepare(std::string_view name,
                 std::string_view about,
                 const std::vector<ProgramFlag>& flags,
                 const std::vector<std::string>& arguments,
                 const std::map<std::string, Flag>& otherwise = {}) {
  auto read = read_arguments(name, about, flags, arguments);
  if (!read.ok()) {
    complain(read.problem().detail);
    return {.code = kUsage};
  }
  if (!read->help.empty()) {
    std::fputs(read->help.c_str(), stdout);
    return {.code = kOk};
  }
  auto settings = read_settings(*read);
  if (!settings.ok()) {
    complain(settings.problem().detail);
    return {.code = kUsage};
  }
  for (const auto& [key, flag] : otherwise) {
    if (settings->origin(key) == "default") {
      read->flags[key] = flag;
      settings = read_settings(*read);
    }
  }
  for (const std::string& warning : settings->warnings()) {
    log_line("warn", warning);
  }
  return {.settings = std::move(*settings)};
}

std::string first_line_of(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

void print_ready(const RunningServer& server, std::string_view more) {
  fmt::print("jobflow {} is ready: {}  workers: {}{}  data: {}  admin token: {}\n", JOBFLOW_VERSION,
             server.http(), server.grpc(), more, server.data(), server.admin_token_path());
  if (server.first_start()) {
    fmt::print("first start: the admin token is {}; keep it to yourself, it is not shown again\n",
               first_line_of(server.admin_token_path()));
  }
  std::fflush(stdout);
}

// What a fenced server leaves behind for its program.
struct Fence {
  std::mutex mutex;
  std::string reason;
};

int stop_after_signal(StopSignals& signals, RunningServer& server, Fence& fence) {
  signals.deadly_from_now_on();
  std::string reason;
  {
    const std::lock_guard held(fence.mutex);
    reason = fence.reason;
  }
  server.stop();
  if (!reason.empty()) {
    complain("this server may no longer write: another one took over its store (" + reason +
             "); it ends so that only one does the work");
    return kError;
  }
  return kOk;
}

Outcome<std::unique_ptr<RunningServer>> start_server(const Settings& settings,
                                                     StopSignals& signals,
                                                     Fence& fence) {
  return RunningServer::start(settings, log_line, [&](std::string reason) {
    {
      const std::lock_guard held(fence.mutex);
      fence.reason = reason.empty() ? "fenced" : std::move(reason);
    }
    signals.raise();
  });
}

WorkerOptions worker_options(const Settings& settings) {
  return {.server = settings.text("worker.server"),
          .name = settings.text("worker.name"),
          .name_space = settings.text("worker.namespace"),
          .slots = settings.whole("worker.slots"),
          .tags = settings.words("worker.tags"),
          .token = settings.text("worker.token"),
          .token_file = settings.text("worker.token_file"),
          .version = JOBFLOW_VERSION,
          .drain_grace = std::chrono::milliseconds(settings.span("worker.drain_grace").ms)};
}

// Answers what is wrong with what the operator said; "" when nothing is.
std::string offer_builtins(Worker& worker, const Settings& settings) {
  const auto limit = [&](const char* key) {
    return std::int64_t{settings.whole(std::string("worker.limits.") + key)};
  };
  const auto notes = worker::register_builtin_handlers(
      worker, {.allow = settings.words("worker.allow"),
               .forbid = settings.words("worker.forbid"),
               .processes = {.limits = {.cpu = settings.span("worker.limits.cpu"),
                                        .memory_bytes = settings.size("worker.limits.memory"),
                                        .files = limit("files"),
                                        .processes = limit("processes")},
                             .users = settings.words("worker.process.users"),
                             .cgroup = settings.text("worker.process.cgroup")},
               .http = {.hosts = settings.words("worker.http.hosts"),
                        .refused_addresses = settings.words("worker.http.refuse"),
                        .ca_file = settings.text("worker.http.ca_file")},
               .sql = settings.words("worker.sql")});
  if (!notes.ok()) {
    return notes.problem().detail;
  }
  for (const std::string& note : *notes) {
    log_line("info", note);
  }
  return "";
}

// On the server's own machine: its folder says where it is and holds the worker's token.
std::string take_from_folder(const Settings& settings, WorkerOptions& options) {
  const std::string folder = settings.text("data");
  const bool named = settings.origin("data") != "default";
  if (named && options.server.empty()) {
    std::string text = first_line_of(folder + "/server.json");
    const std::string mark = "\"grpc\":\"";
    const auto at = text.find(mark);
    if (at == std::string::npos) {
      return "no server runs in " + folder + ": start one with `jobflow server --data " + folder +
             "`, or name it with --server HOST:PORT";
    }
    text.erase(0, at + mark.size());
    options.server = text.substr(0, text.find('"'));
  }
  const bool has_token = !options.token.empty() || !options.token_file.empty() ||
                         std::getenv("JOBFLOW_TOKEN") != nullptr ||
                         std::getenv("JOBFLOW_TOKEN_FILE") != nullptr;
  const std::string token_file = folder + "/worker.token";
  if (!has_token && (named || ::access(token_file.c_str(), R_OK) == 0)) {
    options.token_file = token_file;
  }
  return "";
}

}  // namespace

int run_server(const std::vector<std::string>& arguments) {
  const Prepared prepared = prepare("server", kServerAbout, kServerFlags, arguments);
  if (!prepared.settings) {
    return prepared.code;
  }
  StopSignals signals;
  Fence fence;
  auto server = start_server(*prepared.settings, signals, fence);
  if (!server.ok()) {
    complain(server.problem().detail);
    return kError;
  }
  print_ready(**server, "");
  signals.wait();
  return stop_after_signal(signals, **server, fence);
}

int run_worker(const std::vector<std::string>& arguments) {
  const Prepared prepared = prepare("worker", kWorkerAbout, kWorkerFlags, arguments);
  if (!prepared.settings) {
    return prepared.code;
  }
  WorkerOptions options = worker_options(*prepared.settings);
  if (const std::string wrong = take_from_folder(*prepared.settings, options); !wrong.empty()) {
    complain(wrong);
    return kError;
  }
  Worker worker(std::move(options));
  if (const std::string wrong = offer_builtins(worker, *prepared.settings); !wrong.empty()) {
    complain(wrong);
    return kUsage;
  }
  return worker.run();
}

int run_dev(const std::vector<std::string>& arguments) {
  std::vector<ProgramFlag> flags = kServerFlags;
  for (const ProgramFlag& flag : kWorkerFlags) {
    const auto own = {"worker.slots", "worker.tags", "worker.allow", "worker.forbid", "worker.sql"};
    if (std::ranges::find(own, flag.key) != own.end()) {
      flags.push_back(flag);
    }
  }
  const Prepared prepared = prepare("dev", kDevAbout, flags, arguments,
                                    {{"worker.allow", {"jobflow dev", "shell,python"}}});
  if (!prepared.settings) {
    return prepared.code;
  }
  StopSignals signals;
  Fence fence;
  auto server = start_server(*prepared.settings, signals, fence);
  if (!server.ok()) {
    complain(server.problem().detail);
    return kError;
  }
  WorkerOptions options = worker_options(*prepared.settings);
  options.server = (*server)->grpc();
  options.name = "dev";
  options.token.clear();
  options.token_file = (*server)->worker_token_path();
  Worker worker(std::move(options));
  if (const std::string wrong = offer_builtins(worker, *prepared.settings); !wrong.empty()) {
    complain(wrong);
    return kUsage;
  }
  worker.start();
  print_ready(**server, fmt::format(" (one with {} slots is in here)",
                                    prepared.settings->whole("worker.slots")));
  signals.wait();
  signals.deadly_from_now_on();
  worker.stop();
  return stop_after_signal(signals, **server, fence);
}

int run_config(const std::vector<std::string>& arguments) {
  std::vector<std::string> rest = arguments;
  const std::string what = rest.empty() || rest[0].starts_with('-') ? "" : rest[0];
  if (what != "print" && what != "check") {
    const bool help = !rest.empty() && (rest[0] == "-h" || rest[0] == "--help");
    std::fputs(
        "jobflow config print [--effective] [--config FILE]   what holds, and who said so\n"
        "jobflow config check [--config FILE]                 whether all of it makes sense\n",
        help ? stdout : stderr);
    return help ? kOk : kUsage;
  }
  rest.erase(rest.begin());
  std::erase(rest, "--effective");
  std::vector<ProgramFlag> flags = kServerFlags;
  const Prepared prepared =
      prepare("config " + what, "Shows or checks the configuration.", flags, rest);
  if (!prepared.settings) {
    return prepared.code;
  }
  if (what == "print") {
    std::fputs(prepared.settings->print().c_str(), stdout);
  } else {
    std::fputs("the configuration is sound\n", stdout);
  }
  return kOk;
}

cli::Programs programs() {
  return {.server = run_server,
          .worker = run_worker,
          .dev = run_dev,
          .config = run_config,
          .sim = sim::run_command,
          .version = JOBFLOW_VERSION,
          .time_zones = schedule::zone_database_version()};
}

}  // namespace jobflow::app
