// Permits whose semaphores are at home in other shards than the runs that want them (S3.5, I10),
// over a network that loses, repeats and reorders, and with shards that are loaded anew at any
// time. JOBFLOW_SEEDS=N lives so many lives, JOBFLOW_SEED=S only that one.
#include "engine/testing/desk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::engine::testing {
namespace {

constexpr ShardNumber kShards = 3;

// A job `j` in each shard, which wants the semaphores `m` and `n`, and what is under way between
// them.
class Town {
 public:
  explicit Town(unsigned seed = 1) : random(seed) {
    for (ShardNumber shard = 0; shard < kShards; ++shard) {
      desks.push_back(std::make_unique<Desk>(Desk::kBase, shard, kShards));
      desks.back()->after_each = [this](const Command&, const Decision& decision) {
        for (const Change& change : decision.changes) {
          look_at(change);
        }
      };
      desks.back()->add_worker(
          {.name = "w", .incarnation = {100 + shard}, .slots = 1000, .handlers = {{.name = "h"}}});
      save(shard, DefinitionKind::job,
           R"({"metadata":{"name":"j"},"spec":{"handler":"h","semaphores":["m","n"],)"
           R"("retry":{"max_attempts":2,"initial":"300ms"}}})");
    }
  }
  void save(ShardNumber shard, DefinitionKind kind, const std::string& document) {
    auto decoded = decode_definition(kind, document);
    ASSERT_TRUE(decoded.problems.empty());
    submit(shard,
           SaveDefinition{std::make_shared<const Definition>(std::move(decoded.definition))});
  }
  static ShardNumber home(const std::string& semaphore) {
    return home_shard("default", "semaphore", semaphore, kShards);
  }
  void set_permits(const std::string& semaphore, int permits) {
    save(home(semaphore), DefinitionKind::semaphore,
         R"({"metadata":{"name":")" + semaphore + R"("},"spec":{"permits":)" +
             std::to_string(permits) + "}}");
  }
  void submit(ShardNumber shard, Request request) {
    desk(shard).submit(std::move(request));
    desk(shard).go_on();
  }
  Id trigger(ShardNumber shard) {
    const Decision made = desk(shard).submit(TriggerRun{.name_space = "default", .name = "j"});
    desk(shard).go_on();
    return (*made.answer)->id;
  }
  void report(Id run, ReportOutcome outcome) {
    const RunProgress& at = row(run).progress;
    submit(run.shard(),
           AttemptEnded{{.run = run, .token = at.token, .outcome = outcome}, at.incarnation});
  }
  void collect() {
    for (const auto& one : desks) {
      for (Effect& effect : std::exchange(one->effects, {})) {
        if (std::holds_alternative<SendLetter>(effect) ||
            std::holds_alternative<SendLetterAck>(effect)) {
          under_way.push_back(std::move(effect));
        }
      }
    }
  }
  void deliver(const Effect& effect) {
    if (const auto* send = std::get_if<SendLetter>(&effect)) {
      desk(send->letter.to).submit(LetterCame{send->letter}, "system");
      desk(send->letter.to).go_on();
    } else if (const auto* ack = std::get_if<SendLetterAck>(&effect)) {
      desk(ack->from).submit(LetterAcked{ack->from, ack->to, ack->up_to}, "system");
    }
  }
  void deliver_all() {
    for (collect(); !under_way.empty(); collect()) {
      for (const Effect& effect : std::exchange(under_way, {})) {
        deliver(effect);
      }
    }
  }
  void time_passes(Span span) {
    for (const auto& one : desks) {
      one->now = one->now + span;
      one->fire_timers();
      one->go_on();
    }
  }
  void dispatch_all() {
    for (const auto& one : desks) {
      one->dispatch();
      one->go_on();
    }
  }

  Desk& desk(ShardNumber shard) { return *desks.at(shard); }
  const RunRow& row(Id run) { return desk(run.shard()).rows.runs.at(run); }
  RunState state(Id run) { return row(run).progress.state; }
  std::size_t permits() const {
    std::size_t count = 0;
    for (const auto& one : desks) {
      count += one->rows.permits.size() + one->rows.holds.size();
    }
    return count;
  }

