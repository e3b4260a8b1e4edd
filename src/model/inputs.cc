#include "model/inputs.h"

#include "model/json.h"
#include "model/spelling.h"

#include <algorithm>

namespace jobflow {
namespace {

bool is_of(InputType type, const JsonValue& value) {
  switch (type) {
    case InputType::any:
      return true;
    case InputType::string:
      return value.is_string();
    case InputType::number:
      return value.is_number();
    case InputType::integer:
      return value.is_int64() || value.is_uint64();
    case InputType::boolean:
      return value.is_bool();
    case InputType::object:
      return value.is_object();
    case InputType::array:
      return value.is_array();
  }
  return false;
}

std::string mismatch(InputType type, const JsonValue& value) {
  return is_of(type, value) ? ""
                            : "must be of type " + std::string(to_string(type)) + ", not " +
                                  std::string(kind_in_words(value));
}

void note_unknown(const std::vector<InputSpec>& declared,
                  const boost::json::object& given,
                  std::vector<FieldProblem>& problems) {
  std::vector<std::string_view> names;
  for (const InputSpec& input : declared) {
    names.push_back(input.name);
  }
  for (const auto& [key, value] : given) {
    const std::string_view name = key;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      problems.push_back(
          {pointer_to("", name), "the workflow has no such input" + did_you_mean(name, names)});
    }
  }
}

}  // namespace

Outcome<std::string> complete_inputs(const std::vector<InputSpec>& declared,
                                     std::string_view given) {
  auto parsed = parse_json(given.empty() ? "{}" : given);
  if (!parsed) {
    return parsed.problem();
  }
  if (!parsed->is_object()) {
    return Problem{ProblemCode::invalid, "a workflow's inputs must be a JSON object"};
  }
  const boost::json::object& values = parsed->get_object();
  Problem problem{ProblemCode::invalid, "the inputs do not fit the workflow"};
  std::string complete = "{";
  for (const InputSpec& input : declared) {
    const JsonValue* value = values.if_contains(input.name);
    if (value == nullptr && input.required) {
      problem.fields.push_back({pointer_to("", input.name), "is required and was not given"});
    } else if (value != nullptr) {
      if (std::string wrong = mismatch(input.type, *value); !wrong.empty()) {
        problem.fields.push_back({pointer_to("", input.name), std::move(wrong)});
      }
    }
    complete += complete.size() > 1 ? "," : "";
    complete += to_text(JsonValue(boost::json::string_view(input.name)));
    complete += ':';
    complete += value == nullptr ? input.default_value : to_text(*value);
  }
  note_unknown(declared, values, problem.fields);
  if (!problem.fields.empty()) {
    return problem;
  }
  return complete + "}";
}

std::string type_mismatch(InputType type, std::string_view value) {
  const auto parsed = parse_json(value);
  return parsed ? mismatch(type, *parsed) : "is not JSON";
}

}  // namespace jobflow
