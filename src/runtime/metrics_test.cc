// The metrics' text is what Prometheus reads (text format 0.0.4).
#include "runtime/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace jobflow::runtime {
namespace {

TEST(Metrics, WritesFamiliesSortedByNameWhateverTheirKind) {
  Metrics metrics;
  metrics.gauge("jobflow_workers", "Workers.", "{state=\"online\"}").set(2.5);
  metrics.counter("jobflow_runs_total", "Runs.", "{state=\"succeeded\"}").add(3);
  metrics.counter("jobflow_runs_total", "Runs.", "{state=\"failed\"}").add();
  metrics.histogram("jobflow_commit_seconds", "Commits.", "", {0.5, 1}).observe(0.5);
  EXPECT_EQ(metrics.text(),
            "# HELP jobflow_commit_seconds Commits.\n"
            "# TYPE jobflow_commit_seconds histogram\n"
            "jobflow_commit_seconds_bucket{le=\"0.5\"} 1\n"
            "jobflow_commit_seconds_bucket{le=\"1\"} 1\n"
            "jobflow_commit_seconds_bucket{le=\"+Inf\"} 1\n"
            "jobflow_commit_seconds_sum 0.5\n"
            "jobflow_commit_seconds_count 1\n"
            "# HELP jobflow_runs_total Runs.\n"
            "# TYPE jobflow_runs_total counter\n"
            "jobflow_runs_total{state=\"failed\"} 1\n"
            "jobflow_runs_total{state=\"succeeded\"} 3\n"
            "# HELP jobflow_workers Workers.\n"
            "# TYPE jobflow_workers gauge\n"
            "jobflow_workers{state=\"online\"} 2.5\n");
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameMetric) {
  Metrics metrics;
  Counter& first = metrics.counter("a_total", "A.");
  EXPECT_EQ(&first, &metrics.counter("a_total", "A."));
  EXPECT_NE(&first, &metrics.counter("a_total", "A.", "{x=\"1\"}"));
}

TEST(Metrics, BucketsAreCumulativeAndKeepTheirLabels) {
  Metrics metrics;
  auto& histogram = metrics.histogram("d_seconds", "D.", "{kind=\"x\"}", {1, 2});
  for (const double value : {0.5, 1.0, 1.5, 99.0}) {
    histogram.observe(value);
  }
  const std::string text = metrics.text();
  EXPECT_NE(text.find("d_seconds_bucket{kind=\"x\",le=\"1\"} 2\n"), std::string::npos);
  EXPECT_NE(text.find("d_seconds_bucket{kind=\"x\",le=\"2\"} 3\n"), std::string::npos);
  EXPECT_NE(text.find("d_seconds_bucket{kind=\"x\",le=\"+Inf\"} 4\n"), std::string::npos);
  EXPECT_NE(text.find("d_seconds_sum{kind=\"x\"} 102\n"), std::string::npos);
  EXPECT_NE(text.find("d_seconds_count{kind=\"x\"} 4\n"), std::string::npos);
}

TEST(Metrics, DefaultBoundsReachFrom100MicrosecondsTo10Seconds) {
  Metrics metrics;
  metrics.histogram("d_seconds", "D.").observe(0.0001);
  const std::string text = metrics.text();
  EXPECT_NE(text.find("{le=\"0.0001\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("{le=\"10\"} 1\n"), std::string::npos);
}

TEST(Metrics, EscapesHelpAndWritesOddNumbers) {
  Metrics metrics;
  metrics.gauge("g", "One\\two\nthree.").set(std::numeric_limits<double>::infinity());
  metrics.gauge("h", "H.").set(std::nan(""));
  const std::string text = metrics.text();
  EXPECT_NE(text.find("# HELP g One\\\\two\\nthree.\n"), std::string::npos);
  EXPECT_NE(text.find("g +Inf\n"), std::string::npos);
  EXPECT_NE(text.find("h NaN\n"), std::string::npos);
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics metrics;
  Counter& counter = metrics.counter("a_total", "A.");
  Histogram& histogram = metrics.histogram("b", "B.", "", {1});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        counter.add();
        histogram.observe(0.5);
      }
    });
  }
  metrics.text();
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(counter.value(), 4000U);
  EXPECT_NE(metrics.text().find("b_sum 2000\nb_count 4000\n"), std::string::npos);
}

TEST(MetricsDeathTest, AMetricHasOneKind) {
  Metrics metrics;
  metrics.counter("a_total", "A.");
  EXPECT_DEATH(metrics.gauge("a_total", "A."), "another kind");
  EXPECT_DEATH(metrics.counter("1a", "A."), "not a metric's name");
}

}  // namespace
}  // namespace jobflow::runtime
