// A revision of a definition made ready to run: per step (or for the job itself) a lane that knows
// its task, where its queued runs wait and whose turn it is. Shard's own; not thread-safe.
#pragma once

#include "engine/queues.h"
#include "model/definition.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace jobflow::engine {

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
