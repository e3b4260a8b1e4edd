// A shard: the live state of a slice of the jobs and workflows, and every rule that moves it.
//
// (state, command, now) -> decision. Deciding moves the in-memory state on at once; the caller sees
// to it that the decision becomes durable, in order, before its effects are released (I4). When the
// store refuses one, the caller drops this object, loads a new one, and asks again (house 3b).
// Pure: no I/O, clock, thread or random number; ids come from the counter in its state (I6).
// Not thread-safe: the hall's executor alone.
#pragma once

#include "engine/command.h"
#include "engine/decision.h"
#include "engine/roster.h"
#include "engine/timer_wheel.h"
#include "model/image.h"
#include "model/limits.h"
#include "schedule/calendar_book.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace jobflow::engine {

class Shard {
 public:
  Shard(ShardImage image, Instant now);
  Shard(Shard&&) = delete;
  ~Shard();

  Decision decide(const Command& command, Roster& roster);

  // Decisions from now on belong to batch `gathering`; all up to `landed` are durable (3c).
  void set_batches(std::int64_t gathering, std::int64_t landed);
  // What was decided may have landed in batches up to `batch`: older reads are not accepted.
  void distrust_reads_before(std::int64_t batch);

  // What becomes of commands is written, too: other members may hear them again (S12.4). `last`:
  // the greatest id that the store knew when this shard was loaded. To be called at once.
  void keep_commands(Id last);
  // What became of it; null unless that is durable and fresh in memory.
  const CommandRow* find_command(Id command) const;

  // The calendars as they are now (S4.5): part of what it decides by (I6). There are none before.
  void set_calendars(std::shared_ptr<const schedule::CalendarBook> book);

  ShardNumber number() const;
  std::int64_t epoch() const;
  Id last_id() const;

  // The store's history is another than it was (I1b): ids and tokens begin above now and above
  // `given_out`, the greatest that is known to have left. The attempts that the rows speak of are
  // lost: to be submitted once, before anything else.
  std::vector<Request> begin_generation(Id given_out, Instant now);
  // Other shards may have forgotten with some history what they were asked: to be submitted once,
  // at each loading since.
  std::vector<Request> ask_again() const;
  // Work to go on with after loading: to be submitted once, in this order.
  std::vector<Request> unfinished_business() const;
  // Moves the wheel and appends what fired.
  void take_due(Instant now, std::vector<Timer>& due);
  Instant next_due() const;
  // Arms the bounds (I5) that fall due within the next window; call at least every kSweepEvery.
  // Definitions that nothing asked for so long go to sleep in the store.
  void sweep(Instant now, Span kept_awake = limits::kKeptAwake);
  static constexpr Span kSweepEvery = seconds(10);
  static constexpr Span kBoundWindow = seconds(25);

  // Definitions in memory.
  std::size_t awake() const;
  // What is due by then is in memory. Before that comes, LookAhead moves it on.
  Instant horizon() const;

  std::size_t waiting() const;
  // Since when the one that waits longest does; kNever when none does.
  Instant waits_since() const;
  // What runs ask that only wait for a worker, and how many do.
  void each_queue(const std::function<void(const Ask&, std::size_t)>& look) const;
  // Letters that nobody has confirmed yet, and since when the oldest is written; kNever: none.
  std::size_t letters_waiting() const;
  Instant letters_wait_since() const;
  // Grows with every run that enters a queue.
  std::uint64_t arrivals() const;
  std::size_t live_runs() const;
  // The incarnations that hold attempts of this shard, and those attempts, ordered.
  std::vector<Id> incarnations() const;
  struct Held {
    Id run, token;
  };
  std::vector<Held> held_by(Id incarnation) const;
  // Is this the token of the run's attempt that is out?
  bool holds(Id run, Id token) const;
  // Its assignment left only at `now`, long after it was decided: its bound counts from here.
  void sent_late(Id run, Id token, Instant now);

  // Whose turn it is, among queues and among workers (S6.1): a courtesy, the only thing here that
  // no row holds. A shard loaded anew begins anew, or goes on where another one stood.
  struct Turns {
    std::string last_served;
    std::map<std::tuple<Id, int, std::size_t>, std::uint32_t> lanes;  // definition, revision, lane
  };
  Turns turns() const;
  void take_turns(const Turns& turns);

 private:
  class Inside;  // shard_inside.h
  std::unique_ptr<Inside> inside_;
};

}  // namespace jobflow::engine
