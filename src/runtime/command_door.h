// What the doors may ask of the hall: commands, the workers there are, readiness and the live feed.
// The hall implements it; a door's tests put a fake in its place. Thread-safe; never blocks.
#pragma once

#include "engine/command.h"
#include "engine/decision.h"
#include "model/outcome.h"
#include "model/work.h"
#include "schedule/calendar_book.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace jobflow::runtime {

class Feed;

using Answer = std::function<void(Outcome<engine::Reply>)>;

// A command on its way in, with the one who waits. `answer` is called once, on the executor.
struct Submission {
  engine::Command command;  // the hall sets `now`, and `id` when there is none
  Answer answer;
};

// A worker as lists show it.
struct WorkerView {
  WorkerHello hello;
  std::string state;  // "online" | "suspect" | "draining"
  int busy = 0;
  double load = 0;
  Instant connected;
  Instant last_heard;
};

class CommandDoor {
 public:
  virtual ~CommandDoor() = default;
  // Over a limit or while the store is away, the answers come at once.
  virtual void submit(std::vector<Submission> submissions) = 0;
  // The first of `count` ids in a row, for commands that somebody may want to send again (S12.4).
  virtual Id make_command_ids(int count) = 0;
  // What became of a command, as far as it is fresh in memory here: the store may know more. Called
  // on the executor.
  virtual void find_command(Id command, std::function<void(std::optional<CommandRow>)> done) = 0;
  // Called on the executor, with a copy of the workers there are.
  virtual void list_workers(std::function<void(std::vector<WorkerView>)> done) = 0;
  virtual bool ready() const = 0;
  virtual std::string not_ready_reason() const = 0;  // "" when ready
  virtual Feed& feed() = 0;
  // The calendars as this member knows them.
  virtual std::shared_ptr<const schedule::CalendarBook> calendars() const {
    return std::make_shared<const schedule::CalendarBook>();
  }
  // One was changed in the store: when it is called back, what this member decides goes by it.
  virtual void refresh_calendars(std::function<void(Outcome<Done>)> done) { done(Done{}); }
};

}  // namespace jobflow::runtime
