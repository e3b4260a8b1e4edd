// The load shapes of the goals: each makes its own load over the public protocol and answers rows.
#pragma once

#include "tools/bench/report.h"
#include "tools/bench/target.h"

#include <string>

namespace jobflow::bench {

struct ShapeOptions {
  int repeats = 5;
  int runs = 200'000;   // P1: runs a repeat
  int batch = 1'000;    // items of one runs/batch
  int slots = 2'000;    // of the worker
  int connections = 2;  // that enqueue at a time
};

// P1: no-op runs enqueued; drained when inserted beforehand; live, end to end.
void throughput(Report& report, const std::string& program, const ShapeOptions& options);
// P3: API trigger to body start at 100 a second.
void latency(Report& report, const Target& target, const ShapeOptions& options);
// P4 and P5: a chain of 100 steps; 1 -> n -> 1.
void chain(Report& report, const Target& target, const ShapeOptions& options);
void fan(Report& report, const Target& target, const ShapeOptions& options, int width);
// P6: planned instant to body start, with many triggers due at one instant or within one second.
void lateness(Report& report, const std::string& program, const ShapeOptions& options);
// P7: start to ready, memory and idle CPU, from no schedule at all to a million.
void many_schedules(Report& report, const std::string& program, const ShapeOptions& options);
// P8: an idle server's memory, time to ready and size.
void footprint(Report& report, const std::string& program, const ShapeOptions& options);
// P10: log lines taken in, durable, while one run is tailed.
void log_lines(Report& report, const std::string& program, const ShapeOptions& options);

}  // namespace jobflow::bench
