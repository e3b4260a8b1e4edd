#include "worker/ledger.h"

#include <gtest/gtest.h>

#include <string>

namespace jobflow::worker {
namespace {

FinishedReport with_result(std::string result) {
  FinishedReport report;
  report.result = std::move(result);
  return report;
}

TEST(Ledger, ATokenGoesFromLiveToEndedToAcknowledged) {  // S6.5, S7.3
  Ledger ledger(10, 1000);
  EXPECT_EQ(ledger.find(Id{5}), nullptr);
  Ledger::Record& record = ledger.open(Id{1}, Id{5}, 2, nullptr);
  EXPECT_EQ(ledger.live(), 1U);
  EXPECT_FALSE(ledger.acknowledge(Id{5}));  // not before its end
  ledger.end(record, with_result("3"));
  EXPECT_EQ(ledger.live(), 0U);
  EXPECT_EQ(ledger.unacknowledged(), 1U);
  EXPECT_EQ(ledger.first_ended()->report.run, Id{1});
  EXPECT_EQ(ledger.holding().size(), 1U);  // S7.2: ended but unacknowledged is held
  EXPECT_TRUE(ledger.acknowledge(Id{5}));
  EXPECT_FALSE(ledger.acknowledge(Id{5}));
  EXPECT_TRUE(ledger.holding().empty());
  EXPECT_EQ(ledger.first_ended(), nullptr);
  EXPECT_EQ(ledger.find(Id{5})->report.result, "3");  // still answered
}

TEST(Ledger, EndsKeepTheirOrderWhateverIsAcknowledged) {
  Ledger ledger(10, 1000);
  for (int token = 1; token <= 4; ++token) {
    ledger.end(ledger.open(Id{token}, Id{token}, 1, nullptr), {});
  }
  ledger.acknowledge(Id{3});
  ledger.acknowledge(Id{1});
  std::string order;
  for (const auto* end = ledger.first_ended(); end != nullptr; end = end->next) {
    order += to_string(end->report.token);
  }
  EXPECT_EQ(order, "24");
}

TEST(Ledger, RemembersAsManyAcknowledgedEndsAsItsBoundsAllow) {  // I7
  Ledger by_count(2, 1000);
  for (int token = 1; token <= 3; ++token) {
    by_count.end(by_count.open(Id{token}, Id{token}, 1, nullptr), with_result("x"));
    by_count.acknowledge(Id{token});
  }
  EXPECT_EQ(by_count.find(Id{1}), nullptr);
  EXPECT_NE(by_count.find(Id{2}), nullptr);
  EXPECT_NE(by_count.find(Id{3}), nullptr);

  Ledger by_bytes(100, 10);
  for (int token = 1; token <= 3; ++token) {
    by_bytes.end(by_bytes.open(Id{token}, Id{token}, 1, nullptr), with_result("12345"));
    by_bytes.acknowledge(Id{token});
  }
  EXPECT_EQ(by_bytes.find(Id{1}), nullptr);
  EXPECT_NE(by_bytes.find(Id{2}), nullptr);
}

TEST(Ledger, EpochsOnlyGrowAndEachShardHasItsOwn) {  // S6.5
  Ledger ledger(10, 1000);
  const Id run{5 << 12};
  EXPECT_FALSE(ledger.outdated(run, 3));
  EXPECT_TRUE(ledger.outdated(run, 2));
  ledger.raise_epoch(5, 7);
  ledger.raise_epoch(5, 4);
  EXPECT_TRUE(ledger.outdated(run, 6));
  EXPECT_FALSE(ledger.outdated(run, 7));
  EXPECT_FALSE(ledger.outdated(Id{6 << 12}, 1));
}

}  // namespace
}  // namespace jobflow::worker
