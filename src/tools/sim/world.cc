#include "tools/sim/world.h"

#include "model/check.h"
#include "model/json.h"
#include "tools/sim/documents.h"
#include "tools/sim/shut.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace jobflow::sim {
namespace {

// After the last fault the members have that long to be where they should be (I5).
constexpr Span kSettle = seconds(10);
// Then every run has that long to end: its attempts, their bounds, the pauses between them.
constexpr Span kRestWithin = minutes(5);
constexpr Micros kLook = 250'000;
constexpr std::int64_t kEventsMax = 2'000'000;  // some thirty times what the longest worlds need
constexpr Span kHop = seconds(2);               // between two members, on average

bool is_live(TriggerState state) {
  return state == TriggerState::active || state == TriggerState::waiting;
}

bool has_poison(const std::string& text) {
  return text.find(kPoison) != std::string::npos;
}

bool is_refused(const Change& change, const Durable& durable) {
  if (const auto* insert = std::get_if<InsertRun>(&change)) {
    return has_poison(insert->row.params) || has_poison(insert->row.progress.result);
  }
  const auto* update = std::get_if<UpdateRun>(&change);
  if (update == nullptr) {
    return false;
  }
  const RunRow* run = durable.run(update->run);
  const bool is_brittle = run != nullptr && run->params.find(kBrittle) != std::string::npos &&
                          update->progress.error_kind != "store_refused";
  return is_brittle || has_poison(update->progress.result);
}

bool is_refused(const store::Batch& batch, const Durable& durable) {
  return std::ranges::any_of(batch.parts, [&](const store::ShardPart& part) {
    return std::ranges::any_of(part.changes,
                               [&](const Change& one) { return is_refused(one, durable); });
  });
}

// What makes the life of several members worth living through: shards that change hands.
void count_moves(World& world, const store::Batch& batch) {
  for (const store::ShardPart& part : batch.parts) {
    if (part.hand_to != 0) {
      const bool is_loaded = std::ranges::any_of(world.durable.runs, [&](const auto& entry) {
        return entry.first.shard() == part.shard && !is_final(entry.second.progress.state);
      });
      world.count(is_loaded ? "hand-over under load" : "hand-over");
    }
  }
  if (!batch.placement) {
    return;
  }
  for (const Placement::Revoked& revoked : batch.placement->revoked) {
    world.count(world.database.is_under_way(revoked.member) ? "takeover with a batch in flight"
                                                            : "takeover");
  }
}

}  // namespace

World::World(Plan the_plan, bool with_text)
    : plan(std::move(the_plan)),
      random(plan.seed),
      history(scheduler, with_text, [this](const Record& record) { recorded(record); }),
      database(scheduler, network, random, history, plan.shards) {
  database.refuses = [this](const Change& change) {
    const bool refused = is_refused(change, durable);
    if (refused) {
      count("row refused");
    }
    return refused;
  };
  database.on_left_open = [this] { count("transaction left open"); };
  for (const CheckerKind& kind : checker_kinds()) {
    checkers_.push_back(kind.make());
  }
  // Two of five have a calendar that triggers name (S4.5), from the beginning.
  if (plan.seed % 5 < 2) {
    calendar = shut_name(plan.epoch, plan.stretch);
    database.truth().save_calendar(shut_calendar(calendar), [](const Outcome<Done>& done) {
      check(done.ok(), "the world's calendar is saved");
    });
  }
  for (int i = 0; i < plan.members; ++i) {
    members.push_back(std::make_unique<Member>(*this, i));
  }
  for (int i = 0; i < plan.workers; ++i) {
    workers.push_back(std::make_unique<Worker>(*this, i));
  }
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<Client>(*this, i));
  }
}

World::~World() {
  scheduler.clear();
}

void World::live() {
  for (const auto& member : members) {
    member->begin();
  }
  for (const auto& worker : workers) {
    worker->begin();
  }
  subscriber.begin();
  if (plan.members > 1) {
    second_subscriber.begin();
    now_and_then(kHop, [this] { second_subscriber.disconnect(); });
  }
  for (const Chosen& fault : plan.faults) {
    fault.kind->begin(*this, fault.strength);
  }
  for (const Chosen& load : plan.loads) {
    load.kind->begin(*this, load.strength);
  }
  const auto run_until = [&](Micros end) {
    while (!violation_ && scheduler.run_next(end)) {
      if (scheduler.events() >= kEventsMax) {
        violation_ =
            Violation{.breach = Breach::liveness,
                      .checker = "world",
                      .what = fmt::format("{} events and no end: they run in circles", kEventsMax)};
      }
    }
  };
  run_until(micros(plan.chaos));
  begin_calm();
  run_until(scheduler.now() + micros(kSettle));
  if (violation_) {
    return;
  }
  Instant earliest = kNever;
  for (const auto& member : members) {
    if (member->life() != nullptr) {
      earliest = std::min(earliest, member->life()->clock.now());
    }
  }
  history.add({.did = Did::settled, .number = earliest.ms});
  const Micros end = scheduler.now() + micros(kRestWithin);
  // More than once: what people asked before may land after it.
  for (Micros next = 0; !violation_ && scheduler.now() < end && !is_at_rest();) {
    if (scheduler.now() >= next) {
      disable_triggers();
      next = scheduler.now() + micros(kSettle);
    }
    run_until(scheduler.now() + kLook);
  }
  if (!violation_) {
    judge_rest(is_at_rest());
  }
}

