// Random definitions, as the text people would send: jobs with policies and triggers, workflows
// over a random graph with templates. All of them are valid.
#pragma once

#include "model/definition.h"
#include "tools/sim/random.h"

#include <memory>
#include <string>

namespace jobflow::sim {

struct DocumentWishes {
  bool triggers = false;
  bool poison = false;  // a trigger whose firing the store refuses
  int steps_max = 7;
};

std::shared_ptr<const Definition> random_job(Random& random,
                                             const std::string& name,
                                             const DocumentWishes& wishes);
std::shared_ptr<const Definition> random_workflow(Random& random,
                                                  const std::string& name,
                                                  const DocumentWishes& wishes);
// The same name, disabled and without triggers.
std::shared_ptr<const Definition> silent_definition(DefinitionKind kind, const std::string& name);

}  // namespace jobflow::sim
