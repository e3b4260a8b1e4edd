#include "engine/definition_check.h"

#include "engine/expression.h"
#include "engine/strategy_book.h"
#include "model/builtin_handlers.h"
#include "model/json.h"
#include "model/spelling.h"
#include "schedule/openings.h"
#include "schedule/timetable.h"

#include <algorithm>
#include <cstdint>

namespace jobflow::engine {
namespace {

std::string item_pointer(std::string_view list, std::size_t position) {
  return pointer_to(list, std::to_string(position));
}

void check_triggers(const std::vector<TriggerSpec>& triggers, std::vector<FieldProblem>& problems) {
  for (std::size_t i = 0; i < triggers.size(); ++i) {
    const std::string pointer = item_pointer("/spec/triggers", i);
    // Of the other kinds there is nothing that the decoder has not told, nor of no expression.
    if (triggers[i].schedule.kind == ScheduleKind::cron && !triggers[i].schedule.cron.empty()) {
      for (FieldProblem& problem : schedule::check_schedule(triggers[i].schedule)) {
        problems.push_back({pointer + problem.pointer, std::move(problem.message)});
      }
    }
    for (const Reference& reference : references_in(triggers[i].params).found) {
      problems.push_back({pointer + "/params" + reference.pointer,
                          "a trigger's params hold no templates: there is nothing yet that '" +
                              reference.root + "' could name"});
    }
  }
}

// The member of a step or of a job's spec that holds its params: "with", "params" or a shorthand.
std::string params_member(const JsonValue* owner,
                          std::string_view usual,
                          const std::string& handler) {
  const auto* object = owner == nullptr ? nullptr : owner->if_object();
  const bool shorthand =
      object != nullptr && object->contains(handler) && !object->contains("handler");
  return shorthand ? handler : std::string(usual);
}

const JsonValue* member(const JsonValue* value, std::string_view name) {
  const auto* object = value == nullptr ? nullptr : value->if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

const JsonValue* item(const JsonValue* value, std::size_t position) {
  const auto* array = value == nullptr ? nullptr : value->if_array();
  return array == nullptr ? nullptr : array->if_contains(position);
}

// Which steps have surely ended when another starts: those it needs, directly or not. A bit a pair,
// built only when somebody asks about an indirect one.
class Precedence {
 public:
  explicit Precedence(const WorkflowSpec& workflow) : steps_(workflow.steps) {}

  bool precedes(int earlier, int later) {
    const auto& needs = steps_[static_cast<std::size_t>(later)].needs;
    if (std::find(needs.begin(), needs.end(), earlier) != needs.end()) {
      return true;
    }
    if (rows_.empty()) {
      build();
    }
    const auto& row = rows_[static_cast<std::size_t>(later)];
    // Steps in a circle have no order: the circle itself is already told.
    return row.empty() || (row[static_cast<std::size_t>(earlier) / 64] >> (earlier % 64) & 1) != 0;
  }

 private:
  void build() {
    rows_.resize(steps_.size());
    std::vector<std::size_t> open(steps_.size());
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      open[i] = steps_[i].needs.size();
      if (open[i] == 0) {
        ready.push_back(i);
      }
    }
    while (!ready.empty()) {
      const std::size_t step = ready.back();
      ready.pop_back();
      fill(step);
      for (const int dependant : steps_[step].dependants) {
        if (--open[static_cast<std::size_t>(dependant)] == 0) {
          ready.push_back(static_cast<std::size_t>(dependant));
        }
      }
    }
  }

  void fill(std::size_t step) {
    auto& row = rows_[step];
    row.assign(steps_.size() / 64 + 1, 0);
    for (const int need : steps_[step].needs) {
      const auto& before = rows_[static_cast<std::size_t>(need)];
      std::transform(row.begin(), row.end(), before.begin(), row.begin(),
                     [](std::uint64_t a, std::uint64_t b) { return a | b; });
      row[static_cast<std::size_t>(need) / 64] |= std::uint64_t{1} << (need % 64);
    }
  }

  const std::vector<StepSpec>& steps_;
  std::vector<std::vector<std::uint64_t>> rows_;
};

// Params that a built-in handler would refuse when the run has begun.
void check_builtin(const std::string& handler,
                   const std::string& params,
                   const std::string& pointer,
                   ParamsCheck how,
                   std::vector<FieldProblem>& problems) {
  const auto value = parse_json(params);
  if (!value) {
    return;
  }
  for (FieldProblem& problem : check_builtin_params(handler, *value, how)) {
    if (problems.size() < static_cast<std::size_t>(limits::kProblemsMax)) {
      problems.push_back({pointer + problem.pointer, std::move(problem.message)});
    }
  }
}

// A strategy that nobody has compiled in (S6.1).
void check_strategy(const Task& task,
                    const std::string& pointer,
                    std::vector<FieldProblem>& problems) {
  if (task.strategy != Strategy::custom || find_strategy(task.custom_strategy) != nullptr) {
    return;
  }
  std::vector<std::string_view> names{"round_robin", "random", "least_loaded", "hash",
                                      "designated"};
  const auto custom = strategy_names();
  names.insert(names.end(), custom.begin(), custom.end());
  std::string all;
  for (const std::string_view name : names) {
    all.append(all.empty() ? "" : ", ").append(name);
  }
  problems.push_back({pointer + "/strategy",
                      "there is no strategy '" + task.custom_strategy + "' in this server" +
                          did_you_mean(task.custom_strategy, names) + "; there are " + all});
}

class WorkflowCheck {
 public:
  WorkflowCheck(const WorkflowSpec& workflow, std::vector<FieldProblem>& problems)
      : workflow_(workflow), precedence_(workflow), problems_(problems) {
    for (const InputSpec& input : workflow.inputs) {
      inputs_.push_back(input.name);
    }
    for (const StepSpec& step : workflow.steps) {
      ids_.push_back(step.id);
    }
  }

