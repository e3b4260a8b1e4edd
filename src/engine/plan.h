// A revision of a definition made ready to run: per step (or for the job itself) a lane that knows
// its task, where its queued runs wait and whose turn it is. Shard's own; not thread-safe.
#pragma once

#include "model/definition.h"
#include "model/rows.h"

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace jobflow::engine {

// A queued run: by priority, then by how long it has been queued. All of it stands in the run's
// row, so that the order is the same after loading.
struct Waiting {
  int priority = 0;
  Instant since;
  Id run;
  bool operator<(const Waiting& other) const {
    return std::tie(other.priority, since, run) < std::tie(priority, other.since, other.run);
  }
};

// Queued runs that ask the same of a worker.
struct Queue {
  std::string key;  // what its runs ask for, as one text
  std::string name_space;
  std::string handler;
  std::vector<std::string> tags;
  std::set<Waiting> runs;
  int listed = 0;  // the first run's priority, by which the shard finds this queue
};

struct Lane {
  const Task* task = nullptr;  // lives in the plan's definition
  Queue* queue = nullptr;      // lives in the shard
  std::uint32_t turn = 0;      // round robin's counter (S6.1)
};

struct Plan {
  Id definition_id;
  int revision = 1;
  std::shared_ptr<const Definition> definition;
  std::vector<Lane> lanes;  // a job: one; a workflow: one a step
};

}  // namespace jobflow::engine