  std::mt19937_64 random;
  std::vector<std::unique_ptr<Desk>> desks;
  std::vector<Effect> under_way;
  int begun = 0, granted = 0;

 private:
  int limit_of(const std::string& semaphore) {
    const RowTable& rows = desk(home(semaphore)).rows;
    int permits = 0;
    for (const auto& [id, revision] : rows.current) {
      const DefinitionRow& row = rows.revisions.at({id, revision});
      if (row.name == semaphore && !row.deleted) {
        permits = decode_definition(row.kind, row.document).definition.semaphore().permits;
      }
    }
    return permits;
  }
  static bool is_granted(const RowTable& rows, Id run, const std::string& semaphore) {
    return std::ranges::any_of(rows.permits, [&](const auto& entry) {
      const PermitRow& row = entry.second;
      return row.run == run && row.semaphore == semaphore && row.granted.is_set();
    });
  }
  void look_at(const Change& change) {
    if (const auto* permit = std::get_if<SavePermit>(&change);
        permit != nullptr && permit->row.granted.is_set()) {
      const std::string& name = permit->row.semaphore;
      EXPECT_EQ(permit->row.shard, home(name));
      const auto held = std::ranges::count_if(desk(home(name)).rows.permits, [&](const auto& one) {
        return one.second.semaphore == name && one.second.granted.is_set();
      });
      EXPECT_LE(held, limit_of(name)) << "of " << name << " more are held than there are (S3.5)";
      ++granted;
    } else if (const auto* update = std::get_if<UpdateRun>(&change);
               update != nullptr && update->progress.state == RunState::running) {
      for (const char* name : {"m", "n"}) {
        EXPECT_TRUE(is_granted(desk(home(name)).rows, update->run, name))
            << "a run is out without a permit of " << name << " (S3.5)";
      }
      ++begun;
    }
  }
};

void something_happens(Town& town, std::vector<Id>& runs) {
  auto& random = town.random;
  const auto any_run = [&] { return runs[random() % runs.size()]; };
  const auto any_shard = [&] { return static_cast<ShardNumber>(random() % kShards); };
  const auto dice = random() % 100;
  if (runs.empty() || dice < 10) {
    runs.push_back(town.trigger(any_shard()));
  } else if (dice < 20) {
    town.dispatch_all();
  } else if (dice < 32) {
    if (const Id run = any_run(); town.state(run) == RunState::running) {
      town.report(run, dice < 26 ? ReportOutcome::succeeded : ReportOutcome::failed);
    }
  } else if (dice < 34) {
    const Id run = any_run();
    town.submit(run.shard(), CancelRun{run});
  } else if (dice < 37) {
    const std::string name = random() % 2 == 0 ? "m" : "n";
    town.set_permits(name, static_cast<int>(1 + random() % 3));
  } else if (dice < 38) {
    const std::string name = random() % 2 == 0 ? "m" : "n";
    town.submit(Town::home(name), DeleteDefinition{.kind = DefinitionKind::semaphore,
                                                   .name_space = "default",
                                                   .name = name,
                                                   .force = random() % 2 == 0});
  } else if (dice < 42) {
    town.desk(any_shard()).reload();
  } else if (dice < 50) {
    town.time_passes(milliseconds(static_cast<std::int64_t>(random() % 1500)));
  } else if (town.collect(); !town.under_way.empty()) {
    const std::size_t chosen = random() % town.under_way.size();
    const Effect effect = town.under_way[chosen];
    if (dice < 92) {  // else it comes once more, later
      town.under_way.erase(town.under_way.begin() + static_cast<std::ptrdiff_t>(chosen));
    }
    if (dice < 82 || dice >= 92) {  // else it is lost
      town.deliver(effect);
    }
  }
}

// Faults stop: every run gets its permits, and ends.
void calm_down(Town& town, const std::vector<Id>& runs) {
  town.set_permits("m", 2);
  town.set_permits("n", 2);
  for (int round = 0; round < 200; ++round) {
    town.time_passes(seconds(1));
    town.deliver_all();
    for (const auto& desk : town.desks) {
      desk->go_on();
    }
    town.dispatch_all();
    for (const Id run : runs) {
      if (town.state(run) == RunState::running) {
        town.report(run, ReportOutcome::succeeded);
      } else if (town.state(run) == RunState::cancelling) {
        town.report(run, ReportOutcome::cancelled);
      }
    }
    town.deliver_all();
  }
}

TEST(ShardPermits, S35_NoMoreAreHeldThanThereAreAndNoneIsLostWhateverTheNetworkDoes) {  // I10
  const char* one = std::getenv("JOBFLOW_SEED");
  const char* many = std::getenv("JOBFLOW_SEEDS");
  const int first = one != nullptr ? std::atoi(one) : 1;
  const int count = one != nullptr ? 1 : many != nullptr ? std::atoi(many) : 40;
  int begun = 0;
  for (int seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("replay with JOBFLOW_SEED=" + std::to_string(seed));
    Town town(static_cast<unsigned>(seed));
    std::vector<Id> runs;
    for (int i = 0; i < 500; ++i) {
      something_happens(town, runs);
    }
    calm_down(town, runs);
    for (const Id run : runs) {
      EXPECT_TRUE(is_final(town.state(run))) << to_string(town.state(run));
    }
    EXPECT_EQ(town.permits(), 0U) << "a permit outlives its holder";
    for (const auto& desk : town.desks) {
      EXPECT_TRUE(desk->rows.letters.empty());
      EXPECT_EQ(desk->take_told().find("REFUSED"), std::string::npos);
    }
    begun += town.begun;
  }
  EXPECT_GT(begun, count * 20);
}

// A history was lost, and in it what either home had been told (house 8): asked again, and told
// again, both come to the same.
TEST(ShardPermits, S35_BothHomesAgreeAgainAfterALostHistory) {
  const ShardNumber home = Town::home("m");
  const ShardNumber elsewhere = home == 0 ? 1 : 0;
  Town town;
  town.set_permits("m", 1);
  town.set_permits("n", 1);
  const Id holder = town.trigger(elsewhere);
  town.deliver_all();
  town.dispatch_all();
  ASSERT_EQ(town.state(holder), RunState::running);

  // The semaphore's home forgets who held it.
  const auto forgotten = std::exchange(town.desk(home).rows.permits, {});
  ASSERT_FALSE(forgotten.empty());
  town.desk(home).reload();
  for (const Request& again : town.desk(elsewhere).shard().ask_again()) {
    town.submit(elsewhere, again);
  }
  town.deliver_all();
  const Id next = town.trigger(elsewhere);
  town.deliver_all();
  town.dispatch_all();
  EXPECT_EQ(town.state(next), RunState::queued) << "the permit is held still";

  // The runs' home forgets that it wanted one: it is told of it again, and returns it.
  town.report(holder, ReportOutcome::succeeded);
  town.deliver_all();
  town.dispatch_all();
  ASSERT_EQ(town.state(next), RunState::running);
  town.desk(elsewhere).rows.holds.clear();
  town.desk(elsewhere).reload();
  EXPECT_EQ(town.desk(home).rows.permits.size() + town.desk(Town::home("n")).rows.permits.size(),
            Town::home("n") == home ? 4U : 2U);
  town.time_passes(limits::kPermitsAgain);
  town.deliver_all();
  EXPECT_EQ(town.permits(), 0U);
}

// Hundreds wait: granted and asked for in decisions that keep to their size (house 3.8).
TEST(ShardPermits, ManyWaitForOnePermit) {
  Town town;
  const ShardNumber home = Town::home("m");
  town.set_permits("n", 2000);
  std::vector<Id> runs;
  for (int i = 0; i < 900; ++i) {
    runs.push_back(town.trigger(home));
  }
  town.deliver_all();
  EXPECT_EQ(town.desk(home).shard().waiting(), runs.size());
  town.set_permits("m", 2000);
  town.deliver_all();
  town.dispatch_all();
  EXPECT_TRUE(
      std::ranges::all_of(runs, [&](Id run) { return town.state(run) == RunState::running; }));
  EXPECT_LE(town.desk(home).widest, static_cast<std::size_t>(limits::kDecisionRows));
  town.desk(home).reload();
  for (const Id run : runs) {
    town.report(run, ReportOutcome::succeeded);
  }
  town.deliver_all();
  EXPECT_EQ(town.permits(), 0U);
}

}  // namespace
}  // namespace jobflow::engine::testing
