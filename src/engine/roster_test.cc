#include "engine/roster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace jobflow::engine {
namespace {

WorkerHello hello(std::int64_t incarnation,
                  std::string name,
                  int slots = 2,
                  std::vector<std::string> tags = {},
                  std::vector<std::string> handlers = {"h"},
                  std::string name_space = "default") {
  WorkerHello made;
  made.incarnation = {incarnation};
  made.name = std::move(name);
  made.slots = slots;
  made.tags = std::move(tags);
  made.name_space = std::move(name_space);
  for (auto& handler : handlers) {
    made.handlers.push_back({handler, "1", ""});
  }
  return made;
}

std::string names(const std::vector<RosterWorker*>& workers) {
  std::string text;
  for (const RosterWorker* worker : workers) {
    text += (text.empty() ? "" : " ") + worker->hello.name;
  }
  return text;
}

TEST(Roster, CandidatesOfferTheHandlerMatchAndHaveASlot) {  // S6.2
  Roster roster;
  roster.add(hello(1, "cobalt"));
  roster.add(hello(2, "amber", 1, {"gpu", "big"}));
  roster.add(hello(3, "beryl", 1, {}, {"other"}));
  roster.add(hello(4, "delta", 1, {}, {"h"}, "elsewhere"));
  EXPECT_EQ(names(roster.candidates({"default", "h"})), "amber cobalt");
  EXPECT_EQ(names(roster.candidates({"default", "other"})), "beryl");
  EXPECT_EQ(names(roster.candidates({"elsewhere", "h"})), "delta");
  EXPECT_EQ(names(roster.candidates({"default", "nobody"})), "");
  const std::vector<std::string> tags{"big"};
  EXPECT_EQ(names(roster.candidates({"default", "h", &tags})), "amber");
  roster.take({2}, {100});
  EXPECT_EQ(names(roster.candidates({"default", "h"})), "cobalt");
  roster.find({1})->draining = true;
  EXPECT_EQ(names(roster.candidates({"default", "h"})), "");
  roster.find({1})->draining = false;
  roster.find({1})->connected = false;
  EXPECT_EQ(names(roster.candidates({"default", "h"})), "");
}

TEST(Roster, ACreditIsGivenBackOnce) {  // S7.3
  Roster roster;
  roster.add(hello(1, "a", 2));
  roster.take({1}, {100});
  roster.take({1}, {100});
  EXPECT_EQ(roster.find({1})->free(), 1);
  const auto before = roster.generation();
  EXPECT_TRUE(roster.give_back({1}, {100}));
  EXPECT_GT(roster.generation(), before);
  const auto after = roster.generation();
  EXPECT_FALSE(roster.give_back({1}, {100}));
  EXPECT_FALSE(roster.give_back({1}, {7}));
  EXPECT_FALSE(roster.give_back({9}, {100}));
  EXPECT_EQ(roster.generation(), after);
  EXPECT_EQ(roster.find({1})->free(), 2);
}

TEST(Roster, AWorkerAddedAgainKeepsWhatItHolds) {
  Roster roster;
  roster.add(hello(1, "a", 2, {}, {"h", "old"}));
  roster.take({1}, {100});
  roster.find({1})->connected = false;
  const auto before = roster.generation();
  roster.add(hello(1, "a", 3, {"z", "b"}, {"h", "new"}));
  EXPECT_GT(roster.generation(), before);
  EXPECT_EQ(roster.find({1})->free(), 2);
  EXPECT_EQ(roster.find({1})->hello.tags, (std::vector<std::string>{"b", "z"}));
  EXPECT_EQ(names(roster.candidates({"default", "old"})), "");
  EXPECT_EQ(names(roster.candidates({"default", "new"})), "a");
  roster.remove({1});
  EXPECT_EQ(roster.find({1}), nullptr);
  EXPECT_EQ(names(roster.candidates({"default", "h"})), "");
  roster.remove({1});
}

// Against the obvious: a scan over all workers.
TEST(Roster, FindsWhatAScanFinds) {
  const std::uint64_t seed = 42;
  std::mt19937_64 random(seed);
  const std::vector<std::string> spaces{"a", "b"}, handlers{"x", "y", "z"}, tags{"p", "q", "r"};
  const auto some_of = [&](const std::vector<std::string>& all) {
    std::vector<std::string> some;
    std::copy_if(all.begin(), all.end(), std::back_inserter(some),
                 [&](const auto&) { return random() % 2 == 0; });
    return some;
  };
  Roster roster;
  for (int round = 0; round < 5000; ++round) {
    const auto id = static_cast<std::int64_t>(random() % 12 + 1);
    RosterWorker* worker = roster.find({id});
    const Id token{static_cast<std::int64_t>(random() % 5 + 1)};
    switch (random() % 6) {
      case 0:
        roster.add(hello(id, "w" + std::to_string(random() % 6), static_cast<int>(random() % 4),
                         some_of(tags), some_of(handlers), spaces[random() % 2]));
        break;
      case 1:
        if (random() % 3 == 0) {
          roster.remove({id});
        }
        break;
      case 2:
        if (worker != nullptr) {
          worker->draining = random() % 2 == 0;
        }
        break;
      case 3:
        if (worker != nullptr && worker->free() > 0) {
          roster.take({id}, token);
        }
        break;
      default:
        roster.give_back({id}, token);
    }
    const std::vector<std::string> wanted_tags = some_of(tags);
    const Wanted wanted{spaces[random() % 2], handlers[random() % 3], &wanted_tags};
    std::vector<std::pair<std::string, Id>> expected;
    for (const auto& [incarnation, candidate] : roster.workers()) {
      if (candidate.hello.name_space == wanted.name_space && candidate.free() > 0 &&
          candidate.handlers.contains(wanted.handler) && candidate.connected &&
          !candidate.draining &&
          std::includes(candidate.hello.tags.begin(), candidate.hello.tags.end(),
                        wanted_tags.begin(), wanted_tags.end())) {
        expected.emplace_back(candidate.hello.name, incarnation);
      }
    }
    std::sort(expected.begin(), expected.end());
    std::vector<std::pair<std::string, Id>> found;
    for (const RosterWorker* candidate : roster.candidates(wanted)) {
      found.emplace_back(candidate->hello.name, candidate->hello.incarnation);
    }
    ASSERT_EQ(found, expected) << "seed " << seed << " round " << round;
  }
}

TEST(Choose, FollowsTheStrategy) {  // S6.1
  Roster roster;
  roster.add(hello(1, "c", 4));
  roster.add(hello(2, "a", 4));
  roster.add(hello(3, "b", 4));
  const auto candidates = roster.candidates({"default", "h"});
  std::uint32_t turn = 0;
  const auto chosen = [&](Strategy strategy, std::uint64_t choice = 0) {
    return choose(strategy, candidates, turn, choice)->hello.name;
  };
  EXPECT_EQ(chosen(Strategy::round_robin), "a");
  EXPECT_EQ(chosen(Strategy::round_robin), "b");
  EXPECT_EQ(chosen(Strategy::round_robin), "c");
  EXPECT_EQ(chosen(Strategy::round_robin), "a");
  EXPECT_EQ(turn, 4U);
  EXPECT_EQ(chosen(Strategy::random, 5), "c");
  EXPECT_EQ(chosen(Strategy::least_loaded), "a");
  roster.take({2}, {100});
  EXPECT_EQ(chosen(Strategy::least_loaded), "b");
  roster.take({3}, {101});
  roster.take({1}, {102});
  roster.take({1}, {103});
  EXPECT_EQ(chosen(Strategy::least_loaded), "a");
  EXPECT_EQ(turn, 4U);
}

}  // namespace
}  // namespace jobflow::engine
