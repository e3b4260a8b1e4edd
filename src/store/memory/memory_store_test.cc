#include "store/memory/memory_store.h"

#include "store/testing/store_conformance.h"

#include <gtest/gtest.h>

namespace jobflow::store {
namespace {

class MemoryHandles final : public testing::Database {
 public:
  explicit MemoryHandles(int shard_count) : database_(make_memory_database(shard_count)) {}
  std::unique_ptr<Store> open() override { return make_memory_store(database_); }

 private:
  std::shared_ptr<MemoryDatabase> database_;
};

TEST(MemoryStore, S15_SaysThatItForgets) {
  EXPECT_FALSE(make_memory_store()->facts().voided_promises.empty());
}

TEST(MemoryStore, RunsItsWorkWherePostPutsIt) {
  std::vector<std::function<void()>> posted;
  const auto store =
      make_memory_store(8, [&](std::function<void()> task) { posted.push_back(std::move(task)); });
  bool joined = false;
  store->join({"solo"}, [&](const Outcome<Ticket>& ticket) { joined = ticket.ok(); });
  ASSERT_EQ(posted.size(), 1U);
  EXPECT_FALSE(joined);
  posted[0]();
  EXPECT_TRUE(joined);
}

}  // namespace

namespace testing {

INSTANTIATE_TEST_SUITE_P(
    Memory,
    StoreConformance,
    ::testing::Values(StoreKind{
        "memory", [](int shard_count) { return std::make_unique<MemoryHandles>(shard_count); }}),
    kind_name);
INSTANTIATE_TEST_SUITE_P(
    Memory,
    LogStoreConformance,
    ::testing::Values(LogStoreKind{
        "memory", [] { return std::pair(std::shared_ptr<void>(), make_memory_log_store()); }}),
    log_kind_name);

}  // namespace testing
}  // namespace jobflow::store
