#include "tools/bench/report.h"

#include "model/json.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <stdexcept>

namespace jobflow::bench {

double quantile(std::vector<double> values, double q) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::lround(q * last))];
}

void Report::print_head() {
  fmt::print("{:<26} {:>12} {:>12} {:>12} {:<7} {:<12} {}\n", "measure", "median", "min", "max",
             "unit", "aim", "how");
}

void Report::add(Row row) {
  fmt::print("{:<26} {:>12.2f} {:>12.2f} {:>12.2f} {:<7} {:<12} {} runs; {}\n", row.measure,
             quantile(row.values, 0.5), quantile(row.values, 0), quantile(row.values, 1), row.unit,
             row.aim, row.values.size(), row.note);
  std::fflush(stdout);
  rows_.push_back(std::move(row));
}

void Report::write_json(const std::string& path) const {
  boost::json::array rows;
  for (const Row& row : rows_) {
    boost::json::array values(row.values.begin(), row.values.end());
    rows.push_back(boost::json::object{{"measure", row.measure},
                                       {"unit", row.unit},
                                       {"aim", row.aim},
                                       {"median", quantile(row.values, 0.5)},
                                       {"values", std::move(values)},
                                       {"note", row.note}});
  }
  std::ofstream file(path);
  file << to_text(JsonValue(std::move(rows))) << '\n';
  if (!file) {
    throw std::runtime_error("cannot write " + path);
  }
}

}  // namespace jobflow::bench
