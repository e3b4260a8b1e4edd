#include "engine/gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace jobflow::engine {
namespace {

Waiting run(std::int64_t id, int priority = 0) {
  return {.priority = priority, .since = {id}, .run = {id}};
}
std::int64_t next(const Gate& gate) {
  const auto one = gate.next();
  return one ? one->run.value : 0;
}
// As the shard does it: it leaves those that wait, and runs.
void begin(Gate& gate, std::int64_t id, const std::string& key = "") {
  gate.leave({id});
  gate.begin({id}, key);
}

TEST(Gate, LetsSoManyRunAndTheMostUrgentFirst) {  // S3.5, S3.6
  Gate gate({.max_runs = 2});
  gate.enter(run(1), "");
  gate.enter(run(2), "");
  gate.enter(run(3, 5), "");
  EXPECT_EQ(next(gate), 3);
  EXPECT_EQ(gate.ready(), 2U);
  begin(gate, 3);
  EXPECT_EQ(next(gate), 1);
  begin(gate, 1);
  EXPECT_EQ(next(gate), 0);
  EXPECT_EQ(gate.ready(), 0U);
  gate.end({3});
  gate.end({3});
  EXPECT_EQ(next(gate), 2);
  EXPECT_EQ(gate.running(), 1U);
}

TEST(Gate, ABusyKeyHoldsUpNoOther) {  // S3.5
  Gate gate({.max_runs = 3, .key = "tenant", .max_runs_per_key = 1});
  for (std::int64_t i = 1; i <= 5; ++i) {
    gate.enter(run(i), "big");
  }
  gate.enter(run(6), "small");
  begin(gate, 1, "big");
  EXPECT_EQ(next(gate), 6);
  EXPECT_EQ(gate.ready(), 1U);
  begin(gate, 6, "small");
  EXPECT_EQ(next(gate), 0);
  EXPECT_EQ(gate.running_like({2}), 1U);
  gate.end({1});
  EXPECT_EQ(next(gate), 2);
}

TEST(Gate, ALoweredLimitLetsNobodyInBeforeEnoughHaveEnded) {
  Gate gate({.max_runs = 1});
  gate.begin({1}, "");
  gate.begin({2}, "");
  gate.enter(run(3), "");
  EXPECT_EQ(gate.ready(), 0U);
  gate.end({1});
  EXPECT_EQ(next(gate), 0);
  gate.end({2});
  EXPECT_EQ(next(gate), 3);
}

// Against the obvious: a scan of all that wait.
TEST(Gate, OffersWhatAScanFinds) {
  std::mt19937_64 random(11);
  for (int life = 0; life < 60; ++life) {
    const Concurrency limit{.max_runs = static_cast<int>(random() % 5),
                            .key = "k",
                            .max_runs_per_key = static_cast<int>(random() % 3)};
    Gate gate(limit);
    std::map<std::int64_t, std::pair<Waiting, std::string>> waiting;
    std::map<std::int64_t, std::string> running;
    const auto may_begin = [&](const std::string& key) {
      const auto like = std::ranges::count(running, key, [](const auto& r) { return r.second; });
      return (limit.max_runs == 0 || running.size() < static_cast<std::size_t>(limit.max_runs)) &&
             (limit.max_runs_per_key == 0 || like < limit.max_runs_per_key);
    };
    for (std::int64_t id = 1; id < 300; ++id) {
      const std::string key(1, static_cast<char>('a' + random() % 3));
      const Waiting one{.priority = static_cast<int>(random() % 3),
                        .since = {static_cast<std::int64_t>(random() % 100'000)},
                        .run = {id}};
      gate.enter(one, key);
      waiting[id] = {one, key};
      if (random() % 3 == 0) {
        const auto gone =
            std::next(waiting.begin(), static_cast<std::ptrdiff_t>(random() % waiting.size()));
        gate.leave({gone->first});
        waiting.erase(gone);
      }
      if (!running.empty() && random() % 2 == 0) {
        gate.end({running.begin()->first});
        running.erase(running.begin());
      }
      for (;;) {
        std::vector<Waiting> may;
        for (const auto& [other, at] : waiting) {
          if (may_begin(at.second)) {
            may.push_back(at.first);
          }
        }
        const auto best = std::ranges::min_element(may, MoreUrgentFirst());
        ASSERT_EQ(next(gate), best == may.end() ? 0 : best->run.value);
        ASSERT_EQ(gate.ready() > 0, best != may.end());
        if (best == may.end() || random() % 4 == 0) {
          break;
        }
        const std::int64_t chosen = best->run.value;
        begin(gate, chosen, waiting[chosen].second);
        running[chosen] = waiting[chosen].second;
        waiting.erase(chosen);
      }
      ASSERT_EQ(gate.waiting(), waiting.size());
      ASSERT_EQ(gate.running(), running.size());
    }
  }
}

}  // namespace
}  // namespace jobflow::engine
