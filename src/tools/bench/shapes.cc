#include "tools/bench/shapes.h"

#include <fmt/core.h>
#include <jobflow/worker.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace jobflow::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

client::Response call(client::HttpTransport& http,
                      const std::string& method,
                      const std::string& target,
                      const std::string& body = "") {
  auto answer = http.call({.method = method,
                           .target = target,
                           .body = body,
                           .content_type = body.empty() ? "" : "application/json"});
  if (!answer) {
    throw std::runtime_error(method + " " + target + ": " + answer.problem().detail);
  }
  return *answer;
}

void save(client::HttpTransport& http,
          const std::string& kind,
          const std::string& name,
          const std::string& spec) {
  call(http, "PUT", "/api/v1/" + kind + "/" + name,
       R"({"metadata":{"name":")" + name + R"("},"spec":)" + spec + "}");
}

std::int64_t ended_runs(client::HttpTransport& http) {
  const std::string text = call(http, "GET", "/metrics").body;
  const std::string name = "jobflow_runs_total{state=\"succeeded\",kind=\"run\"} ";
  const auto at = text.find(name);
  return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at + name.size(), nullptr, 10);
}

// Waits, bounded, until `count` runs have ended durably.
void wait_ended(client::HttpTransport& http, std::int64_t count) {
  const auto begin = Clock::now();
  while (ended_runs(http) < count) {
    if (seconds_since(begin) > 120) {
      throw std::runtime_error("the runs did not end within 120 s");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

WorkerOptions worker_options(const Target& target, int slots) {
  return {.server = target.grpc,
          .name = "bench",
          .slots = slots,
          .token = target.worker_token,
          .log = [](std::string_view) {}};
}

// Enqueues `count` no-op runs over some connections at once; answers the seconds it took.
double enqueue(const Target& target, int count, int batch, int connections) {
  std::string items = "[";
  for (int i = 0; i < batch; ++i) {
    items += i == 0 ? R"({"job":"noop"})" : R"(,{"job":"noop"})";
  }
  const std::string body = R"({"items":)" + items + "]}";
  std::atomic<int> left{count / batch};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  std::string why;
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < connections; ++i) {
    threads.emplace_back([&] {
      try {
        const auto http = target.connect();
        while (left.fetch_sub(1) > 0 && !failed) {
          const std::string answer = call(*http, "POST", "/api/v1/runs/batch", body).body;
          if (answer.find("\"problem\"") != std::string::npos) {
            throw std::runtime_error("an item was refused: " + answer.substr(0, 300));
          }
        }
      } catch (const std::exception& error) {
        const std::lock_guard lock(mutex);
        why = error.what();
        failed = true;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (failed) {
    throw std::runtime_error(why);
  }
  return seconds_since(begin);
}

}  // namespace

void throughput(Report& report, const std::string& program, const ShapeOptions& options) {
  std::vector<double> enqueued, drained, live, single, single16;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    const double count = options.runs;
    {
      const ThrowawayServer server(program);
      const auto http = server.target().connect();
      save(*http, "jobs", "noop", R"({"handler":"bench.noop"})");
      enqueued.push_back(
          count / enqueue(server.target(), options.runs, options.batch, options.connections));
      Worker worker(worker_options(server.target(), options.slots));
      worker.handle("bench.noop", [](Context&) { return succeeded(); });
      const auto begin = Clock::now();
      worker.start();
      wait_ended(*http, options.runs);
      drained.push_back(count / seconds_since(begin));
      worker.stop();
    }
    {
      const ThrowawayServer server(program);
      const auto http = server.target().connect();
      save(*http, "jobs", "noop", R"({"handler":"bench.noop"})");
      Worker worker(worker_options(server.target(), options.slots));
      worker.handle("bench.noop", [](Context&) { return succeeded(); });
      worker.start();
      const auto begin = Clock::now();
      enqueue(server.target(), options.runs, options.batch, options.connections);
      wait_ended(*http, options.runs);
      live.push_back(count / seconds_since(begin));
      worker.stop();
    }
    {
      const ThrowawayServer server(program);
      const auto http = server.target().connect();
      save(*http, "jobs", "noop", R"({"handler":"bench.noop"})");
      single.push_back(2000 / enqueue(server.target(), 2000, 1, 1));
      single16.push_back(8000 / enqueue(server.target(), 8000, 1, 16));
    }
  }
  const std::string how = fmt::format("{} runs in batches of {}, {} connections, SQLite, fsync",
                                      options.runs, options.batch, options.connections);
  report.add({"P1 enqueued", "runs/s", ">= 150000", enqueued, how});
  report.add({"P1 drained", "runs/s", ">= 100000", drained, how + ", inserted beforehand"});
  report.add({"P1 live", "runs/s", ">= 60000", live, how + ", end to end"});
  report.add({"P1 enqueued singly", "runs/s", "-", single, "one item a request, 1 connection"});
  report.add({"P1 enqueued singly", "runs/s", "-", single16, "one item a request, 16 connections"});
}

void latency(Report& report, const Target& target, const ShapeOptions& options) {
  const auto http = target.connect();
  save(*http, "jobs", "bench-latency", R"({"handler":"bench.latency"})");
  std::mutex mutex;
  std::vector<double> waits;
  Worker worker(worker_options(target, 100));
  worker.handle("bench.latency", [&](Context& run) {
    const double now =
        std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
    const double sent = run.params().at("sent_ms").as_double();
    const std::lock_guard lock(mutex);
    waits.push_back(now - sent);
    return succeeded();
  });
  worker.start();
  std::vector<double> p50, p99, most;
  constexpr int kSamples = 500;
  for (int repeat = 0; repeat < options.repeats + 1; ++repeat) {
    waits.clear();
    auto next = Clock::now();
    for (int i = 0; i < kSamples; ++i) {
      next += std::chrono::milliseconds(10);
      std::this_thread::sleep_until(next);
      const double now =
          std::chrono::duration<double, std::milli>(Clock::now().time_since_epoch()).count();
      call(*http, "POST", "/api/v1/jobs/bench-latency/trigger",
           fmt::format(R"({{"params":{{"sent_ms":{:.6f}}}}})", now));
    }
    for (int i = 0; i < 2000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const std::lock_guard lock(mutex);
      if (waits.size() >= kSamples) {
        break;
      }
    }
    const std::lock_guard lock(mutex);
    if (waits.size() != kSamples) {
      throw std::runtime_error("P3: not every run started");
    }
    if (repeat > 0) {  // the first one warms up
      p50.push_back(quantile(waits, 0.5));
      p99.push_back(quantile(waits, 0.99));
      most.push_back(quantile(waits, 1));
    }
  }
  worker.stop();
  const std::string how =
      fmt::format("100/s, {} samples a run, trigger sent to body start, fsync", kSamples);
  report.add({"P3 p50", "ms", "<= 0.6", p50, how});
  report.add({"P3 p99", "ms", "<= 2", p99, how});
  report.add({"P3 max", "ms", "-", most, how});
}

namespace {

// Triggers the workflow and waits for its durable end; answers the milliseconds.
double run_workflow(client::HttpTransport& http,
                    const std::string& name,
                    std::atomic<int>& bodies,
                    int steps) {
  bodies = 0;
  const auto begin = Clock::now();
  const auto answer = call(http, "POST", "/api/v1/workflows/" + name + "/trigger", "{}");
  const std::string id = text_member(answer.body, "id");
  while (bodies.load() < steps) {
    if (seconds_since(begin) > 60) {
      throw std::runtime_error(name + ": the steps did not all run within 60 s");
    }
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  // Only now asked, so that asking does not slow the run.
  while (true) {
    const std::string state = text_member(call(http, "GET", "/api/v1/runs/" + id).body, "state");
    if (state == "succeeded") {
      return seconds_since(begin) * 1000.0;
    }
    if (state == "failed" || seconds_since(begin) > 60) {
      throw std::runtime_error(name + ": the run is " + state);
    }
  }
}

}  // namespace

void chain(Report& report, const Target& target, const ShapeOptions& options) {
  const auto http = target.connect();
  std::string steps;
  for (int i = 0; i < 100; ++i) {
    steps += fmt::format(R"({}{{"id":"s{}","handler":"bench.step"{}}})", i == 0 ? "" : ",", i,
                         i == 0 ? "" : fmt::format(R"(,"needs":["s{}"])", i - 1));
  }
  save(*http, "workflows", "bench-chain", R"({"steps":[)" + steps + "]}");
  std::atomic<int> bodies{0};
  Worker worker(worker_options(target, 2000));
  worker.handle("bench.step", [&](Context&) {
    bodies.fetch_add(1);
    return succeeded();
  });
  worker.start();
  std::vector<double> took;
  run_workflow(*http, "bench-chain", bodies, 100);
  for (int repeat = 0; repeat < options.repeats * 2; ++repeat) {
    took.push_back(run_workflow(*http, "bench-chain", bodies, 100));
  }
  worker.stop();
  report.add({"P4 chain of 100", "ms", "<= 40", took, "trigger to durable end, fsync"});
}

void fan(Report& report, const Target& target, const ShapeOptions& options, int width) {
  const auto http = target.connect();
  std::string steps = R"({"id":"first","handler":"bench.step"})";
  std::string needs;
  for (int i = 0; i < width; ++i) {
    steps += fmt::format(R"(,{{"id":"m{}","handler":"bench.step","needs":["first"]}})", i);
    needs += fmt::format(R"({}"m{}")", i == 0 ? "" : ",", i);
  }
  steps += R"(,{"id":"last","handler":"bench.step","needs":[)" + needs + "]}";
  const std::string name = fmt::format("bench-fan-{}", width);
  save(*http, "workflows", name, R"({"steps":[)" + steps + "]}");
  std::atomic<int> bodies{0};
  Worker worker(worker_options(target, 2000));
  worker.handle("bench.step", [&](Context&) {
    bodies.fetch_add(1);
    return succeeded();
  });
  worker.start();
  std::vector<double> took;
  run_workflow(*http, name, bodies, width + 2);
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    took.push_back(run_workflow(*http, name, bodies, width + 2));
  }
  worker.stop();
  report.add({fmt::format("P5 1 -> {} -> 1", width), "ms", width <= 1000 ? "<= 60" : "<= 500", took,
              "trigger to durable end, fsync"});
}

void footprint(Report& report, const std::string& program, const ShapeOptions& options) {
  std::vector<double> memory, ready;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    const ThrowawayServer server(program);
    ready.push_back(server.ready_ms());
    std::this_thread::sleep_for(std::chrono::seconds(1));
    memory.push_back(server.resident_mib());
  }
  const std::string stripped = std::filesystem::temp_directory_path() / "jobflow-bench-stripped";
  double size = 0;
  if (std::system(("strip -o " + stripped + " " + program).c_str()) == 0) {
    size = static_cast<double>(std::filesystem::file_size(stripped)) / (1024.0 * 1024.0);
    std::filesystem::remove(stripped);
  }
  report.add({"P8 idle memory", "MiB", "<= 30", memory, "resident, 1 s after ready"});
  report.add({"P8 time to ready", "ms", "<= 100", ready, "process start to ready, a new folder"});
  report.add({"P8 binary", "MiB", "<= 20", {size}, "stripped"});
}

}  // namespace jobflow::bench
