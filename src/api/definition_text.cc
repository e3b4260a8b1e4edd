#include "api/definition_text.h"

#include "api/yaml_document.h"
#include "model/json.h"
#include "model/limits.h"
#include "runtime/hall.h"

#include <boost/json/object.hpp>

#include <set>

namespace jobflow::api {
namespace {

namespace json = boost::json;

bool is_yaml(std::string_view content_type) {
  return content_type.find("yaml") != std::string_view::npos;
}

// A text that says neither: JSON when it starts as JSON does.
bool looks_like_json(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

Outcome<std::vector<TextDocument>> read_text(const Request& request) {
  const TextLimits bounds{.bytes = limits::kDefinitionBytes, .depth = limits::kJsonDepth};
  const bool json_text =
      request.content_type.empty() ? looks_like_json(request.body) : !is_yaml(request.content_type);
  return json_text ? read_json(request.body, bounds) : read_yaml(request.body, bounds);
}

// The kind a document states.
std::optional<DefinitionKind> stated_kind(const json::value& value) {
  const json::value* kind = value.is_object() ? value.get_object().if_contains("kind") : nullptr;
  if (kind == nullptr || !kind->is_string()) {
    return std::nullopt;
  }
  if (kind->get_string() == "Job") {
    return DefinitionKind::job;
  }
  if (kind->get_string() == "Workflow") {
    return DefinitionKind::workflow;
  }
  return std::nullopt;
}

json::object* metadata_of(json::value& value) {
  json::value* metadata = value.is_object() ? value.get_object().if_contains("metadata") : nullptr;
  return metadata != nullptr && metadata->is_object() ? &metadata->get_object() : nullptr;
}

// One document, checked. Problems go to `problems`.
std::shared_ptr<const Definition> read_one(TextDocument& document,
                                           const DefinitionText& wanted,
                                           std::vector<FieldProblem>& problems) {
  std::vector<FieldProblem> found;
  std::shared_ptr<const Definition> definition;
  const auto kind = wanted.kind ? wanted.kind : stated_kind(document.value);
  json::object* metadata = metadata_of(document.value);
  // The default is not written down: the same file means the same document by every path.
  if (metadata != nullptr && !wanted.name_space.empty() && wanted.name_space != "default" &&
      !metadata->contains("namespace")) {
    metadata->emplace("namespace", wanted.name_space);
  }
  if (metadata != nullptr && !wanted.name.empty() && !metadata->contains("name")) {
    metadata->emplace("name", wanted.name);
  }
  if (!kind) {
    found.push_back(
        {.pointer = "/kind", .message = "a document must say 'kind: Job' or 'kind: Workflow'"});
  } else {
    auto read = runtime::read_definition(*kind, to_text(document.value));
    if (!read) {
      found = read.problem().fields;
      if (found.empty()) {
        found.push_back({.pointer = "", .message = read.problem().detail});
      }
    } else {
      definition = std::move(read).value();
    }
  }
  // What the text's own lines are counts, not those of the text it was turned into.
  for (FieldProblem& problem : found) {
    problem.line = 0;
  }
  if (definition && !wanted.name.empty() && definition->name != wanted.name) {
    found.push_back(
        {.pointer = "/metadata/name",
         .message = "must be '" + wanted.name + "' as in the path: a name is for life"});
  }
  if (definition && !wanted.name.empty() && definition->name_space != wanted.name_space) {
    found.push_back({.pointer = "/metadata/namespace",
                     .message = "must be '" + wanted.name_space + "' as the request says"});
  }
  document.add_lines(found);
  problems.insert(problems.end(), found.begin(), found.end());
  return definition;
}

void refuse_twins(const Definitions& definitions,
                  const std::vector<TextDocument>& documents,
                  std::vector<FieldProblem>& problems) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    if (definitions[i] == nullptr) {
      continue;
    }
    const Definition& one = *definitions[i];
    const std::string name =
        std::string(to_string(one.kind)) + " '" + one.name_space + "/" + one.name;
    if (!names.insert(name).second) {
      problems.push_back({.pointer = "/metadata/name",
                          .message = "the " + name + "' is in this text twice",
                          .line = documents[i].line_of("/metadata/name")});
    }
  }
}

Problem summed_up(std::vector<FieldProblem> problems) {
  const FieldProblem& first = problems.front();
  std::string detail = first.line > 0 ? "line " + std::to_string(first.line) + ": " : "";
  detail += first.message;
  if (problems.size() > 1) {
    detail += " (and " + std::to_string(problems.size() - 1) + " more)";
  }
  return {ProblemCode::invalid, std::move(detail), std::move(problems)};
}

}  // namespace

Outcome<Definitions> read_definitions(const Request& request, const DefinitionText& wanted) {
  auto documents = read_text(request);
  if (!documents) {
    return documents.problem();
  }
  if (documents->empty()) {
    return Problem{ProblemCode::invalid, "the text holds no document"};
  }
  if (wanted.kind && documents->size() > 1) {
    return Problem{ProblemCode::invalid,
                   "this takes one document; POST /api/v1/definitions takes several"};
  }
  Definitions definitions;
  std::vector<FieldProblem> problems;
  for (std::size_t i = 0; i < documents->size(); ++i) {
    const std::size_t before = problems.size();
    definitions.push_back(read_one((*documents)[i], wanted, problems));
    for (std::size_t at = before; documents->size() > 1 && at < problems.size(); ++at) {
      problems[at].message.insert(0, "document " + std::to_string(i + 1) + ": ");
    }
  }
  refuse_twins(definitions, *documents, problems);
  if (!problems.empty()) {
    return summed_up(std::move(problems));
  }
  return definitions;
}

}  // namespace jobflow::api
