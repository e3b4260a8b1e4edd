// A revision of a definition made ready to run: per step (or for the job itself) a lane that knows
// its task, where its queued runs wait and whose turn it is. Shard's own; not thread-safe.
#pragma once

#include "model/definition.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::engine {

// Queued runs that ask the same of a worker: by priority, then in order of arrival. An entry is
// only a hint: a run that is no longer queued is passed over when its turn comes.
struct Queue {
  std::string key;  // what its runs ask for, as one text
  std::string name_space;
  std::string handler;
  std::vector<std::string> tags;
  std::map<int, std::deque<Id>, std::greater<>> by_priority;
  std::size_t waiting = 0;  // runs that are queued, exactly
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
