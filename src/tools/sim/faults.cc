// The faults there are: one row each. A new one is a function that arranges for it, and a row.
//
// Rates (store_rates, habits, network) are set for as long as the chaos lasts; what happens at a
// moment is arranged with now_and_then(). Each says what it does with count(): the report and the
// richness rules read those names.
#include "tools/sim/plan.h"
#include "tools/sim/world.h"

#include <fmt/format.h>

#include <algorithm>

namespace jobflow::sim {
namespace {

// The stronger, the more often: from about once in `rare` down to a hundredth of it.
Span every(Span rare, Strength strength) {
  return milliseconds(std::max<std::int64_t>(rare.ms * 10 / (strength + 9), 5));
}

Member& any_member(World& world) {
  return *world.random.any(world.members);
}
Worker& any_worker(World& world) {
  return *world.random.any(world.workers);
}
Span some(World& world, std::int64_t low_ms, std::int64_t high_ms) {
  return milliseconds(world.random.between(low_ms, high_ms));
}

// --- members

void process_crash(World& world, Strength strength) {
  world.now_and_then(every(seconds(12), strength), [&world] {
    Member& member = any_member(world);
    switch (world.random.below(4)) {
      case 0:
        member.crash("by kill");
        return;
      case 1:
        member.crash_after_tasks(static_cast<int>(world.random.between(1, 40)));
        return;
      default:
        // The batch is durable and its member will never know: the hard place.
        world.database.after_next_landing([&world, &member] {
          if (member.life() != nullptr) {
            world.count("restart with a batch in flight");
            member.crash("as a batch lands");
          }
        });
    }
  });
}

void crash_at_point(World& world, Strength strength) {
  world.now_and_then(every(seconds(8), strength), [&world] {
    world.die_at = fault_points()[world.random.below(fault_points().size())];
  });
}

void rolling_restart(World& world, Strength strength) {
  world.now_and_then(every(seconds(25), strength), [&world] {
    world.count("restart in order");
    world.note_fault("stop in order");
    any_member(world).stop();
  });
}

void pause(World& world, Strength strength) {
  world.now_and_then(every(seconds(15), strength), [&world] {
    world.count("pause");
    const Span span = world.random.chance(50) ? some(world, 50, 2500) : some(world, 2500, 12'000);
    Member& member = any_member(world);
    world.note_fault(fmt::format("m{} stands still for {} ms", member.number(), span.ms));
    member.pause(span);
  });
}

void replaced(World& world, Strength strength) {
  world.now_and_then(every(seconds(20), strength), [&world] {
    world.count("process replaced while it stood still");
    Member& member = any_member(world);
    const Span span = some(world, 50, 6000);
    world.note_fault(
        fmt::format("m{} stands still for {} ms and is replaced", member.number(), span.ms));
    member.replace(span);
  });
}

void clock_skew(World& world, Strength) {
  for (const auto& member : world.members) {
    world.count("clock wrong");
    member->machine.offset = some(world, -30'000, 30'000);
  }
}

void clock_drift(World& world, Strength strength) {
  for (const auto& member : world.members) {
    world.count("clock drifts");
    member->machine.drift(0, static_cast<int>(world.random.between(-strength * 20, strength * 20)));
  }
}

void clock_steps(World& world, Strength strength) {
  world.now_and_then(every(seconds(25), strength), [&world] {
    world.count("clock set");
    Member& member = any_member(world);
    const Span by =
        world.random.chance(80) ? some(world, -5000, 5000) : some(world, -90'000, 90'000);
    world.note_fault(fmt::format("m{}'s clock is set by {} ms", member.number(), by.ms));
    member.machine.offset = member.machine.offset + by;
  });
}

// --- the network

void cut_for_a_while(World& world, Node from, Node to, Span span) {
  world.network.cut(from, to);
  world.scheduler.after(span, nullptr, [&world, from, to] { world.network.heal(from, to); });
}

Node other_end(World& world) {
  switch (world.random.below(3)) {
    case 0:
      return kDatabase;
    case 1:
      return kWorkers + static_cast<Node>(world.random.below(world.workers.size()));
    default:
      return kPeople + static_cast<Node>(world.random.below(world.clients.size()));
  }
}

// One way, or both, for a while.
void cut(World& world, Node one, Node other, Span span, const std::string& what) {
  const auto way = world.random.below(3);
  world.count(way == 2 ? what : what + ", one way");
  world.note_fault(fmt::format("{} and {} are cut for {} ms{}", one, other, span.ms,
                               way == 0   ? ", towards the latter"
                               : way == 1 ? ", towards the former"
                                          : ""));
  if (way != 1) {
    cut_for_a_while(world, one, other, span);
  }
  if (way != 0) {
    cut_for_a_while(world, other, one, span);
  }
}

void partition(World& world, Strength strength) {
  world.now_and_then(every(seconds(12), strength), [&world] {
    const Node member = any_member(world).node();
    const Span span = world.random.chance(60) ? some(world, 20, 1500) : some(world, 1500, 9000);
    cut(world, member, other_end(world), span, "partition");
  });
}

// One from another, or from all others; often for longer than any lease.
void partition_of_members(World& world, Strength strength) {
  if (world.members.size() == 1) {
    return;
  }
  world.now_and_then(every(seconds(12), strength), [&world] {
    const Node one = any_member(world).node();
    const auto step = 1 + world.random.below(world.members.size() - 1);
    const auto other = (static_cast<std::size_t>(one) + step) % world.members.size();
    const bool from_all = world.random.chance(30);
    const Span span = world.random.chance(60) ? some(world, 20, 4000) : some(world, 4000, 25'000);
    for (const auto& member : world.members) {
      if (member->node() != one && (from_all || member == world.members[other])) {
        cut(world, one, member->node(), span, "partition of members");
      }
    }
  });
}

void loss(World& world, Strength strength) {
  world.network.loss_permille = 1 + strength / 4;
}
void delays(World& world, Strength strength) {
  world.network.spikes_permille = 5 + strength;
}
void doubling(World& world, Strength strength) {
  world.network.doubled_permille = 20 + strength * 3;
}
// What a member says to another comes late, from the moment on that it gives a run to one of that
// other's workers: its shards may be others' by then.
void orders_stall(World& world, Strength strength) {
  if (world.members.size() == 1) {
    return;
  }
  world.now_and_then(every(seconds(5), strength), [&world] {
    world.network.before_next_order = [&world](Node from, Node to) {
      world.count("order held up");
      const Span span = some(world, 50, 4000);
      world.note_fault(fmt::format("what m{} says to m{} is held up for {} ms", from, to, span.ms));
      world.network.stall(from, to, world.scheduler.now() + micros(span));
      if (world.random.chance(50)) {
        world.scheduler.after(some(world, 5, 700), nullptr, [&world, from] {
          if (!world.is_calm()) {
            world.note_fault(fmt::format("m{} stops in order", from));
            world.members[static_cast<std::size_t>(from - kMembers)]->stop();
          }
        });
      }
    };
  });
}
void broken_streams(World& world, Strength strength) {
  world.now_and_then(every(seconds(8), strength), [&world] {
    world.count("stream broken");
    any_worker(world).cut_link();
  });
}
void subscriber_moves(World& world, Strength strength) {
  world.now_and_then(every(seconds(8), strength), [&world] {
    world.count("subscriber reconnects");
    world.subscriber.disconnect();
  });
}

// --- the store

void commits_lost(World& world, Strength strength) {
  world.store_rates.lost = 10 + strength * 3;
}
void answers_lost(World& world, Strength strength) {
  world.store_rates.answer_lost = 10 + strength * 3;
}
void commits_late(World& world, Strength strength) {
  world.store_rates.lands_late = 10 + strength * 3;
}
void reads_fail(World& world, Strength strength) {
  world.store_rates.read_fails = 10 + strength * 2;
}
void reads_stale(World& world, Strength strength) {
  world.store_rates.read_stale = 20 + strength * 4;
}
void store_away(World& world, Strength strength) {
  world.now_and_then(every(seconds(15), strength), [&world] {
    world.count("store away");
    const Span span = some(world, 50, 6000);
    world.note_fault(fmt::format("the store is away for {} ms", span.ms));
    world.store_rates.away = true;
    world.scheduler.after(span, nullptr, [&world] { world.store_rates.away = false; });
  });
}
void left_open(World& world, Strength strength) {
  world.database.left_open = 2 + strength / 3;
}
void failover(World& world, Strength strength) {
  world.now_and_then(every(seconds(40), strength),
                     [&world] { world.fail_over_after(some(world, 1, 400)); });
}
void store_slow(World& world, Strength strength) {
  world.now_and_then(every(seconds(15), strength), [&world, strength] {
    world.count("store slow");
    const Span span = some(world, 200, 8000);
    world.database.slow = micros(milliseconds(world.random.between(5, 40 * strength)));
    world.note_fault(fmt::format("the store is slow for {} ms", span.ms));
    world.scheduler.after(span, nullptr, [&world] { world.database.slow = 0; });
  });
}

// --- workers

template <class Set>
void each_worker(World& world, int likely, const Set& set) {
  for (const auto& worker : world.workers) {
    if (world.random.chance(likely)) {
      set(worker->habits);
    }
  }
}

void worker_crash(World& world, Strength strength) {
  each_worker(world, 60, [&](Habits& habits) { habits.crashes = 1 + strength / 12; });
  world.now_and_then(every(seconds(15), strength), [&world] {
    world.count("worker crash");
    any_worker(world).crash("by kill", some(world, 10, 15'000));
  });
}
void worker_silent(World& world, Strength strength) {
  world.now_and_then(every(seconds(15), strength), [&world] {
    world.count("worker stands still");
    any_worker(world).pause(some(world, 100, 16'000));
  });
}
void worker_drains(World& world, Strength strength) {
  world.now_and_then(every(seconds(15), strength), [&world] {
    world.count("worker drains");
    any_worker(world).drain();
  });
}
void bodies_slow(World& world, Strength strength) {
  each_worker(world, 60, [&](Habits& habits) { habits.slow = 5 + strength / 3; });
}
void bodies_fail(World& world, Strength strength) {
  each_worker(world, 90, [&](Habits& habits) { habits.fails = strength; });
}
void bodies_hang(World& world, Strength strength) {
  each_worker(world, 60, [&](Habits& habits) { habits.hangs = 1 + strength / 8; });
}
void bodies_ignore(World& world, Strength strength) {
  each_worker(world, 60, [&](Habits& habits) { habits.ignores_cancel = strength; });
}
void reports_twice(World& world, Strength strength) {
  each_worker(world, 80, [&](Habits& habits) { habits.twice = strength; });
}
void reports_late(World& world, Strength strength) {
  each_worker(world, 60, [&](Habits& habits) { habits.late = 2 + strength / 4; });
}
void poisoned_results(World& world, Strength strength) {
  each_worker(world, 60, [&](Habits& habits) { habits.poison = 1 + strength / 10; });
}

}  // namespace

const std::vector<Kind>& fault_kinds() {
  static const std::vector<Kind> kinds = {
      {"process crash", 50, process_crash},
      {"restart in order", 25, rolling_restart},
      {"pause", 30, pause},
      {"replaced process", 25, replaced},
      {"clock wrong", 30, clock_skew},
      {"clock drifts", 20, clock_drift},
      {"clock set", 20, clock_steps},
      {"partition", 35, partition},
      {"partition of members", 40, partition_of_members},
      {"loss", 30, loss},
      {"delay", 30, delays},
      {"doubled requests", 30, doubling},
      {"broken streams", 30, broken_streams},
      {"subscriber moves", 30, subscriber_moves},
      {"commits lost", 35, commits_lost},
      {"answers lost", 40, answers_lost},
      {"commits late", 40, commits_late},
      {"reads fail", 25, reads_fail},
      {"stale reads", 25, reads_stale},
      {"store away", 25, store_away},
      {"store slow", 25, store_slow},
      {"transactions left open", 25, left_open},
      {"failover", 8, failover},
      {"worker crash", 35, worker_crash},
      {"worker silent", 25, worker_silent},
      {"worker drains", 20, worker_drains},
      {"slow bodies", 30, bodies_slow},
      {"failing bodies", 50, bodies_fail},
      {"hanging bodies", 25, bodies_hang},
      {"deaf bodies", 25, bodies_ignore},
      {"reports twice", 35, reports_twice},
      {"reports late", 30, reports_late},
      {"rows refused", 20, poisoned_results},
      {"crash at a point", 35, crash_at_point},
      {"orders held up", 50, orders_stall},
  };
  return kinds;
}

}  // namespace jobflow::sim
