#include "engine/roster.h"

#include "engine/strategy_book.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
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
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "h"})), "amber cobalt");
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "other"})), "beryl");
  EXPECT_EQ(names(roster.candidates({.name_space = "elsewhere", .handler = "h"})), "delta");
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "nobody"})), "");
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "h", .tags = {"big"}})),
            "amber");
  roster.take({2}, {100});
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "h"})), "cobalt");
  roster.find({1})->draining = true;
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "h"})), "");
  roster.find({1})->draining = false;
  roster.find({1})->connected = false;
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "h"})), "");
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
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "old"})), "");
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "new"})), "a");
  roster.remove({1});
  EXPECT_EQ(roster.find({1}), nullptr);
  EXPECT_EQ(names(roster.candidates({.name_space = "default", .handler = "h"})), "");
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
    const Ask wanted{
        .name_space = spaces[random() % 2], .handler = handlers[random() % 3], .tags = wanted_tags};
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
  const auto candidates = roster.candidates({.name_space = "default", .handler = "h"});
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

// --- how each strategy spreads runs (S6.1)

// Whom each of `keys` goes to.
std::map<int, std::string> homes(Roster& roster, int keys) {
  std::map<int, std::string> found;
  for (int key = 0; key < keys; ++key) {
    const auto* home = roster.home_of({.name_space = "default",
                                       .handler = "h",
                                       .bucket = bucket_of("customer-" + std::to_string(key))});
    found[key] = home == nullptr ? "" : home->hello.name;
  }
  return found;
}
std::map<std::string, int> shares(const std::map<int, std::string>& homes) {
  std::map<std::string, int> counts;
  for (const auto& [key, name] : homes) {
    ++counts[name];
  }
  return counts;
}

TEST(Strategies, HashSpreadsKeysEvenlyAndMovesOnlyThoseOfWhoGoesOrComes) {
  constexpr int kKeys = 50'000, kWorkers = 10;
  Roster roster;
  EXPECT_EQ(shares(homes(roster, 3)), (std::map<std::string, int>{{"", 3}}));
  for (int i = 0; i < kWorkers; ++i) {
    roster.add(hello(i + 1, "w" + std::to_string(i)));
  }
  const auto before = homes(roster, kKeys);
  for (const auto& [name, count] : shares(before)) {
    EXPECT_NEAR(count, kKeys / kWorkers, kKeys / kWorkers / 3) << name;
  }
  roster.find({4})->draining = true;  // w3
  for (const auto& [key, name] : homes(roster, kKeys)) {
    ASSERT_TRUE(name == before.at(key) || before.at(key) == "w3") << "only its own move";
    ASSERT_NE(name, "w3");
  }
  roster.find({4})->draining = false;
  EXPECT_EQ(homes(roster, kKeys), before);
  roster.add(hello(99, "w99"));
  int moved = 0;
  for (const auto& [key, name] : homes(roster, kKeys)) {
    ASSERT_TRUE(name == before.at(key) || name == "w99") << "moves to the newcomer only";
    moved += name == "w99" ? 1 : 0;
  }
  EXPECT_NEAR(moved, kKeys / (kWorkers + 1), kKeys / (kWorkers + 1) / 3);
}

TEST(Strategies, AKeyWaitsForItsWorkerWhileThatIsThere) {
  Roster roster;
  roster.add(hello(1, "a", 1));
  roster.add(hello(2, "b", 1));
  const Ask ask{.name_space = "default", .handler = "h", .bucket = 7};
  RosterWorker* home = roster.home_of(ask);
  ASSERT_EQ(roster.candidates(ask), std::vector{home});
  roster.take(home->hello.incarnation, {100});
  EXPECT_TRUE(roster.candidates(ask).empty()) << "the other one has room, but not its key";
  home->connected = false;
  EXPECT_EQ(roster.candidates(ask).size(), 1U) << "it is gone: the key moves";
}

TEST(Strategies, HashFollowsTheNameNotTheProcess) {
  Roster roster;
  roster.add(hello(1, "a"));
  roster.add(hello(2, "b"));
  const auto before = homes(roster, 1000);
  roster.remove({1});
  roster.add(hello(3, "a"));
  EXPECT_EQ(homes(roster, 1000), before);
}

// 9,000 runs over three workers of unlike size that never finish one.
std::map<std::string, int> given_out(Strategy strategy, Ask ask = {}) {
  Roster roster;
  roster.add(hello(1, "a", 100'000));
  roster.add(hello(2, "b", 100'000));
  roster.add(hello(3, "c", 50'000));
  ask.name_space = "default";
  ask.handler = "h";
  std::map<std::string, int> counts;
  std::uint32_t turn = 0;
  for (int run = 1; run <= 9000; ++run) {
    const auto choice = stable_hash(std::to_string(run));
    auto* chosen = choose(strategy, roster.candidates(ask), turn, choice);
    roster.take(chosen->hello.incarnation, {run});
    ++counts[chosen->hello.name];
  }
  return counts;
}

TEST(Strategies, RoundRobinGivesEachTheSame) {
  EXPECT_EQ(given_out(Strategy::round_robin),
            (std::map<std::string, int>{{"a", 3000}, {"b", 3000}, {"c", 3000}}));
}
TEST(Strategies, RandomGivesEachAboutTheSame) {
  for (const auto& [name, count] : given_out(Strategy::random)) {
    EXPECT_NEAR(count, 3000, 200) << name;
  }
}
TEST(Strategies, LeastLoadedGivesByTheSlotsThatAreTaken) {
  EXPECT_EQ(given_out(Strategy::least_loaded),
            (std::map<std::string, int>{{"a", 3600}, {"b", 3600}, {"c", 1800}}));
}
TEST(Strategies, DesignatedGivesToAnyOfTheNamedOnes) {
  EXPECT_EQ(given_out(Strategy::designated, {.workers = {"a", "c", "nobody"}}),
            (std::map<std::string, int>{{"a", 4500}, {"c", 4500}}));
}

const CustomStrategy kThrows("throws",
                             [](const RunToPlace&, std::span<const CandidateWorker>)
                                 -> std::optional<std::size_t> { throw 1; });
const CustomStrategy kLost("lost", [](const RunToPlace&, std::span<const CandidateWorker> workers) {
  return std::optional(workers.size());
});

TEST(Strategies, ACustomOneIsAskedAndItsMistakesOnlyMakeTheRunWait) {
  Roster roster;
  roster.add(hello(1, "a", 4));
  roster.add(hello(2, "b", 4));
  roster.take({2}, {100});
  const auto candidates = roster.candidates({.name_space = "default", .handler = "h"});
  std::uint32_t turn = 0;
  EXPECT_EQ(choose_custom("fullest_first", candidates, turn, {})->hello.name, "b");
  EXPECT_EQ(turn, 1U);
  for (const char* bad : {"throws", "lost", "nobody_wrote_it"}) {
    EXPECT_EQ(choose_custom(bad, candidates, turn, {}), nullptr) << bad;
  }
  EXPECT_EQ(turn, 1U);
  const auto names = strategy_names();
  EXPECT_TRUE(std::ranges::count(names, "fullest_first") == 1) << "the example";
}

}  // namespace
}  // namespace jobflow::engine
