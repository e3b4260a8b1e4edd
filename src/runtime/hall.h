// The hall: one member's shards, their committer, timers and workers, all on one executor.
//
// bytes -> command -> shard + engine -> decision -> one transaction -> effects. Doors (api, link)
// submit commands from any thread and get an answer once it is durable. Everything inside runs on
// the executor, one task at a time, so that a simulation can drive it. start() and stop() are
// called once each; stop() ends with nothing under way.
#pragma once

#include "engine/command.h"
#include "engine/decision.h"
#include "runtime/command_door.h"
#include "runtime/member_link.h"
#include "runtime/worker_door.h"
#include "store/store.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::store {
class LogStore;
}

namespace jobflow::runtime {

class Clock;
class Executor;
class Feed;
class Metrics;

// One of several members on one store. Alone, it owns all shards and neither beats nor looks.
struct ClusterSettings {
  bool alone = true;
  std::string address;  // where other members reach it
  Span lease = limits::kMemberLease;
  Span beat = limits::kMemberBeat;
  Span look = limits::kMemberLook;
};

struct HallSettings {
  std::string member_name = "solo";
  ClusterSettings cluster = {};
  Span worker_lease = limits::kWorkerLease;
  Span look_ahead = limits::kLookAhead;  // triggers due so far ahead are in memory
  Span kept_awake = limits::kKeptAwake;  // definitions that nothing asks for stay there so long
  Span sweep_every = seconds(10);        // each shard, at least: engine::Shard::kSweepEvery
  Span logs_kept = days(14);             // log lines go thereafter (S11.1); 0 = never
  std::size_t inbox_commands = limits::kInboxCommands;  // that wait to be decided or durable
};

class Hall final : public CommandDoor, public WorkerDesk, public MemberDesk {
 public:
  Hall(HallSettings settings,
       store::Store& store,
       store::LogStore& logs,
       Clock& clock,
       Executor& executor,
       Metrics& metrics);
  ~Hall() override;

  // Joins, loads all shards, then calls `ready` on the executor.
  void start(std::function<void(Outcome<Done>)> ready);
  // Takes nothing new, commits what was decided, then calls `stopped` on the executor.
  void stop(std::function<void()> stopped);

  void submit(std::vector<Submission> submissions) override;
  Id make_command_ids(int count) override;
  void find_command(Id command, std::function<void(std::optional<CommandRow>)> done) override;
  // Before start(), when it is one of several; must outlive this.
  void set_link(MemberLink& link);
  void member_said(MemberMessage message) override;
  void member_lost(std::int64_t member) override;

  void list_workers(std::function<void(std::vector<WorkerView>)> done) override;
  bool ready() const override;
  std::string not_ready_reason() const override;
  Feed& feed() override;
  std::shared_ptr<const schedule::CalendarBook> calendars() const override;
  void refresh_calendars(std::function<void(Outcome<Done>)> done) override;
  const store::StoreFacts& store_facts() const;

  // Called once when this member may no longer write (fenced): the process should end.
  void on_fenced(std::function<void(std::string)> handler);

  void connected(WorkerHello hello,
                 std::shared_ptr<WorkerStream> stream,
                 std::function<void(Outcome<Done>)> welcomed) override;
  void heard(Id incarnation, const WorkerStream* stream, FromWorker said) override;
  void log_lines(Id incarnation,
                 std::vector<LogChunk> chunks,
                 std::function<void(Outcome<Done>)> durable) override;
  void lines_dropped(std::uint64_t count) override;
  void closed(Id incarnation, const WorkerStream* stream, std::vector<Assignment> unsent) override;

 private:
  class Inside;
  std::shared_ptr<Inside> inside_;
};

// Decodes and checks a definition document: every problem of shape, expressions, graph and the
// calendars it names at once.
Outcome<std::shared_ptr<const Definition>> read_definition(
    DefinitionKind kind,
    std::string_view json_text,
    const schedule::CalendarBook& calendars = schedule::CalendarBook{});

}  // namespace jobflow::runtime
