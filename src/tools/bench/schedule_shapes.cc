// P6 and P7: many triggers due at once, and many schedules of which few are.
#include "tools/bench/schedule_filler.h"
#include "tools/bench/shapes.h"

#include <fmt/core.h>
#include <jobflow/worker.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace jobflow::bench {
namespace {

constexpr int kEverySeconds = 10;

double wall_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Every 10 s, so many milliseconds after.
std::string rate_spec(int offset_ms) {
  return fmt::format(
      R"({{"handler":"bench.tick","params":{{"offset_ms":{0}}},"triggers":[{{"every":"{1}s",)"
      R"("start":"2026-01-01T00:00:00.{0:03}Z"}}]}})",
      offset_ms, kEverySeconds);
}

struct Lateness {
  std::vector<double> p50, p99, most;  // of each instant, in ms
};

// What the bodies saw of some instants at which all the triggers, or the second's, were due.
Lateness measure_lateness(const std::string& program, int triggers, bool spread, int instants) {
  const ThrowawayServer server(program, [&](const std::string& folder) {
    fill_with_schedules(folder, triggers, [&](int i) {
      return rate_spec(spread ? static_cast<int>(1000LL * i / triggers) : 0);
    });
  });
  std::mutex mutex;
  std::map<std::int64_t, std::vector<double>> late;  // by the 10 s
  Worker worker({.server = server.target().grpc,
                 .name = "bench",
                 .slots = triggers,  // whoever waits, waits for the server alone
                 .token = server.target().worker_token,
                 .log = [](std::string_view) {}});
  worker.handle("bench.tick", [&](Context& run) {
    const double offset = static_cast<double>(run.params().at("offset_ms").as_int());
    const double since = wall_ms() - offset;
    const double period = kEverySeconds * 1000.0;
    const std::lock_guard lock(mutex);
    late[static_cast<std::int64_t>(since / period)].push_back(std::fmod(since, period));
    return succeeded();
  });
  worker.start();
  // The first may have begun before the worker was there.
  const auto full = [&] {
    const std::lock_guard lock(mutex);
    return std::ranges::count_if(late, [&](const auto& one) {
      return one.second.size() == static_cast<std::size_t>(triggers);
    });
  };
  for (int waited = 0; full() < instants + 1; ++waited) {
    if (waited > (instants + 6) * kEverySeconds * 10) {
      throw std::runtime_error("P6: not every trigger fired at every instant");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  worker.stop();
  Lateness found;
  bool is_first = true;
  for (auto& [at, some] : late) {
    if (some.size() == static_cast<std::size_t>(triggers) && !std::exchange(is_first, false)) {
      found.p50.push_back(quantile(some, 0.5));
      found.p99.push_back(quantile(some, 0.99));
      found.most.push_back(quantile(some, 1));
    }
  }
  return found;
}

}  // namespace

void lateness(Report& report, const std::string& program, const ShapeOptions& options) {
  struct Shape {
    int triggers;
    bool spread;
    const char* aim;
  };
  for (const Shape& shape : {Shape{1'000, false, "<= 15"}, Shape{10'000, false, "<= 150"},
                             Shape{50'000, false, "<= n/P1+50"}, Shape{1'000, true, "<= 5"},
                             Shape{10'000, true, "<= 10"}, Shape{50'000, true, "<= 20"}}) {
    const Lateness late = measure_lateness(program, shape.triggers, shape.spread, options.repeats);
    const std::string name =
        fmt::format("P6 {}k {}", shape.triggers / 1000, shape.spread ? "in 1 s" : "at once");
    const std::string how = "planned instant to body start, rates of 10 s, a slot each, fsync";
    report.add({name + ", p99", "ms", shape.aim, late.p99, how});
    report.add({name + ", p50", "ms", "-", late.p50, how});
    report.add({name + ", max", "ms", "-", late.most, how});
  }
}

void many_schedules(Report& report, const std::string& program, const ShapeOptions& options) {
  for (const int count : {0, 1'000, 10'000, 100'000, 1'000'000}) {
    const bool is_last = count == 1'000'000;
    ThrowawayServer server(program, [&](const std::string& folder) {
      fill_with_schedules(folder, count, [](int i) {
        return fmt::format(R"({{"handler":"bench.tick","triggers":[{{"cron":"{} {} * * *"}}]}})",
                           i % 60, i / 60 % 24);
      });
    });
    std::vector<double> ready, memory, idle;
    for (int repeat = 0; repeat < options.repeats; ++repeat) {
      server.restart();
      ready.push_back(server.ready_ms());
      std::this_thread::sleep_for(std::chrono::seconds(5));
      const double before = server.cpu_seconds();
      constexpr int kIdleSeconds = 10;
      std::this_thread::sleep_for(std::chrono::seconds(kIdleSeconds));
      idle.push_back((server.cpu_seconds() - before) / kIdleSeconds * 100);
      memory.push_back(server.resident_mib());
    }
    const std::string name = fmt::format("P7 {} schedules", count);
    const std::string how = "daily, a minute each, SQLite";
    report.add({name + ", ready", "ms", is_last ? "<= 3000" : "-", ready, how});
    report.add({name + ", memory", "MiB", is_last ? "<= 300" : "-", memory, "15 s after ready"});
    report.add({name + ", idle", "% core", is_last ? "<= 1" : "-", idle, "over 10 s"});
  }
}

}  // namespace jobflow::bench
