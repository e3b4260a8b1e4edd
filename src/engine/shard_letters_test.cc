// Letters between shards over a network that loses, repeats and reorders (I10), and shards that are
// loaded anew at any time. JOBFLOW_SEEDS=N lives so many lives, JOBFLOW_SEED=S only that one.
#include "engine/testing/desk.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace jobflow::engine::testing {
namespace {

constexpr ShardNumber kShards = 3;

// Some shards, each with a job `j` and a job `f` that follows the `j` of its name's home, and what
// is under way between them.
class Town {
 public:
  explicit Town(unsigned seed = 1) : random(seed) {
    for (ShardNumber shard = 0; shard < kShards; ++shard) {
      desks.push_back(std::make_unique<Desk>(Desk::kBase, shard, kShards));
      desks.back()->after_each = [this, shard](const Command&, const Decision& decision) {
        look_at(shard, decision);
      };
      desks.back()->add_worker(
          {.name = "w", .incarnation = {100 + shard}, .slots = 1000, .handlers = {{.name = "h"}}});
      save(shard, R"({"metadata":{"name":"j"},"spec":{"handler":"h"}})");
    }
  }
  void save(ShardNumber shard, const std::string& document) {
    auto decoded = decode_definition(DefinitionKind::job, document);
    desk(shard).submit(
        SaveDefinition{std::make_shared<const Definition>(std::move(decoded.definition))});
    desk(shard).go_on();
  }
  void follow(ShardNumber shard, bool is_enabled) {
    save(shard, std::string(R"({"metadata":{"name":"f"},"spec":{"handler":"h","enabled":)") +
                    (is_enabled ? "true" : "false") +
                    R"(,"triggers":[{"after":{"job":"j","states":["succeeded","cancelled"]}}]}})");
  }

