#include "model/definition_parts.h"
#include "model/inputs.h"
#include "model/spelling.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace jobflow {
namespace {

constexpr std::string_view kLater = "is not supported yet";

constexpr std::array kStepHints = std::to_array<FieldHint>({
    {"params", "unknown field: a step's parameters are called 'with'"},
    {"depends_on", "unknown field: did you mean 'needs'?"},
    {"dependsOn", "unknown field: did you mean 'needs'?"},
    {"name", "unknown field: a step is named by 'id'"},
    {"if", kLater},
    {"trigger_rule", kLater},
    {"foreach", kLater},
    {"max_parallel", kLater},
    {"max_failures", kLater},
    {"collect", kLater},
    {"job", kLater},
    {"workflow", kLater},
    {"switch", kLater},
    {"approval", kLater},
    {"wait", kLater},
    {"http", kLater},
    {"sql", kLater},
});

constexpr std::array kWorkflowHints = std::to_array<FieldHint>({
    {"on_failure", kLater},
    {"failure_policy", kLater},
    {"concurrency", kLater},
    {"outputs", "unknown field: did you mean 'output'?"},
    {"handler", "unknown field: a workflow runs its 'steps'"},
});

constexpr std::array<std::string_view, 7> kInputTypes{"any",     "string", "number", "integer",
                                                      "boolean", "object", "array"};

InputSpec read_input(std::string_view name,
                     const JsonValue& value,
                     const std::string& pointer,
                     ProblemList& problems) {
  InputSpec input;
  input.name = name;
  if (!is_valid_name(name)) {
    problems.add(pointer, "'" + input.name.substr(0, 64) +
                              "' is not a name: use letters, digits, '.', '_' and '-', starting "
                              "with a letter");
  }
  if (value.is_null()) {
    return input;  // `x:` alone declares an input of any type
  }
  Fields fields(problems, value, pointer);
  if (const int type = fields.word("type", kInputTypes); type >= 0) {
    input.type = static_cast<InputType>(type);
  }
  fields.flag("required", input.required);
  if (const JsonValue* standard = fields.find("default")) {
    input.default_value = to_text(*standard);
    if (input.required) {
      fields.wrong("required", "an input with a default is never missing: drop one of the two");
    }
    if (input.default_value.size() > limits::kParamsBytes) {
      fields.wrong("default", "is larger than " + std::to_string(limits::kParamsBytes) + " bytes");
    } else if (std::string wrong = type_mismatch(input.type, input.default_value); !wrong.empty()) {
      fields.wrong("default", std::move(wrong));
    }
  }
  fields.refuse_others();
  return input;
}

std::vector<InputSpec> read_inputs(Fields& fields, ProblemList& problems) {
  std::vector<InputSpec> inputs;
  const JsonValue* value = fields.find("inputs");
  if (value == nullptr) {
    return inputs;
  }
  Fields shape(problems, *value, fields.at("inputs"));
  const auto* object = value->if_object();
  if (object != nullptr && object->size() > static_cast<std::size_t>(limits::kInputsMax)) {
    fields.wrong("inputs", "has more than " + std::to_string(limits::kInputsMax) + " inputs");
  } else if (object != nullptr) {
    for (const auto& [key, member] : *object) {
      inputs.push_back(read_input(key, member, shape.at(key), problems));
    }
  }
  return inputs;
}

Task read_defaults(Fields& fields, ProblemList& problems) {
  Task defaults;
  if (const JsonValue* value = fields.find("defaults")) {
    Fields members(problems, *value, fields.at("defaults"));
    read_policies(members, defaults, problems);
    members.refuse_others();
  }
  return defaults;
}

// Reads the steps of a workflow: first each alone, then what they need of each other.
class StepReader {
 public:
  StepReader(WorkflowSpec& workflow, const Task& defaults, ProblemList& problems)
      : workflow_(workflow), defaults_(defaults), problems_(problems) {}

  void read(const boost::json::array& list, const std::string& pointer) {
    workflow_.steps.reserve(list.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      read_step(list[i], pointer_to(pointer, std::to_string(i)));
    }
    for (std::size_t i = 0; i < workflow_.steps.size(); ++i) {
      index_.try_emplace(workflow_.steps[i].id, static_cast<int>(i));
      ids_.push_back(workflow_.steps[i].id);
    }
    std::vector<std::vector<std::string>> need_pointers(list.size());
    for (std::size_t i = 0; i < workflow_.steps.size(); ++i) {
      need_pointers[i] = resolve(static_cast<int>(i));
    }
    link_steps(workflow_, need_pointers, problems_);
  }

