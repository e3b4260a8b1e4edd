// What triggers will fire and what will wait for a worker: definitions as they are saved, run ahead
// on a virtual clock against the slots there are. Pure; the same input gives the same forecast.
//
// Reckoned so: a task takes what its like took lately; a run that no worker can take waits for
// ever; each worker's slots serve whoever has waited longest. Retries, jitter, priorities and runs
// that people start are left out.
#pragma once

#include "schedule/openings.h"
#include "schedule/timetable.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

namespace jobflow::schedule {

// A kind of work, by what a worker must offer for it.
struct ForecastLane {
  std::string name_space, handler;
  std::vector<std::string> tags;
  bool operator==(const ForecastLane&) const = default;
};
struct ForecastWorker {
  int slots = 1;
  std::vector<bool> can;  // by lane
};
struct ForecastTask {
  std::size_t lane = 0;
  int needs = 0;                     // so many others must have ended
  std::vector<int> dependants = {};  // of whose needs it is one: places in its definition's tasks
  Span takes = milliseconds(1);
};
struct ForecastDefinition {
  std::vector<ForecastTask> tasks;  // a job: one; a workflow: its steps
};
struct ForecastTrigger {
  std::size_t definition = 0;
  std::shared_ptr<const Timetable> times = nullptr;  // null: it goes by ends of runs
  Instant next = kNever;                             // when it is due first
  Span every = {};                                   // so long after the end of its last run
  std::optional<std::size_t> after = {};             // whenever a run of that definition ends
  Overlap overlap = {};
  Openings open = {};  // by its calendars
};
struct ForecastInput {
  Instant from, until;
  std::vector<ForecastLane> lanes;
  std::vector<ForecastWorker> workers;
  std::vector<ForecastDefinition> definitions;
  std::vector<ForecastTrigger> triggers;
};

struct ForecastMinute {
  Instant at;
  std::int64_t firings = 0;
  std::int64_t skipped = 0;       // of them, because a run was live (S3.4)
  std::int64_t most_waiting = 0;  // tasks without a slot, at the worst moment
};
struct ForecastLoad {
  std::int64_t tasks = 0;
  std::int64_t waited = 0;  // of them, for a slot
  Span longest;             // that any waited
  bool has_worker = false;
};
struct ForecastResult {
  std::vector<ForecastMinute> minutes;  // those with anything in them
  std::vector<ForecastLoad> lanes;      // by lane
  std::vector<std::int64_t> fired;      // by trigger
  Instant reached;                      // until there it was reckoned
};

class Forecast {
 public:
  explicit Forecast(ForecastInput input);
  // Goes on for so many steps at most; false: there is nothing more before the end.
  bool run(int steps);
  const ForecastResult& result() const { return result_; }

 private:
  struct Step {
    Instant at;
    std::int64_t number;  // those of one instant in the order in which they came up
    std::size_t subject;  // a trigger, or a run
    int task = kIsDue;
    bool operator>(const Step& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  static constexpr int kIsDue = -1;
  struct Run {
    std::size_t definition = 0, trigger = 0;
    std::vector<int> open;    // by task: needs that have not ended
    std::vector<int> worker;  // by task: whose slot it has; -1 none
    int left = 0;
    bool is_over = false;
  };
  struct Waiting {
    std::size_t run;
    int task;
    Instant since;
  };

  void later(Instant at, std::size_t subject, int task);
  ForecastMinute& minute();
  void due(std::size_t trigger);
  void fire(std::size_t trigger);
  void start(std::size_t trigger);
  void ready(std::size_t run, int task);
  void begin(const Waiting& waiting, std::size_t worker);
  void ended(std::size_t run, int task);
  void run_over(std::size_t run);
  void cancel_runs(std::size_t definition);
  void serve(std::size_t worker);
  std::optional<std::size_t> free_worker(std::size_t lane) const;

  ForecastInput input_;
  ForecastResult result_;
  Instant now_;
  std::int64_t steps_ = 0;
  std::priority_queue<Step, std::vector<Step>, std::greater<>> steps_to_come_;
  std::vector<Run> runs_;
  std::vector<std::size_t> spare_;                   // places in runs_ that are free
  std::vector<int> free_;                            // slots, by worker
  std::vector<std::deque<Waiting>> waiting_;         // by lane
  std::int64_t waits_ = 0;                           // of all lanes
  std::vector<std::vector<std::size_t>> live_;       // runs, by definition
  std::vector<std::deque<std::size_t>> line_;        // triggers whose firings wait, by definition
  std::vector<std::vector<std::size_t>> followers_;  // triggers, by definition
};

}  // namespace jobflow::schedule