  Id trigger(ShardNumber shard, Id after = {}) {
    const Decision made =
        desk(shard).submit(TriggerRun{.name_space = "default", .name = "j", .after_run = after});
    desk(shard).go_on();
    return made.answer && made.answer->ok() ? (*made.answer)->id : Id{};
  }
  void finish(Id run) {
    const RunProgress& progress = row(run).progress;
    desk(run.shard())
        .submit(AttemptEnded{{.run = run, .token = progress.token}, progress.incarnation});
    desk(run.shard()).go_on();
  }
  // What the shards released since the last look is on its way now.
  void collect() {
    for (const auto& one : desks) {
      for (Effect& effect : std::exchange(one->effects, {})) {
        if (!std::holds_alternative<SendAssignment>(effect)) {
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
  // All that is under way comes, in its order, until nothing is.
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
    }
  }

  Desk& desk(ShardNumber shard) { return *desks.at(shard); }
  const RunRow& row(Id run) { return desk(run.shard()).rows.runs.at(run); }
  RunState state(Id run) { return row(run).progress.state; }

  std::mt19937_64 random;
  std::vector<std::unique_ptr<Desk>> desks;
  std::vector<Effect> under_way;
  using Pair = std::pair<ShardNumber, ShardNumber>;  // from, to
  std::map<Pair, std::vector<Id>> written, applied;
  // Ends that triggers are to be told of, by the number under which they asked; and what they
  // fired.
  std::map<std::pair<Id, Id>, std::vector<Id>> told, fired;
  int went_on = 0;

 private:
  void look_at_end(ShardNumber shard, const RunRow& run) {
    const auto& rows = desk(shard).rows;
    const bool counts = rows.revisions.at({run.definition, run.revision}).name == "j";
    for (const auto& [trigger, follow] : rows.follows) {
      if (counts && (follow.states >> static_cast<int>(run.progress.state) & 1) != 0) {
        told[{trigger, follow.follow}].push_back(run.id);
      }
    }
  }
  void look_at(ShardNumber shard, const Decision& decision) {
    for (const Change& change : decision.changes) {
      if (const auto* letter = std::get_if<InsertLetter>(&change)) {
        EXPECT_EQ(letter->row.from, shard) << "a decision writes its own shard's rows";
        written[{letter->row.from, letter->row.to}].push_back(letter->row.number);
      } else if (const auto* mark = std::get_if<MarkLetter>(&change)) {
        EXPECT_EQ(mark->row.to, shard);
        applied[{mark->row.from, mark->row.to}].push_back(mark->row.number);
      } else if (const auto* update = std::get_if<UpdateRun>(&change);
                 update != nullptr && update->progress.state == RunState::queued) {
        const Id awaited = row(update->run).after_run;
        went_on += awaited.is_set() ? 1 : 0;
        EXPECT_TRUE(!awaited.is_set() || is_final(state(awaited))) << "it went on too early";
      } else if (update != nullptr && is_final(update->progress.state)) {
        look_at_end(shard, row(update->run));
      } else if (const auto* insert = std::get_if<InsertRun>(&change);
                 insert != nullptr && insert->row.trigger.is_set()) {
        const Id trigger = insert->row.trigger;
        fired[{trigger, desk(shard).rows.triggers.at(trigger).progress.follow}].push_back(
            insert->row.occasion);
      }
    }
  }
};

// One random act of somebody's, of time's or of the network's.
void something_happens(Town& town, std::vector<Id>& runs) {
  auto& random = town.random;
  const auto any_run = [&] { return runs[random() % runs.size()]; };
  const auto any_shard = [&] { return static_cast<ShardNumber>(random() % kShards); };
  const auto dice = random() % 100;
  if (runs.empty() || dice < 8) {
    runs.push_back(town.trigger(any_shard()));
  } else if (dice < 24) {
    runs.push_back(town.trigger(any_shard(), any_run()));
  } else if (dice < 32) {
    town.desk(any_shard()).dispatch();
  } else if (dice < 40) {
    if (const Id run = any_run(); town.state(run) == RunState::running) {
      town.finish(run);
    }
  } else if (dice < 42) {
    town.follow(any_shard(), random() % 3 != 0);
  } else if (dice < 43) {
    const Id run = any_run();
    town.desk(run.shard()).submit(CancelRun{run});
    town.desk(run.shard()).go_on();
  } else if (dice < 47) {
    town.desk(any_shard()).reload();
  } else if (dice < 55) {
    town.time_passes(milliseconds(static_cast<std::int64_t>(random() % 1500)));
  } else if (town.collect(); !town.under_way.empty()) {
    const std::size_t chosen = random() % town.under_way.size();
    const Effect effect = town.under_way[chosen];
    if (dice < 92) {  // else it comes once more, later
      town.under_way.erase(town.under_way.begin() + static_cast<std::ptrdiff_t>(chosen));
    }
    if (dice < 80 || dice >= 92) {  // else it is lost
      town.deliver(effect);
    }
  }
}

// Faults stop: all is told, every run that waited goes on, and ends.
void calm_down(Town& town) {
  for (int round = 0; round < 60; ++round) {
    town.time_passes(seconds(1));
    town.deliver_all();
    for (ShardNumber shard = 0; shard < kShards; ++shard) {
      Desk& desk = town.desk(shard);
      desk.go_on();
      desk.dispatch();
      std::vector<Id> running;
      for (const auto& [id, row] : desk.rows.runs) {
        if (row.progress.state == RunState::running) {
          running.push_back(id);
        }
      }
      for (const Id id : running) {
        town.finish(id);
      }
    }
  }
  town.deliver_all();
}

// While a trigger follows, each end fires it once, in order; what is under way when it stops to is
// nobody's. How many fired.
std::size_t expect_each_end_fired_once(Town& town) {
  std::size_t count = 0;
  for (const auto& [number, ends] : town.fired) {
    const auto& told = town.told[number];
    count += ends.size();
    EXPECT_TRUE(ends.size() <= told.size() && std::equal(ends.begin(), ends.end(), told.begin()));
  }
  for (const auto& desk : town.desks) {
    for (const auto& [id, row] : desk->rows.triggers) {
      if (row.progress.follow.is_set()) {
        const std::pair number(id, row.progress.follow);
        EXPECT_EQ(town.fired[number], town.told[number]) << "an end was not heard of";
      }
    }
  }
  return count;
}

TEST(Letters, AreAppliedOnceAndInOrderWhateverTheNetworkDoes) {  // I10
  const char* one = std::getenv("JOBFLOW_SEED");
  const char* many = std::getenv("JOBFLOW_SEEDS");
  const int first = one != nullptr ? std::atoi(one) : 1;
  const int count = one != nullptr ? 1 : many != nullptr ? std::atoi(many) : 60;
  std::size_t letters = 0;
  int went_on = 0;
  std::size_t followed = 0;
  for (int seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("replay with JOBFLOW_SEED=" + std::to_string(seed));
    Town town(static_cast<unsigned>(seed));
    std::vector<Id> runs;
    for (int i = 0; i < 400; ++i) {
      something_happens(town, runs);
    }
    calm_down(town);
    EXPECT_EQ(town.applied, town.written);
    for (const auto& desk : town.desks) {
      EXPECT_TRUE(desk->rows.letters.empty());
      EXPECT_TRUE(desk->rows.watches.empty());
      EXPECT_EQ(desk->take_told().find("REFUSED"), std::string::npos);
      for (const auto& [id, row] : desk->rows.runs) {
        EXPECT_TRUE(is_final(row.progress.state)) << to_string(row.progress.state);
      }
    }
    for (const auto& [pair, numbers] : town.written) {
      letters += numbers.size();
    }
    went_on += town.went_on;
    followed += expect_each_end_fired_once(town);
  }
  EXPECT_GT(letters, static_cast<std::size_t>(count) * 50);
  EXPECT_GT(went_on, count * 10);
  EXPECT_GT(followed, static_cast<std::size_t>(count) * 5);
}

// A run that thousands wait for: told in slices (house 3.8), a window at a time on its way.
TEST(Letters, ManyWaitForOneRun) {
  constexpr std::size_t kWatchers = 1200;
  Town town;
  const Id awaited = town.trigger(0);
  for (std::size_t i = 0; i < kWatchers; ++i) {
    town.trigger(1, awaited);
  }
  town.collect();
  EXPECT_EQ(town.under_way.size(), limits::kLettersUnderWay);
  town.deliver_all();
  EXPECT_EQ(town.desk(0).rows.watches.size(), kWatchers);
  town.desk(0).dispatch();
  town.finish(awaited);
  EXPECT_LE(town.desk(0).widest, static_cast<std::size_t>(limits::kDecisionRows));
  town.collect();
  EXPECT_EQ(town.under_way.size(), limits::kLettersUnderWay + 1) << "and the worker's ack";
  town.deliver_all();
  EXPECT_EQ(town.desk(1).shard().waiting(), kWatchers);
  EXPECT_EQ(town.written, town.applied);
}

// The slices of one telling go on after loading, from the run's row.
TEST(Letters, ATellingThatWasInterruptedGoesOnAfterLoading) {
  Town town;
  const Id awaited = town.trigger(0);
  for (int i = 0; i < 600; ++i) {
    town.trigger(1, awaited);
  }
  town.deliver_all();
  town.desk(0).dispatch();
  const RunProgress progress = town.row(awaited).progress;
  town.desk(0).submit(
      AttemptEnded{{.run = awaited, .token = progress.token}, progress.incarnation});
  town.desk(0).reload();  // before anybody was told
  const Request telling = town.desk(0).more.front();
  town.desk(0).more.clear();
  town.desk(0).submit(telling, "system");  // the first slice
  EXPECT_GT(town.desk(0).rows.watches.size(), 0U);
  town.desk(0).reload();
  town.desk(0).go_on();
  town.deliver_all();
  town.time_passes(seconds(1));
  town.deliver_all();
  EXPECT_EQ(town.desk(1).shard().waiting(), 600U);
  EXPECT_EQ(town.written, town.applied);
}

// Tried again before anybody was told of its end: they wait for the next one.
TEST(Letters, ARunThatLivesAgainIsWaitedForAgain) {
  Town town;
  const Id awaited = town.trigger(0);
  const Id watcher = town.trigger(1, awaited);
  town.deliver_all();
  Desk& home = town.desk(0);
  home.submit(CancelRun{awaited});
  home.submit(RetryRun{awaited, {}});
  home.go_on();
  town.deliver_all();
  EXPECT_EQ(town.state(watcher), RunState::waiting);
  home.dispatch();
  town.finish(awaited);
  town.deliver_all();
  EXPECT_EQ(town.state(watcher), RunState::queued);
}

// The clock of those that it follows is ahead: what they bring about is dated before an edit that
// comes after it, or the ledger would show what no revision planned (S4.7, S4.8; seed 849050).
TEST(Letters, WhatFollowsIsDatedBeforeTheNextEditWhateverTheOthersClocksSay) {
  const ShardNumber home = home_shard("default", "job", "j", kShards);
  const ShardNumber other = home == 0 ? 1 : 0;
  Town town;
  town.follow(other, true);
  town.deliver_all();
  town.desk(home).now = town.desk(home).now + seconds(10);
  for (int i = 0; i < 20; ++i) {  // all of them in one instant
    const Id run = town.trigger(home);
    town.desk(home).submit(CancelRun{run});
    town.desk(home).go_on();
  }
  town.deliver_all();
  town.follow(other, false);
  const auto& rows = town.desk(other).rows;
  int fired = 0;
  for (const auto& [id, run] : rows.runs) {
    if (const auto& edited = rows.revisions.at({run.definition, 2}); run.trigger.is_set()) {
      EXPECT_LE(run.planned, edited.updated);
      fired += 1;
    }
  }
  EXPECT_EQ(fired, 20);
}

// A shard that is loaded anew in the middle of things runs its commands again, its timers, too
// (house 3b): they beat no faster for it.
TEST(Letters, AreSentAgainAtTheSamePaceThoughTheirTimerRunsAgain) {
  Town town;
  town.trigger(1, town.trigger(0));
  Desk& sender = town.desk(1);
  const Instant due = sender.shard().next_due();
  sender.now = due;
  sender.fire_timers();
  sender.reload();
  sender.submit(TimerDue{{due, Id{}, TimerSubject::letters}}, "system");
  sender.fire_timers();
  for (int i = 0; i < 3; ++i) {
    sender.effects.clear();
    sender.now = sender.now + seconds(1);
    sender.fire_timers();
    EXPECT_EQ(sender.effects.size(), 1U);
  }
}

// A read that failed is lost with what it was for: after a while it is asked again.
TEST(Letters, WhoeverIsNotToldIsToldLater) {
  Town town;
  const Id awaited = town.trigger(0);
  town.desk(0).submit(CancelRun{awaited});
  const Id watcher = town.trigger(1, awaited);
  town.collect();
  const SendLetter letter = std::get<SendLetter>(town.under_way.at(0));
  town.desk(0).submit(LetterCame{letter.letter}, "system");
  town.desk(0).more.clear();
  town.time_passes(seconds(2));
  town.deliver_all();
  EXPECT_EQ(town.state(watcher), RunState::queued);
}

// One that nobody here understands is not taken as done, nor are those behind it.
TEST(Letters, OneOfANewerVersionWaitsForItsReader) {  // S12.2
  Town town;
  const Id awaited = town.trigger(0);
  town.trigger(1, awaited);
  town.collect();
  LetterRow letter = std::get<SendLetter>(town.under_way.at(0)).letter;
  letter.body = UnknownLetter{R"({"kind":"new"})"};
  const Decision none = town.desk(0).submit(LetterCame{letter}, "system");
  EXPECT_TRUE(none.changes.empty() && none.effects.empty());
  letter.after = letter.number;
  letter.number = {letter.number.value + 1};
  letter.body = WatchRun{.run = awaited, .watcher = {8}};
  EXPECT_TRUE(town.desk(0).submit(LetterCame{letter}, "system").effects.empty());
}

// What the store refuses to have done is only marked, so that the letters behind it go on (I8).
TEST(Letters, OneThatCannotBeCarriedOutIsOnlyMarked) {
  Town town;
  const Id watcher = town.trigger(1, town.trigger(0));
  town.collect();
  const LetterRow letter = std::get<SendLetter>(town.under_way.at(0)).letter;
  const Decision marked =
      town.desk(0).submit(LetterCame{.letter = letter, .only_mark = true}, "system");
  EXPECT_EQ(marked.changes.size(), 1U);
  EXPECT_EQ(marked.effects.size(), 1U);
  town.deliver_all();
  EXPECT_TRUE(town.desk(0).rows.watches.empty());
  EXPECT_EQ(town.state(watcher), RunState::waiting) << "until its bound (I5)";
}

// The store forgot that it was asked (I1b, house 8): it is asked again, under a greater number.
TEST(Letters, AfterTheHistoryChangedWhoWaitsAsksAgain) {
  Town town;
  const Id awaited = town.trigger(0);
  const Id watcher = town.trigger(1, awaited);
  town.deliver_all();
  town.desk(0).rows.watches.clear();  // the mark of it is still there
  town.desk(0).reload();
  Desk& asker = town.desk(1);
  asker.reload();
  for (const Request& request : asker.shard().ask_again()) {
    asker.submit(request, "system");
  }
  town.deliver_all();
  EXPECT_EQ(town.desk(0).rows.watches.size(), 1U);
  town.desk(0).submit(CancelRun{awaited});
  town.desk(0).go_on();
  town.deliver_all();
  EXPECT_EQ(town.state(watcher), RunState::queued);
}

// Neither the asker nor its clock knows the numbers that it gave out in that history.
// What came before it was acknowledged, and forgotten with the history in which it was: nobody
// sends that again (seed 906550).
TEST(Letters, TheFirstOneWaitsForNoneThatItsReceiverHasForgotten) {  // house 8
  Town town;
  const Id awaited = town.trigger(0);
  town.trigger(1, awaited);
  const Id second = town.trigger(1, awaited);
  town.collect();
  ASSERT_EQ(town.under_way.size(), 2U);
  town.deliver(std::exchange(town.under_way, {}).front());
  town.deliver_all();  // its acknowledgement
  Desk& home = town.desk(0);
  home.rows.marks.clear();
  home.rows.watches.clear();
  home.reload();
  town.time_passes(limits::kLettersAgain);
  town.deliver_all();
  home.submit(CancelRun{awaited});
  home.go_on();
  town.deliver_all();
  EXPECT_EQ(town.state(second), RunState::queued);
}

TEST(Letters, OneWithANumberThatALostHistoryHadIsWrittenAgain) {  // house 8
  Town town;
  const Id awaited = town.trigger(0);
  const Id watcher = town.trigger(1, awaited);
  const Id forgotten = next_id({}, 1, town.desk(1).now + minutes(1));
  town.desk(0).submit(
      LetterCame{{.from = 1, .number = forgotten, .body = WatchRun{awaited, forgotten}}}, "system");
  town.deliver_all();
  EXPECT_GT(town.desk(1).shard().last_id(), forgotten);
  EXPECT_TRUE(town.desk(1).rows.letters.empty());
  town.desk(0).submit(CancelRun{awaited});
  town.desk(0).go_on();
  town.deliver_all();
  EXPECT_EQ(town.state(watcher), RunState::queued);
}

}  // namespace
}  // namespace jobflow::engine::testing
