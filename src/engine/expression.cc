#include "engine/expression.h"

#include "engine/template_text.h"
#include "model/json.h"
#include "model/limits.h"
#include "model/spelling.h"

#include <array>
#include <map>
#include <optional>

namespace jobflow::engine {
namespace {

constexpr std::array<std::string_view, 2> kRoots{"inputs", "steps"};

std::string unknown_root(std::string_view root) {
  for (const std::string_view later : {"trigger", "run", "item", "env"}) {
    if (root == later) {
      return "'" + std::string(root) + "' is not supported yet: use inputs and steps";
    }
  }
  return "'" + std::string(root) + "' is not known: a path starts with inputs or steps" +
         did_you_mean(root, kRoots);
}

int depth_of(const JsonValue& value) {
  int deepest = 0;
  if (const auto* array = value.if_array()) {
    for (const JsonValue& item : *array) {
      deepest = std::max(deepest, depth_of(item));
    }
    return deepest + 1;
  }
  if (const auto* object = value.if_object()) {
    for (const auto& [key, member] : *object) {
      deepest = std::max(deepest, depth_of(member));
    }
    return deepest + 1;
  }
  return 0;
}

// Writes a JSON text anew with its templates filled. The first problem ends it.
class Filler {
 public:
  explicit Filler(const Scope& scope) : scope_(scope) {}

  Outcome<std::string> fill(const JsonValue& value) {
    write(value, "", 0);
    if (problem_) {
      return *problem_;
    }
    return std::move(out_);
  }

 private:
  void write(const JsonValue& value, const std::string& pointer, int depth) {
    if (const auto* object = value.if_object()) {
      out_ += '{';
      bool first = true;
      for (const auto& [key, member] : *object) {
        if (problem_) {
          return;
        }
        out_ += first ? "" : ",";
        first = false;
        append_string(key);
        out_ += ':';
        write(member, pointer_to(pointer, key), depth + 1);
      }
      out_ += '}';
    } else if (const auto* array = value.if_array()) {
      out_ += '[';
      for (std::size_t i = 0; i < array->size() && !problem_; ++i) {
        out_ += i == 0 ? "" : ",";
        write((*array)[i], pointer_to(pointer, std::to_string(i)), depth + 1);
      }
      out_ += ']';
    } else if (value.is_string() && has_template(value.get_string())) {
      write_filled(value.get_string(), pointer, depth);
    } else {
      out_ += to_text(value);
    }
    check_size(out_.size(), pointer);
  }

  void write_filled(std::string_view text, const std::string& pointer, int depth) {
    const auto parts = parse_template(text);
    if (!parts) {
      refuse(pointer, parts.problem().detail);
      return;
    }
    if (parts->size() == 1 && parts->front().kind == TemplatePart::Kind::path) {
      if (const JsonValue* value = look_up(parts->front(), pointer)) {
        if (depth + depth_of(*value) > limits::kJsonDepth) {
          refuse(pointer, "filled in, '" + parts->front().text + "' is nested more than " +
                              std::to_string(limits::kJsonDepth) + " levels deep");
          return;
        }
        out_ += to_text(*value);
      }
      return;
    }
    std::string filled;
    for (const TemplatePart& part : *parts) {
      if (part.kind == TemplatePart::Kind::text) {
        filled += part.text;
      } else if (const JsonValue* value = look_up(part, pointer)) {
        if (const auto* bare = value->if_string()) {
          filled.append(bare->data(), bare->size());
        } else {
          filled += to_text(*value);
        }
      }
      check_size(out_.size() + filled.size(), pointer);
      if (problem_) {
        return;
      }
    }
    append_string(filled);
  }

  // The value a path leads to; nullptr after a problem.
  const JsonValue* look_up(const TemplatePart& part, const std::string& pointer) {
    const auto& path = part.path;
    const JsonValue* value = nullptr;
    std::size_t next = 1;
    std::string walked = path[0].name;
    if (path[0].name == "inputs") {
      value = &inputs(pointer);
    } else if (path[0].name == "steps") {
      if (path.size() < 3 || path[1].is_index || path[2].name != "output") {
        return refuse(pointer, "'" + part.text + "': write steps.<id>.output and what follows");
      }
      value = step_output(path[1].name, pointer, part.text);
      next = 3;
      walked += "." + path[1].name + ".output";
    } else {
      return refuse(pointer, "'" + part.text + "': " + unknown_root(path[0].name));
    }
    for (; value != nullptr && next < path.size(); ++next) {
      const JsonValue* inner = inside(*value, path[next]);
      if (inner == nullptr) {
        return refuse(pointer, "'" + part.text + "' has no value: " + walked + " is " +
                                   std::string(kind_in_words(*value)) + " without " +
                                   (path[next].is_index ? "an item [" + path[next].name + "]"
                                                        : "a member '" + path[next].name + "'"));
      }
      value = inner;
      walked += path[next].is_index ? "[" + path[next].name + "]" : "." + path[next].name;
    }
    return value;
  }