 private:
  void read_step(const JsonValue& value, const std::string& pointer) {
    StepSpec step;
    step.task = defaults_;
    Fields fields(problems_, value, pointer);
    if (value.is_object()) {
      if (!fields.name("id", step.id)) {
        fields.must_have("id", "every step has an id");
      }
      const auto* needs = fields.list("needs", limits::kNeedsMax);
      needs_.push_back(needs);
      read_handler(fields, "with", step.task);
      read_policies(fields, step.task, problems_);
      fields.refuse_others(kStepHints);
    } else {
      needs_.push_back(nullptr);
    }
    pointers_.push_back(pointer);
    workflow_.steps.push_back(std::move(step));
  }

  // Turns the names a step needs into positions; answers where each stands in the document.
  std::vector<std::string> resolve(int position) {
    const auto at = static_cast<std::size_t>(position);
    StepSpec& step = workflow_.steps[at];
    if (const auto first = index_.find(step.id); !step.id.empty() && first->second != position) {
      problems_.add(pointer_to(pointers_[at], "id"),
                    "'" + step.id + "' is already the id of the step at " +
                        pointers_[static_cast<std::size_t>(first->second)] +
                        ": ids are unique in a workflow");
    }
    std::vector<std::string> found;
    const auto* needs = needs_[at];
    for (std::size_t i = 0; needs != nullptr && i < needs->size(); ++i) {
      const std::string pointer = pointer_to(pointer_to(pointers_[at], "needs"), std::to_string(i));
      if (const int need = resolve_need((*needs)[i], step, pointer); need >= 0) {
        step.needs.push_back(need);
        found.push_back(pointer);
      }
    }
    return found;
  }

  int resolve_need(const JsonValue& value, const StepSpec& step, const std::string& pointer) {
    if (!value.is_string()) {
      problems_.add(pointer, "must be the id of a step, not " + std::string(kind_in_words(value)));
      return -1;
    }
    const std::string id(value.get_string());
    if (id == step.id) {
      problems_.add(pointer, "the step '" + id + "' needs itself");
      return -1;
    }
    const auto need = index_.find(id);
    if (id.empty() || need == index_.end()) {
      // Far too many wrong words are not worth comparing with every id.
      problems_.add(pointer, problems_.is_full() ? ""
                                                 : "there is no step '" + id.substr(0, 128) + "'" +
                                                       did_you_mean(id, ids_));
      return -1;
    }
    if (std::find(step.needs.begin(), step.needs.end(), need->second) != step.needs.end()) {
      problems_.add(pointer, "'" + id + "' is needed twice: drop one");
      return -1;
    }
    return need->second;
  }

  WorkflowSpec& workflow_;
  const Task& defaults_;
  ProblemList& problems_;
  std::vector<std::string> pointers_;
  std::vector<const boost::json::array*> needs_;
  std::unordered_map<std::string_view, int> index_;  // the first step of each id
  std::vector<std::string_view> ids_;
};

// What a trigger gives must fit what the workflow declares, else each firing of it would fail.
void check_trigger_params(const WorkflowSpec& workflow,
                          const std::string& pointer,
                          ProblemList& problems) {
  for (std::size_t i = 0; i < workflow.triggers.size(); ++i) {
    const auto inputs = complete_inputs(workflow.inputs, workflow.triggers[i].params);
    if (inputs) {
      continue;
    }
    const std::string at = pointer_to(pointer_to(pointer, std::to_string(i)), "params");
    for (const FieldProblem& field : inputs.problem().fields) {
      problems.add(at + field.pointer, field.message);
    }
  }
}

}  // namespace

WorkflowSpec read_workflow(Fields& fields, const Definition& owner, ProblemList& problems) {
  WorkflowSpec workflow;
  workflow.inputs = read_inputs(fields, problems);
  const Task defaults = read_defaults(fields, problems);
  if (const auto* steps = fields.list("steps", limits::kStepsMax)) {
    if (steps->empty()) {
      fields.wrong("steps", "is empty: a workflow has at least one step");
    }
    StepReader(workflow, defaults, problems).read(*steps, fields.at("steps"));
  } else {
    fields.must_have("steps", "a workflow has at least one step");
  }
  fields.span("total_timeout", milliseconds(1), workflow.total_timeout);
  if (const JsonValue* output = fields.find("output")) {
    workflow.output = to_text(*output);
    if (workflow.output.size() > limits::kResultBytes) {
      fields.wrong("output", "is larger than " + std::to_string(limits::kResultBytes) + " bytes");
    }
  }
  workflow.triggers = read_triggers(fields, owner, problems);
  check_trigger_params(workflow, fields.at("triggers"), problems);
  fields.refuse_others(kWorkflowHints);
  return workflow;
}

}  // namespace jobflow
