#include "worker/builtin/sql_session.h"

#include <algorithm>
#include <utility>

namespace jobflow::worker {

void SqlRows::begin(std::vector<std::string> columns) {
  std::vector<std::string> sorted = columns;
  std::ranges::sort(sorted);
  if (const auto twin = std::ranges::adjacent_find(sorted); twin != sorted.end()) {
    throw SqlError(SqlError::Kind::wrong,
                   "two columns are called '" + *twin + "': give one another name with AS");
  }
  any_ = true;
  columns_ = std::move(columns);
  rows_.clear();
  bytes_ = 0;
  truncated_ = false;
}

std::size_t SqlRows::room() const {
  const bool full = std::cmp_greater_equal(rows_.size(), rows_max_) || bytes_ >= bytes_max_;
  return full ? 0 : bytes_max_ - bytes_;
}

void SqlRows::add(std::vector<Json> values) {
  Json::Object row;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    row.push_back({columns_[i], std::move(values[i])});
  }
  Json json = Json::from(std::move(row));
  const std::size_t bytes = json.dump().size() + 1;
  if (bytes > room()) {
    bytes_ = bytes_max_;
    truncated_ = true;
    return;
  }
  bytes_ += bytes;
  rows_.push_back(std::move(json));
}

Json SqlRows::take() {
  if (!any_) {
    return Json::object();
  }
  Json::Array columns(columns_.begin(), columns_.end());
  return {{"columns", Json::from(std::move(columns))},
          {"rows", Json::from(std::move(rows_))},
          {"truncated", truncated_}};
}

}  // namespace jobflow::worker
