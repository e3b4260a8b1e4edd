#include "model/builtin_handlers.h"
#include "model/definition.h"
#include "model/definition_parts.h"

#include <array>

namespace jobflow {
namespace {

constexpr std::string_view kApiVersion = "jobflow/v1";
constexpr std::array<std::string_view, kDefinitionKinds> kKinds{"Job", "Workflow",
                                                                "Semaphore"};  // by DefinitionKind

constexpr std::string_view kLater = "is not supported yet";

constexpr std::array kJobHints = std::to_array<FieldHint>({
    {"with", "unknown field: a job's parameters are called 'params'"},
    {"total_timeout", kLater},
});

void read_metadata(const JsonValue& value, Definition& definition, ProblemList& problems) {
  Fields fields(problems, value, "/metadata");
  if (!fields.name("name", definition.name) && value.is_object()) {
    fields.must_have("name", "every job, workflow and semaphore has a name");
  }
  fields.name("namespace", definition.name_space);
  fields.text("title", limits::kTitleBytes, definition.title);
  fields.text("description", limits::kDescriptionBytes, definition.description);
  if (const JsonValue* labels = fields.find("labels")) {
    Fields members(problems, *labels, fields.at("labels"));
    const auto* object = labels->if_object();
    if (object != nullptr && object->size() > static_cast<std::size_t>(limits::kLabelsMax)) {
      fields.wrong("labels", "has more than " + std::to_string(limits::kLabelsMax) + " labels");
    } else if (object != nullptr) {
      for (const auto& [key, unused] : *object) {
        if (key.empty() || key.size() > limits::kNameBytes) {
          fields.wrong("labels",
                       "a label's name has 1 to " + std::to_string(limits::kNameBytes) + " bytes");
          continue;
        }
        members.text(key, limits::kLabelBytes, definition.labels[std::string(key)]);
      }
    }
  }
  fields.refuse_others();
}

// False when the document says it is something else than it was handed in as.
bool is_of_kind(Fields& top, DefinitionKind kind) {
  std::string version;
  if (top.text("apiVersion", limits::kNameBytes, version) && version != kApiVersion) {
    top.wrong("apiVersion", "'" + version + "' is not known here: this server reads '" +
                                std::string(kApiVersion) + "'");
  }
  const int stated = top.word("kind", kKinds);
  if (stated >= 0 && static_cast<DefinitionKind>(stated) != kind) {
    top.wrong("kind", "the document is a " + std::string(kKinds[static_cast<std::size_t>(stated)]) +
                          ", but was handed in as a " + std::string(to_string(kind)));
    return false;
  }
  return true;
}

std::string canonical(const JsonValue& document) {
  boost::json::object kept;
  for (const auto* part : {"metadata", "spec"}) {
    if (const JsonValue* value = document.get_object().if_contains(part)) {
      kept.emplace(part, *value);
    }
  }
  return to_text(JsonValue(std::move(kept)));
}

}  // namespace

std::string builtin_names() {
  std::string all;
  for (const std::string_view name : builtin_handlers()) {
    all.append(all.empty() ? "" : ", ").append(name);
  }
  return all;
}

void read_handler(Fields& fields, std::string_view params_name, Task& task) {
  std::string_view first = fields.name("handler", task.handler) ? "handler" : "";
  const bool handler_stated = fields.find("handler") != nullptr;
  const bool params_stated = fields.find(params_name) != nullptr;
  fields.object_text(params_name, limits::kParamsBytes, task.params);
  for (const std::string_view shorthand : builtin_handlers()) {
    const JsonValue* value = fields.find_any(shorthand);  // `noop:` alone is null in YAML
    if (value == nullptr) {
      continue;
    }
    if (!first.empty() || handler_stated) {
      fields.wrong(shorthand, "only one thing can run here: '" +
                                  std::string(handler_stated ? "handler" : first) +
                                  "' is already given");
      continue;
    }
    first = shorthand;
    task.handler = shorthand;
    if (params_stated) {
      fields.wrong(params_name, "'" + std::string(params_name) +
                                    "' goes with 'handler'; here, write its members under '" +
                                    std::string(shorthand) + "'");
    }
    fields.object_text(shorthand, limits::kParamsBytes, task.params);
  }
  if (first.empty() && !handler_stated) {
    fields.wrong("handler", "is missing: name a handler, or use one of " + builtin_names());
  }
}

JobSpec read_job(Fields& fields, const Definition& owner, ProblemList& problems) {
  JobSpec job;
  read_handler(fields, "params", job.task);
  read_policies(fields, job.task, problems);
  job.concurrency = read_concurrency(fields, problems);
  job.triggers = read_triggers(fields, owner, problems);
  fields.refuse_others(kJobHints);
  return job;
}

Decoded decode_definition(DefinitionKind kind, std::string_view json_text) {
  Decoded decoded;
  Definition& definition = decoded.definition;
  definition.kind = kind;
  if (kind == DefinitionKind::workflow) {
    definition.spec = WorkflowSpec{};
  } else if (kind == DefinitionKind::semaphore) {
    definition.spec = SemaphoreSpec{};
  }
  if (json_text.size() > limits::kDefinitionBytes) {
    decoded.problems.push_back(
        {"", "the document is larger than " + std::to_string(limits::kDefinitionBytes) + " bytes"});
    return decoded;
  }
  const auto document = parse_json(json_text);
  if (!document) {
    decoded.problems = document.problem().fields;
    return decoded;
  }
  ProblemList problems;
  Fields top(problems, *document, "");
  if (document->is_object()) {
    const bool kind_agrees = is_of_kind(top, kind);
    if (const JsonValue* metadata = top.find("metadata")) {
      read_metadata(*metadata, definition, problems);
    } else {
      top.must_have("metadata", "write metadata: {name: ...}");
    }
    const JsonValue* spec = top.find("spec");
    if (spec == nullptr) {
      top.must_have("spec", kind == DefinitionKind::semaphore ? "write spec: {permits: ...}"
                                                              : "it says what runs, and when");
    } else if (kind_agrees) {
      Fields fields(problems, *spec, "/spec");
      if (kind != DefinitionKind::semaphore) {
        fields.flag("enabled", definition.enabled);
      }
      if (spec->is_object() && kind == DefinitionKind::job) {
        definition.spec = read_job(fields, definition, problems);
      } else if (spec->is_object() && kind == DefinitionKind::semaphore) {
        definition.spec = read_semaphore(fields);
      } else if (spec->is_object()) {
        definition.spec = read_workflow(fields, definition, problems);
      }
    }
    top.refuse_others();
    definition.document = canonical(*document);
  }
  decoded.problems = problems.take();
  return decoded;
}

}  // namespace jobflow