void World::begin_calm() {
  is_calm_ = true;
  history.add({.did = Did::calm});
  network.heal_all();
  network.loss_permille = network.spikes_permille = network.doubled_permille = 0;
  store_rates = {};
  database.slow = database.left_open = 0;
  database.after_next_landing({});
  die_at = {};
  for (const auto& member : members) {
    member->calm();
  }
  for (const auto& worker : workers) {
    worker->calm();
  }
}

void World::disable_triggers() {
  constexpr int kTries = 50;
  std::set<Id> owners;
  for (const auto& [id, trigger] : durable.triggers) {
    if (is_live(trigger.progress.state)) {
      owners.insert(trigger.definition);
    }
  }
  for (const auto& [id, backfill] : durable.backfills) {
    // Its trigger was edited between the look and the asking, and it came to be a long one.
    if (!is_final(backfill.progress.state) && backfill.total > 100) {
      clients.front()->ask(engine::CancelBackfill{id}, kTries);
    }
  }
  for (const Id owner : owners) {
    const DefinitionRow& row = durable.definitions.at(owner);
    if (!row.deleted) {
      clients.front()->ask(engine::SaveDefinition{.definition = disabled(row)}, kTries);
    }
  }
}

bool World::clocks_are_wrong() const {
  return std::ranges::any_of(plan.faults, [](const Chosen& fault) {
    return std::string_view(fault.kind->name).starts_with("clock");
  });
}

bool World::heeds(std::string_view checker) const {
  const CheckerKind& kind = *std::ranges::find(checker_kinds(), checker, &CheckerKind::name);
  // When nobody is left who knows what was forgotten, ids above now is all there is (house 8).
  if (has_lost_history_ && (!kind.outlives_history || (kind.trusts_clocks && clocks_are_wrong()))) {
    return false;
  }
  return std::ranges::find(plan.unheeded, checker) == plan.unheeded.end();
}

bool World::is_at_rest() {
  const bool all_final = std::ranges::all_of(
      durable.runs, [](const auto& entry) { return is_final(entry.second.progress.state); });
  const bool all_heard =
      has_heard_all(subscriber) && (plan.members == 1 || has_heard_all(second_subscriber));
  const bool any_due = std::ranges::any_of(
      durable.triggers, [](const auto& entry) { return is_live(entry.second.progress.state); });
  const bool any_fills_in = std::ranges::any_of(durable.backfills, [](const auto& entry) {
    const BackfillState state = entry.second.progress.state;
    return state == BackfillState::running || state == BackfillState::cancelling;
  });
  return all_final && !any_due && !any_fills_in && durable.letters.empty() &&
         (all_heard || !heeds("events")) &&
         std::ranges::all_of(clients, [](const auto& one) { return one->open_asks() == 0; }) &&
         std::ranges::all_of(workers, [](const auto& one) { return one->unacknowledged() == 0; });
}

bool World::has_heard_all(const Subscriber& one) const {
  return std::ranges::all_of(durable.journal, [&](const auto& entry) {
    const auto next = one.next().find(entry.first);
    return next != one.next().end() &&
           next->second == static_cast<std::int64_t>(entry.second.size()) + 1;
  });
}

void World::judge_rest(bool came) {
  Rest rest{.came = came, .store = &database.truth()};
  rest.clocks_are_right = !clocks_are_wrong();
  rest.next.push_back(subscriber.next());
  if (plan.members > 1) {
    rest.next.push_back(second_subscriber.next());
  }
  for (const auto& client : clients) {
    rest.open_asks += client->open_asks();
  }
  for (const auto& worker : workers) {
    rest.unacknowledged[worker->name()] = worker->unacknowledged();
  }
  for (const auto& member : members) {
    if (const auto& life = member->life()) {
      life->hall.list_workers([&, weak = std::weak_ptr(life)](const auto& views) {
        for (const runtime::WorkerView& view : views) {
          // What other members than the one that holds its stream think of it is only their share.
          const auto there = weak.lock();
          if (there && std::ranges::any_of(workers, [&](const auto& worker) {
                return worker->name() == view.hello.name && worker->is_linked_to(*there);
              })) {
            rest.busy[view.hello.name] = view.busy;
          }
        }
      });
    }
  }
  const Micros end = scheduler.now() + 1'000'000;
  while (!violation_ && scheduler.run_next(end)) {
  }
  database.truth().list_runs({.with_steps = true, .limit = 1'000'000},
                             [&](const Outcome<std::vector<RunRow>>& rows) { rest.runs = *rows; });
  history.add({.did = Did::at_rest});
  ask_checkers([&](Checker& checker) { checker.rest(rest, durable); });
}

