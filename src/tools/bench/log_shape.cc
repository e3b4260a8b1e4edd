// P10: log lines from bodies' mouths to the disk, while somebody tails one of the runs.
#include "tools/bench/shapes.h"

#include <fmt/core.h>
#include <jobflow/worker.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

namespace jobflow::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRuns = 100;
constexpr int kSlots = 8;
constexpr int kLines = 10'000;  // a run: all that are under way fit into a worker's memory
constexpr double kBoundSeconds = 120;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

client::Response call(client::HttpTransport& http, client::Request request) {
  const std::string what = request.method + " " + request.target;
  auto answer = http.call(request);
  if (!answer) {
    throw std::runtime_error(what + ": " + answer.problem().detail);
  }
  return *answer;
}

// Of the server's metrics; 0 when it has none of that name.
double metric(client::HttpTransport& http, const std::string& name) {
  const std::string text = call(http, {.method = "GET", .target = "/metrics"}).body;
  const auto at = text.find("\n" + name + " ");
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + name.size() + 2, nullptr);
}

// Follows the lines of a run until its end; answers how many came.
int tail(const Target& target, const std::string& run) {
  const auto http = target.connect();
  int lines = 0;
  const auto begin = Clock::now();
  const auto end = http->listen({.method = "GET", .target = "/api/v1/runs/" + run + "/logs/stream"},
                                {.heard =
                                     [&](const client::ServerEvent& event) {
                                       lines += event.type == "line" ? 1 : 0;
                                       return event.type != "end";
                                     },
                                 .idle = [&] { return seconds_since(begin) < kBoundSeconds; }});
  if (!end) {
    throw std::runtime_error("the tail: " + end.problem().detail);
  }
  return lines;
}

// A run succeeds only after its lines are acknowledged, and they are so only when they are durable.
double ingest(const std::string& program) {
  const ThrowawayServer server(program);
  const Target& target = server.target();
  const auto http = target.connect();
  call(*http, {.method = "PUT",
               .target = "/api/v1/jobs/bench-log",
               .body = R"({"metadata":{"name":"bench-log"},"spec":{"handler":"bench.log"}})",
               .content_type = "application/json"});
  Worker worker({.server = target.grpc,
                 .name = "bench",
                 .slots = kSlots,
                 .token = target.worker_token,
                 .log = [](std::string_view) {}});
  worker.handle("bench.log", [](Context& run) {
    for (int i = 0; i < kLines; ++i) {
      run.log().info(fmt::format("line {:06} of what a body says while it is at work", i));
    }
    return succeeded();
  });
  std::string first;
  for (int i = 0; i < kRuns; ++i) {
    const std::string made = call(*http, {.method = "POST",
                                          .target = "/api/v1/jobs/bench-log/trigger",
                                          .body = "{}",
                                          .content_type = "application/json"})
                                 .body;
    first = first.empty() ? text_member(made, "id") : first;
  }
  std::atomic<int> tailed{0};
  const auto begin = Clock::now();
  worker.start();
  std::thread tailing([&] {
    try {
      tailed = tail(target, first);
    } catch (const std::exception&) {
      tailed = -1;
    }
  });
  const std::string ended = "jobflow_runs_total{state=\"succeeded\",kind=\"run\"}";
  while (metric(*http, ended) < kRuns && seconds_since(begin) < kBoundSeconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const double took = seconds_since(begin);
  tailing.join();
  worker.stop();
  if (took >= kBoundSeconds || tailed != kLines || metric(*http, "jobflow_log_dropped_total") > 0) {
    throw std::runtime_error(
        fmt::format("P10: in {:.0f} s the tail heard {} of {} lines, and {:.0f} "
                    "were dropped",
                    took, tailed.load(), kLines, metric(*http, "jobflow_log_dropped_total")));
  }
  return took;
}

}  // namespace

void log_lines(Report& report, const std::string& program, const ShapeOptions& options) {
  std::vector<double> rates;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    rates.push_back(static_cast<double>(kRuns) * kLines / ingest(program));
  }
  report.add({"P10 log lines", "lines/s", ">= 300000", rates,
              fmt::format("{} runs of {} lines, {} at a time, SQLite, fsync, one run tailed live",
                          kRuns, kLines, kSlots)});
}

}  // namespace jobflow::bench
