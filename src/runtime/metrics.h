// Counters, gauges and histograms of the server, named as interfaces 3 says, and their text form.
// Thread-safe: relaxed atomics; a name is looked up once, when its owner is made.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::runtime {

class Counter {
 public:
  void add(std::uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Cumulative buckets with fixed upper bounds.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);

 private:
  friend class Metrics;
  std::vector<double> bounds_;
  std::deque<std::atomic<std::uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

// Owns every metric; references stay valid as long as it lives. Labels: "{state=\"queued\"}" or "".
class Metrics {
 public:
  Counter& counter(std::string_view name, std::string_view help, std::string_view labels = "");
  Gauge& gauge(std::string_view name, std::string_view help, std::string_view labels = "");
  // Bounds in seconds, from 100 us to 10 s, unless given.
  Histogram& histogram(std::string_view name,
                       std::string_view help,
                       std::string_view labels = "",
                       std::vector<double> bounds = {});
  // The Prometheus text format, version 0.0.4.
  std::string text() const;

 private:
  template <class T>
  struct Family {
    std::string help;
    std::map<std::string, T*, std::less<>> by_labels;
  };
  mutable std::mutex mutex_;
  std::deque<Counter> counters_;
  std::deque<Gauge> gauges_;
  std::deque<Histogram> histograms_;
  std::map<std::string, Family<Counter>, std::less<>> counter_families_;
  std::map<std::string, Family<Gauge>, std::less<>> gauge_families_;
  std::map<std::string, Family<Histogram>, std::less<>> histogram_families_;
};

}  // namespace jobflow::runtime
