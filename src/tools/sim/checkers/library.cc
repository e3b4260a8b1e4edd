#include "model/check.h"
#include "tools/sim/checkers/checkers.h"

namespace jobflow::sim {

const Definition& Library::revision(const Durable& now, Id definition, int number) {
  const auto [place, is_new] = read_.try_emplace({definition, number});
  if (is_new) {
    const DefinitionRow& row = now.revisions.at({definition, number});
    place->second = decode_definition(row.kind, row.document).definition;
  }
  return place->second;
}

const Task* Library::task_of(const Durable& now, const RunRow& run) {
  if (run.kind == RunKind::workflow) {
    return nullptr;
  }
  const Definition& definition = revision(now, run.definition, run.revision);
  if (run.kind == RunKind::job) {
    return &definition.job().task;
  }
  const WorkflowSpec& workflow = definition.workflow();
  const int place = workflow.step_index(run.step);
  check(place >= 0, "a step's run is of a step of its workflow");
  return &workflow.steps[static_cast<std::size_t>(place)].task;
}

}  // namespace jobflow::sim