  static constexpr int kWholeRun = -1;

  // `step` is where the text stands; kWholeRun: in the output, which all steps precede.
  void check_text(const std::string& json, const std::string& pointer, int step) {
    const References references = references_in(json);
    for (const FieldProblem& problem : references.problems) {
      add(pointer + problem.pointer, problem.message);
    }
    for (const Reference& reference : references.found) {
      std::string wrong = reference.root == "inputs" ? input_problem(reference.path)
                                                     : step_problem(reference.path, step);
      if (!wrong.empty()) {
        add(pointer + reference.pointer, std::move(wrong));
      }
    }
  }

 private:
  std::string input_problem(const std::vector<std::string>& path) const {
    if (path.empty() || std::find(inputs_.begin(), inputs_.end(), path[0]) != inputs_.end()) {
      return "";
    }
    return "the workflow has no input '" + path[0] + "'" + did_you_mean(path[0], inputs_);
  }

  std::string step_problem(const std::vector<std::string>& path, int step) {
    if (path.size() < 2 || path[1] != "output") {
      const std::string id = path.empty() ? "<id>" : path[0];
      return "only the output of a step can be used so far: write steps." + id + ".output";
    }
    const int named = workflow_.step_index(path[0]);
    if (named < 0) {
      return "there is no step '" + path[0] + "'" + did_you_mean(path[0], ids_);
    }
    if (named == step) {
      return "the step '" + path[0] + "' cannot use its own output";
    }
    if (step != kWholeRun && !precedence_.precedes(named, step)) {
      return "the step '" + path[0] + "' does not precede this one: add it to 'needs'";
    }
    return "";
  }

  void add(std::string pointer, std::string message) {
    if (problems_.size() < static_cast<std::size_t>(limits::kProblemsMax)) {
      problems_.push_back({std::move(pointer), std::move(message)});
    }
  }

  const WorkflowSpec& workflow_;
  Precedence precedence_;
  std::vector<FieldProblem>& problems_;
  std::vector<std::string_view> inputs_;
  std::vector<std::string_view> ids_;
};

void check_workflow(const WorkflowSpec& workflow,
                    const JsonValue& document,
                    std::vector<FieldProblem>& problems) {
  const JsonValue* steps = member(member(&document, "spec"), "steps");
  for (const InputSpec& input : workflow.inputs) {
    for (const Reference& reference : references_in(input.default_value).found) {
      problems.push_back(
          {pointer_to("/spec/inputs", input.name) + "/default" + reference.pointer,
           "templates in an input's default are not supported yet: write a plain value"});
    }
  }
  WorkflowCheck check(workflow, problems);
  for (std::size_t i = 0; i < workflow.steps.size(); ++i) {
    const Task& task = workflow.steps[i].task;
    const std::string at = item_pointer("/spec/steps", i);
    const std::string with = pointer_to(at, params_member(item(steps, i), "with", task.handler));
    check.check_text(task.params, with, static_cast<int>(i));
    check_builtin(task.handler, task.params, with, ParamsCheck::whole, problems);
    check_strategy(task, at, problems);
  }
  check.check_text(workflow.output, "/spec/output", WorkflowCheck::kWholeRun);
}

// A job has neither inputs nor steps. Other double braces are its own business.
void check_job(const JobSpec& job, const JsonValue& document, std::vector<FieldProblem>& problems) {
  const Task& task = job.task;
  const std::string at =
      pointer_to("/spec", params_member(member(&document, "spec"), "params", task.handler));
  for (const Reference& reference : references_in(task.params).found) {
    problems.push_back({at + reference.pointer, "a job has no '" + reference.root +
                                                    "': templates belong into a workflow's steps"});
  }
  check_builtin(task.handler, task.params, at, ParamsCheck::part, problems);
  check_strategy(task, "/spec", problems);
  for (std::size_t i = 0; i < job.triggers.size(); ++i) {
    check_builtin(task.handler, job.triggers[i].params,
                  item_pointer("/spec/triggers", i) + "/params", ParamsCheck::part, problems);
  }
}

}  // namespace

std::vector<FieldProblem> check_definition(const Definition& definition) {
  std::vector<FieldProblem> problems;
  check_triggers(definition.triggers(), problems);
  const auto document = parse_json(definition.document.empty() ? "{}" : definition.document);
  const JsonValue empty;
  const JsonValue& known = document ? *document : empty;
  if (definition.kind == DefinitionKind::workflow) {
    check_workflow(definition.workflow(), known, problems);
  } else if (definition.kind == DefinitionKind::job) {
    check_job(definition.job(), known, problems);
  }
  return problems;
}

std::vector<FieldProblem> check_calendars(const Definition& definition,
                                          const schedule::CalendarBook& book) {
  std::vector<FieldProblem> problems;
  for (std::size_t i = 0; i < definition.triggers().size(); ++i) {
    const Schedule& schedule = definition.triggers()[i].schedule;
    const std::string pointer = item_pointer("/spec/triggers", i);
    for (const auto& [member, names] :
         {std::pair{"/include", &Schedule::include}, {"/exclude", &Schedule::exclude}}) {
      for (const std::string& name : schedule.*names) {
        Schedule alone;
        alone.*names = {name};
        const auto open = schedule::Openings::make(alone, definition.name_space, book);
        if (!open) {
          problems.push_back({pointer + member, open.problem().detail});
        }
      }
    }
    const auto open = schedule::Openings::make(schedule, definition.name_space, book);
    if (open && open->are_never()) {
      problems.push_back(
          {pointer + "/include", "the calendars it includes cover nothing: it would never fire"});
    }
  }
  return problems;
}

}  // namespace jobflow::engine
