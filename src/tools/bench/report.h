// Figures of several runs: printed as rows with median, minimum and maximum, and kept as JSON.
#pragma once

#include <string>
#include <vector>

namespace jobflow::bench {

struct Row {
  std::string measure;         // "P1 enqueued"
  std::string unit;            // "runs/s", "ms", "MiB"
  std::string aim;             // of the project's goals
  std::vector<double> values;  // one a run
  std::string note;            // batch sizes, live or beforehand
};

class Report {
 public:
  void add(Row row);  // prints it
  void write_json(const std::string& path) const;
  static void print_head();

 private:
  std::vector<Row> rows_;
};

double quantile(std::vector<double> values, double q);  // 0.5 = median; 0 of none

}  // namespace jobflow::bench
