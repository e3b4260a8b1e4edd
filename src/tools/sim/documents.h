// Random definitions, as the text people would send: jobs with policies and triggers, workflows
// over a random graph with templates. All of them are valid.
#pragma once

#include "model/definition.h"
#include "model/rows.h"
#include "tools/sim/random.h"
#include "tools/sim/schedules.h"

#include <memory>
#include <string>
#include <vector>

namespace jobflow::sim {

struct DocumentWishes {
  std::vector<TriggerText> triggers;
  bool poison = false;  // a trigger whose firing the store refuses
  int steps_max = 7;
  std::vector<std::string> semaphores;  // of which it may name some
};

std::shared_ptr<const Definition> random_job(Random& random,
                                             const std::string& name,
                                             const DocumentWishes& wishes);
std::shared_ptr<const Definition> random_workflow(Random& random,
                                                  const std::string& name,
                                                  const DocumentWishes& wishes);
std::shared_ptr<const Definition> semaphore_of(const std::string& name, std::int64_t permits);
// The same, disabled: nothing is due any more.
std::shared_ptr<const Definition> disabled(const DefinitionRow& row);

}  // namespace jobflow::sim
