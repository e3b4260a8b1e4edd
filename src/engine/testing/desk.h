// A shard at work without a hall: takes commands, makes each decision durable at once in a
// RowTable, reads rows when asked to (3c), and can load the shard anew from the rows at any time.
#pragma once

#include "engine/shard.h"
#include "engine/testing/trace.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace jobflow::engine::testing {

class Desk {
 public:
  static constexpr Instant kBase{1'767'225'600'000};  // 2026-01-01T00:00:00Z
  static constexpr ShardNumber kShard = 0;

  // Alone, it is the home of every name.
  explicit Desk(Instant base = kBase, ShardNumber shard = kShard, int shard_count = 1);

  // One command: read for, decided, written, told. What it asks to go on with waits in `more`.
  Decision submit(Command command);
  Decision submit(Request request, const std::string& principal = "token:admin");
  // Everything in `more`, until nothing asks to go on.
  void go_on();
  // Gives out queued runs until nobody takes one; how many were given.
  int dispatch();
  // Letters of this shard to itself, and their acknowledgements, until none is under way.
  void deliver_letters();
  // Decides what is due by now.
  void fire_timers();

  // Drops the shard and loads it from the rows; turns are kept.
  void reload();
  // Decides it, and `next` on top of it, and then the store refuses the first: the shard is dropped
  // and loaded anew (3b). Nothing is told; `next` is still to be decided.
  void refuse(Command command, const Command* next = nullptr);

  // In the default name space, from now on; the shard hears of it at once.
  void save_calendar(const std::string& name, const std::string& spec, bool deleted = false);
  void delete_calendar(const std::string& name) { save_calendar(name, "{}", true); }
  void add_worker(WorkerHello hello);
  // Its incarnation is gone: what it holds is lost (S6.6).
  void lose_worker(Id incarnation, const std::string& reason);

  Shard& shard() { return *shard_; }
  // What was told since the last look.
  std::string take_told() { return std::exchange(told_, {}); }
  // A read of rows as they are now, to be served to the next command that reads.
  void keep_snapshot();

  Instant now;
  Names names;
  RowTable rows;
  Roster roster;
  std::deque<Request> more;
  bool sleeps = false;  // definitions go to sleep as soon as they may
  bool reloads_after_each = false;
  int reload_interval = 1;  // after each so many, and whenever work was left for later
  int reloads = 0;
  std::size_t widest = 0;  // changes of the widest decision
  std::string principal = "token:admin";
  std::deque<Effect> effects;                                       // released, oldest first
  std::function<void(const Command&)> before_each;                  // a command is decided
  std::function<void(const Command&, const Decision&)> after_each;  // written

 private:
  void load();
  void look_ahead();
  Decision decide(Command& command, std::string& told);
  void forget(const Decision& decision);
  CommandRows read(const CommandReads& reads);

  ShardNumber number_;
  std::int64_t batch_ = 0;  // the last one that landed
  Id last_id_;
  std::unique_ptr<Shard> shard_;
  std::string told_;
  Instant swept_;
  schedule::CalendarBook calendars_;
  std::unique_ptr<std::pair<RowTable, std::int64_t>> snapshot_;
};

}  // namespace jobflow::engine::testing