  static const JsonValue* inside(const JsonValue& value, const PathStep& step) {
    if (!step.is_index) {
      const auto* object = value.if_object();
      return object == nullptr ? nullptr : object->if_contains(step.name);
    }
    const auto* array = value.if_array();
    return array == nullptr ? nullptr : array->if_contains(std::stoul(step.name));
  }

  const JsonValue& inputs(const std::string& pointer) {
    if (!inputs_) {
      inputs_ = parse(scope_.inputs.empty() ? "{}" : scope_.inputs, pointer, "the run's inputs");
    }
    return *inputs_;
  }

  const JsonValue* step_output(const std::string& step,
                               const std::string& pointer,
                               const std::string& text) {
    if (const auto known = outputs_.find(step); known != outputs_.end()) {
      return &known->second;
    }
    const std::string* output = scope_.step_output ? scope_.step_output(step) : nullptr;
    if (output == nullptr) {
      return refuse(pointer, "'" + text + "' has no value: the step '" + step + "' has no output");
    }
    JsonValue value =
        output->empty() ? JsonValue() : parse(*output, pointer, "the output of '" + step + "'");
    return &outputs_.emplace(step, std::move(value)).first->second;
  }

  JsonValue parse(std::string_view text, const std::string& pointer, const std::string& what) {
    auto parsed = parse_json(text);
    if (!parsed) {
      refuse(pointer, what + " cannot be read: " + parsed.problem().detail);
      return {};
    }
    return std::move(*parsed);
  }

  void append_string(std::string_view text) {
    out_ += to_text(JsonValue(boost::json::string_view(text)));
  }

  void check_size(std::size_t bytes, const std::string& pointer) {
    if (bytes > limits::kParamsBytes && !problem_) {
      const std::string what =
          "filled in, this is larger than " + std::to_string(limits::kParamsBytes) + " bytes";
      problem_ = Problem{ProblemCode::too_large, what, {{pointer, what}}};
    }
  }

  std::nullptr_t refuse(const std::string& pointer, const std::string& what) {
    if (!problem_) {
      problem_ = Problem{ProblemCode::invalid, what, {{pointer, what}}};
    }
    return nullptr;
  }

  const Scope& scope_;
  std::string out_;
  std::optional<Problem> problem_;
  std::optional<JsonValue> inputs_;
  std::map<std::string, JsonValue> outputs_;
};

class ReferenceSearch {
 public:
  void search(const JsonValue& value, const std::string& pointer) {
    if (const auto* object = value.if_object()) {
      for (const auto& [key, member] : *object) {
        const std::string at = pointer_to(pointer, key);
        if (has_template(key)) {
          found_.problems.push_back({at, "templates are filled in values, not in names"});
        }
        search(member, at);
      }
    } else if (const auto* array = value.if_array()) {
      for (std::size_t i = 0; i < array->size(); ++i) {
        search((*array)[i], pointer_to(pointer, std::to_string(i)));
      }
    } else if (value.is_string() && has_template(value.get_string())) {
      note(value.get_string(), pointer);
    }
  }

  References take() { return std::move(found_); }

 private:
  void note(std::string_view text, const std::string& pointer) {
    const auto parts = parse_template(text);
    if (!parts) {
      found_.problems.push_back({pointer, parts.problem().detail});
      return;
    }
    for (const TemplatePart& part : *parts) {
      if (part.kind == TemplatePart::Kind::text) {
        continue;
      }
      const std::string& root = part.path.front().name;
      if (root != "inputs" && root != "steps") {
        found_.problems.push_back({pointer, "'" + part.text + "': " + unknown_root(root)});
        continue;
      }
      Reference reference{pointer, root, {}};
      for (std::size_t i = 1; i < part.path.size(); ++i) {
        reference.path.push_back(part.path[i].name);
      }
      found_.found.push_back(std::move(reference));
    }
  }

  References found_;
};

}  // namespace

Outcome<std::string> fill_templates(std::string_view json, const Scope& scope) {
  if (!has_template(json)) {
    return std::string(json);
  }
  const auto parsed = parse_json(json);
  if (!parsed) {
    return parsed.problem();
  }
  return Filler(scope).fill(*parsed);
}

References references_in(std::string_view json) {
  if (!has_template(json)) {
    return {};
  }
  const auto parsed = parse_json(json);
  if (!parsed) {
    return {{}, {{"", parsed.problem().detail}}};
  }
  ReferenceSearch search;
  search.search(*parsed, "");
  return search.take();
}

}  // namespace jobflow::engine