// --- what happened

void World::recorded(const Record& record) {
  if (record.batch != nullptr) {
    durable.at = record.at;
    count_moves(*this, *record.batch);
    durable.apply(*record.batch, [&](const Change& change) {
      ask_checkers([&](Checker& checker) { checker.change(change, *record.batch, durable); });
    });
  }
  ask_checkers([&](Checker& checker) { checker.record(record, durable); });
}

template <class Look>
void World::ask_checkers(const Look& look) {
  for (std::size_t i = 0; i < checkers_.size(); ++i) {
    if (has_lost_history_ && !checker_kinds()[i].outlives_history) {
      continue;
    }
    look(*checkers_[i]);
    const std::optional<Violation>& found = checkers_[i]->found;
    if (found && !violation_ && heeds(checker_kinds()[i].name)) {
      Violation first = *found;
      first.checker = checker_kinds()[i].name;
      violation_ = std::move(first);
    }
  }
}

void World::fail_over_after(Span span) {
  struct Kept {
    Database::Kept rows;
    Durable durable;
  };
  auto kept = std::make_shared<Kept>(Kept{database.keep(), durable});
  scheduler.after(span, nullptr, [this, kept] {
    if (!is_calm_) {
      count("history lost");
      note_fault("the database fails over and forgets what came last");
      has_lost_history_ = true;
      database.forget_since(std::move(kept->rows));
      durable = std::move(kept->durable);
    }
  });
}

void World::count(std::string_view what, std::int64_t times) {
  const auto found = counts_.find(what);
  if (found == counts_.end()) {
    counts_.emplace(what, times);
  } else {
    found->second += times;
  }
}

void World::note_fault(std::string text) {
  history.add({.did = Did::fault, .text = std::move(text)});
}

void World::now_and_then(Span mean, std::function<void()> act) {
  const Span pause = milliseconds(random.between(mean.ms / 4, mean.ms * 7 / 4)) * plan.stretch;
  scheduler.after(pause, nullptr, [this, mean, act = std::move(act)] {
    if (!is_calm_) {
      act();
      now_and_then(mean, act);
    }
  });
}

std::shared_ptr<Life> World::member_to_reach() {
  // A load balancer knows no better than to try them in some order.
  const std::size_t first = random.below(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& life = members[(first + i) % members.size()]->life();
    if (life != nullptr) {
      return life;
    }
  }
  return nullptr;
}

void World::process_ended(const std::shared_ptr<Life>& life) {
  for (const auto& worker : workers) {
    worker->server_ended(*life);
  }
  subscriber.server_ended(*life);
  second_subscriber.server_ended(*life);
}

void World::passes(const char* point) {
  count(std::string("at ") + point);
  if (die_at != point) {
    return;
  }
  for (const auto& member : members) {
    if (member->life().get() == acting && acting != nullptr) {
      die_at = {};
      member->crash(std::string("at ") + point);
      return;
    }
  }
}

store::FaultScript World::store_faults(Life& life) {
  store::FaultScript script;
  script.commit = [this](const store::Batch& batch) {
    using enum store::CommitFault;
    if (store_rates.away) {
      return unavailable;
    }
    const auto dice = static_cast<int>(random.below(1000));
    const StoreRates& rates = store_rates;
    if (dice < rates.lost) {
      count("commit lost");
      return lost;
    }
    if (dice < rates.lost + rates.answer_lost) {
      count(is_refused(batch, durable) ? "answer lost, refused" : "answer lost, landed");
      return answer_lost;
    }
    if (dice < rates.lost + rates.answer_lost + rates.lands_late) {
      count("commit late");
      return lands_late;
    }
    return none;
  };
  // It is answered late: after the next commit, or by and by when nothing is committed.
  script.holds_read = [this, &life] {
    scheduler.after(milliseconds(random.between(1, random.chance(10) ? 5000 : 900)), life.process,
                    [&life] { life.store.release_reads(); });
  };
  script.read = [this] {
    using enum store::ReadFault;
    if (random.rarely(store_rates.read_fails)) {
      count("read fails");
      return fails;
    }
    if (random.rarely(store_rates.read_stale)) {
      count("read stale");
      return stale;
    }
    return none;
  };
  return script;
}

}  // namespace jobflow::sim
