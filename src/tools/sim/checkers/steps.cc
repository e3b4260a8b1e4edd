// S8: a step begins when all that it needs has succeeded, and a workflow run ends after its steps.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

namespace jobflow::sim {
namespace {

class Steps final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    if (const auto* insert = std::get_if<InsertRun>(&change)) {
      if (insert->row.kind == RunKind::step && insert->row.progress.token.is_set()) {
        begins(insert->row, now);
      }
      return;
    }
    const auto* update = std::get_if<UpdateRun>(&change);
    const RunRow* run = update == nullptr ? nullptr : now.run(update->run);
    if (run == nullptr) {
      return;
    }
    const Id token = update->progress.token;
    if (run->kind == RunKind::step && token.is_set() && token != run->progress.token) {
      begins(*run, now);
    }
    if (run->kind == RunKind::workflow && is_final(update->progress.state) &&
        !is_final(run->progress.state)) {
      ends(*run, update->progress, now);
    }
  }

 private:
  // The newest run of a step.
  static const RunRow* newest(const Durable& now, Id workflow, const std::string& step) {
    const auto runs = now.steps.find({workflow, step});
    return runs == now.steps.end() ? nullptr : now.run(runs->second.back());
  }

  void begins(const RunRow& step, const Durable& now) {
    const RunRow* workflow = now.run(step.parent);
    if (workflow == nullptr) {
      violated(fmt::format("step run {} has no workflow run", to_string(step.id)), {step.id});
      return;
    }
    const WorkflowSpec& spec =
        library_.revision(now, workflow->definition, workflow->revision).workflow();
    const StepSpec& wanted = spec.steps[static_cast<std::size_t>(spec.step_index(step.step))];
    for (const int need : wanted.needs) {
      const std::string& name = spec.steps[static_cast<std::size_t>(need)].id;
      const RunRow* needed = newest(now, workflow->id, name);
      if (needed == nullptr || needed->progress.state != RunState::succeeded) {
        violated(fmt::format("step {} of run {} is given out, and {} has not succeeded (S8.5)",
                             step.step, to_string(workflow->id), name),
                 {step.id, workflow->id});
      }
    }
  }

  void ends(const RunRow& workflow, const RunProgress& end, const Durable& now) {
    // Whose steps the store refuses to cancel ends where it stands, and they by themselves (3b).
    const bool is_torn = end.error_kind == "store_refused";
    const WorkflowSpec& spec =
        library_.revision(now, workflow.definition, workflow.revision).workflow();
    for (const StepSpec& step : spec.steps) {
      const auto runs = now.steps.find({workflow.id, step.id});
      const bool any_live = runs != now.steps.end() &&
                            std::any_of(runs->second.begin(), runs->second.end(), [&](Id id) {
                              return !is_final(now.run(id)->progress.state);
                            });
      if (any_live && !is_torn) {
        violated(fmt::format("workflow run {} ends and its step {} has not ended",
                             to_string(workflow.id), step.id),
                 {workflow.id});
      }
      if (end.state == RunState::succeeded) {
        const RunRow* run = newest(now, workflow.id, step.id);
        if (run == nullptr || run->progress.state != RunState::succeeded) {
          violated(fmt::format("workflow run {} succeeded and its step {} did not",
                               to_string(workflow.id), step.id),
                   {workflow.id});
        }
      }
    }
  }

  Library library_;
};

}  // namespace

std::unique_ptr<Checker> make_steps_checker() {
  return std::make_unique<Steps>();
}

}  // namespace jobflow::sim
