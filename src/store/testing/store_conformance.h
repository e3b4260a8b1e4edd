// The exam that every store sits (I9): one suite, a parameter a kind of store. A kind is added by
// INSTANTIATE_TEST_SUITE_P in its own test file.
#pragma once

#include "store/log_store.h"
#include "store/store.h"
#include "store/testing/store_desk.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

namespace jobflow::store::testing {

// One database; every open() is another handle on it, as another server would have.
class Database {
 public:
  virtual ~Database() = default;
  virtual std::unique_ptr<Store> open() = 0;
};

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<Database>(int shard_count)> make;
};
inline std::ostream& operator<<(std::ostream& out, const StoreKind& kind) {
  return out << kind.name;
}

struct LogStoreKind {
  std::string name;
  // A fresh log store and what must outlive it.
  std::function<std::pair<std::shared_ptr<void>, std::unique_ptr<LogStore>>()> make;
};
inline std::ostream& operator<<(std::ostream& out, const LogStoreKind& kind) {
  return out << kind.name;
}

// For ASSERT_TRUE: tells what was answered instead.
inline ::testing::AssertionResult landed(const CommitAnswer& answer) {
  return ::testing::AssertionResult(answer.result == CommitResult::landed)
         << to_string(answer.result) << ": " << answer.detail;
}

class StoreConformance : public ::testing::TestWithParam<StoreKind> {
 protected:
  static constexpr int kShardCount = 8;
  std::unique_ptr<Database> database = GetParam().make(kShardCount);
  std::unique_ptr<Store> subject = database->open();
  Desk desk{*subject};
};

class LogStoreConformance : public ::testing::TestWithParam<LogStoreKind> {
 protected:
  LogStoreConformance() {
    auto made = GetParam().make();
    keep = std::move(made.first);
    logs = std::move(made.second);
  }
  Outcome<Done> append(std::vector<LogChunk> chunks);
  std::vector<StoredLine> read(LogQuery query);

  std::shared_ptr<void> keep;
  std::unique_ptr<LogStore> logs;
};

inline std::string kind_name(const ::testing::TestParamInfo<StoreKind>& info) {
  return info.param.name;
}
inline std::string log_kind_name(const ::testing::TestParamInfo<LogStoreKind>& info) {
  return info.param.name;
}

}  // namespace jobflow::store::testing
