// Random lives of a shard (testing/world.h). JOBFLOW_SEEDS=N lives so many of them, JOBFLOW_SEED=S
// only that one.
#include "engine/testing/script.h"
#include "engine/testing/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

namespace jobflow::engine::testing {
namespace {

constexpr int kEvents = 250;

void for_each_seed(unsigned count, const std::function<void(unsigned)>& live) {
  const char* one = std::getenv("JOBFLOW_SEED");
  const char* many = std::getenv("JOBFLOW_SEEDS");
  const unsigned first = one != nullptr ? static_cast<unsigned>(std::atoi(one)) : 1;
  const unsigned seeds = one != nullptr    ? 1
                         : many != nullptr ? static_cast<unsigned>(std::atoi(many))
                                           : count;
  for (unsigned seed = first; seed < first + seeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("replay with JOBFLOW_SEED=" + std::to_string(seed));
    live(seed);
  }
}

std::string told(const std::string& trace) {
  std::string indented;
  for (std::size_t at = 0; at < trace.size();) {
    const std::size_t end = trace.find('\n', at) + 1;
    indented += "  " + trace.substr(at, end - at);
    at = end;
  }
  return without_repeats(indented);
}

std::string end_of(const std::string& trace) {
  constexpr std::size_t kShown = 3000;
  return trace.size() > kShown ? "...\n" + trace.substr(trace.size() - kShown) : trace;
}

TEST(ShardProperty, WhatMustHoldHoldsAndEveryRunEndsWhenFaultsStop) {
  for_each_seed(60, [](unsigned seed) {
    World world(seed);
    world.live(kEvents);
    EXPECT_EQ(world.calm_down(), 0U) << "runs are left unfinished";
    EXPECT_EQ(world.broken(), "") << end_of(world.trace());
  });
}

// Nothing is running for ever, also when nobody ever answers again (I5).
TEST(ShardProperty, EveryRunEndsByItsBoundsAlone) {
  for_each_seed(40, [](unsigned seed) {
    World world(seed);
    world.live(kEvents / 2);
    EXPECT_EQ(world.fall_silent(), 0U) << "runs are left unfinished";
    EXPECT_EQ(world.broken(), "") << end_of(world.trace());
  });
}

// The same input gives the same decisions (I6).
TEST(ShardProperty, TheSameLifeLeavesTheSameTrace) {
  for_each_seed(10, [](unsigned seed) {
    World one(seed);
    one.live(kEvents);
    World other(seed);
    other.live(kEvents);
    EXPECT_EQ(first_difference(one.trace(), other.trace()), "");
  });
}

// A shard that is loaded anew from its rows decides as the old one would have: all state can be
// derived from rows.
TEST(ShardProperty, AShardLoadedFromItsRowsDecidesTheSame) {
  for_each_seed(25, [](unsigned seed) {
    World one(seed);
    one.steady_links = true;
    one.has_calendars = false;
    one.live(kEvents);
    World other(seed);
    other.steady_links = true;
    other.has_calendars = false;
    std::mt19937_64 random(seed + 1);
    other.desk().before_each = [&](const Command&) {
      // All that is unfinished goes on after each load: not again at once, for that may be much.
      if (random() % (8 + other.desk().more.size()) == 0) {
        other.desk().reload();
      }
    };
    other.live(kEvents);
    EXPECT_GT(other.desk().reloads, 10);
    EXPECT_EQ(other.broken(), "") << end_of(other.trace());
    EXPECT_EQ(first_difference(told(one.trace()), told(other.trace())), "");
  });
}

// Definitions that sleep whenever they may, and wake by what needs them, miss nothing and repeat
// nothing (S4.7, S4.10).
TEST(ShardProperty, WhatSleepsInTheStoreWakesInTime) {
  for_each_seed(60, [](unsigned seed) {
    World world(seed);
    world.desk().sleeps = true;
    std::mt19937_64 random(seed + 3);
    std::size_t most = 0, least = 1000;
    world.desk().before_each = [&](const Command&) {
      most = std::max(most, world.desk().shard().awake());
      least = std::min(least, world.desk().shard().awake());
      if (random() % (50 + world.desk().more.size()) == 0) {
        world.desk().reload();
      }
    };
    world.live(kEvents);
    EXPECT_EQ(world.calm_down(), 0U) << "runs are left unfinished";
    EXPECT_EQ(world.broken(), "") << end_of(world.trace());
    EXPECT_LT(least, most);
  });
}

// A command that the store refuses changes nothing: rows and answers are those of a history without
// it (house 3b).
TEST(ShardProperty, ARefusedCommandLeavesNoTrace) {
  for_each_seed(25, [](unsigned seed) {
    World one(seed);
    one.steady_links = true;
    one.has_calendars = false;
    one.live(kEvents);
    World other(seed);
    other.steady_links = true;
    other.has_calendars = false;
    std::mt19937_64 random(seed + 2);
    other.desk().before_each = [&](const Command& next) {
      if (random() % (10 + other.desk().more.size()) == 0 &&
          !std::holds_alternative<SaveDefinition>(next.request)) {
        other.desk().refuse({other.intruder(random), "token:eve", other.desk().now, nullptr},
                            random() % 2 == 0 ? &next : nullptr);
      }
    };
    other.live(kEvents);
    EXPECT_GT(other.desk().reloads, 10);
    EXPECT_EQ(other.broken(), "");
    EXPECT_EQ(first_difference(told(one.trace()), told(other.trace())), "");
  });
}

}  // namespace
}  // namespace jobflow::engine::testing
