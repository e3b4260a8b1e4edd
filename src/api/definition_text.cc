#include "api/definition_text.h"

#include "api/calendar_text.h"
#include "api/forbidden_handlers.h"
#include "api/yaml_document.h"
#include "model/json.h"
#include "model/limits.h"
#include "runtime/hall.h"
#include "schedule/warnings.h"

#include <boost/json/object.hpp>

#include <algorithm>
#include <iterator>
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
  if (kind->get_string() == "Semaphore") {
    return DefinitionKind::semaphore;
  }
  return std::nullopt;
}

json::object* metadata_of(json::value& value) {
  json::value* metadata = value.is_object() ? value.get_object().if_contains("metadata") : nullptr;
  return metadata != nullptr && metadata->is_object() ? &metadata->get_object() : nullptr;
}

bool is_calendar(const json::value& value) {
  const json::value* kind = value.is_object() ? value.get_object().if_contains("kind") : nullptr;
  return kind != nullptr && kind->is_string() && kind->get_string() == "Calendar";
}

// By the request. The default is not written down: the same file means the same document by every
// path.
void complete_metadata(json::value& value, const DefinitionText& wanted) {
  json::object* metadata = metadata_of(value);
  if (metadata != nullptr && !wanted.name_space.empty() && wanted.name_space != "default" &&
      !metadata->contains("namespace")) {
    metadata->emplace("namespace", wanted.name_space);
  }
  if (metadata != nullptr && !wanted.name.empty() && !metadata->contains("name")) {
    metadata->emplace("name", wanted.name);
  }
}

void check_name(const std::string& name,
                const std::string& name_space,
                const DefinitionText& wanted,
                std::vector<FieldProblem>& found) {
  if (!wanted.name.empty() && name != wanted.name) {
    found.push_back(
        {.pointer = "/metadata/name",
         .message = "must be '" + wanted.name + "' as in the path: a name is for life"});
  }
  if (!wanted.name.empty() && name_space != wanted.name_space) {
    found.push_back({.pointer = "/metadata/namespace",
                     .message = "must be '" + wanted.name_space + "' as the request says"});
  }
}

std::vector<FieldProblem> read_one_calendar(TextDocument& document,
                                            const DefinitionText& wanted,
                                            CalendarRow& row) {
  std::vector<FieldProblem> found;
  complete_metadata(document.value, wanted);
  row = decode_calendar(document.value, found);
  if (found.empty()) {
    check_name(row.name, row.name_space, wanted, found);
  }
  document.add_lines(found);
  return found;
}

// One document, checked; and what is wrong with it.
std::vector<FieldProblem> read_one(TextDocument& document,
                                   const DefinitionText& wanted,
                                   const schedule::CalendarBook& calendars,
                                   std::shared_ptr<const Definition>& definition) {
  std::vector<FieldProblem> found;
  const auto kind = wanted.kind ? wanted.kind : stated_kind(document.value);
  complete_metadata(document.value, wanted);
  if (!kind) {
    found.push_back({.pointer = "/kind",
                     .message = "a document must say 'kind: Job', 'kind: Workflow' or "
                                "'kind: Calendar'"});
  } else {
    auto read = runtime::read_definition(*kind, to_text(document.value), calendars);
    if (!read) {
      found = read.problem().fields;
      if (found.empty()) {
        found.push_back({.pointer = "", .message = read.problem().detail});
      }
    } else {
      definition = std::move(read).value();
      check_name(definition->name, definition->name_space, wanted, found);
      if (wanted.forbidden != nullptr) {
        std::ranges::move(check_handlers(*definition, *wanted.forbidden),
                          std::back_inserter(found));
      }
    }
  }
  // What the text's own lines are counts, not those of the text it was turned into.
  for (FieldProblem& problem : found) {
    problem.line = 0;
  }
  document.add_lines(found);
  return found;
}

// Of each trigger, by its name.
std::vector<std::string> warnings_of(const Definition& definition,
                                     const schedule::CalendarBook& calendars,
                                     Instant now) {
  std::vector<std::string> all;
  for (const TriggerSpec& trigger : definition.triggers()) {
    const auto times =
        schedule::Timetable::make(trigger.schedule, now, schedule_hash(definition, trigger.name));
    if (!times) {
      continue;
    }
    for (const std::string& warning : schedule::trigger_warnings(
             trigger.schedule, *times, definition.name_space, calendars, now)) {
      all.push_back("trigger '" + trigger.name + "': " + warning);
    }
  }
  return all;
}

std::vector<std::string> warnings_of(const CalendarRow& row, Instant now) {
  const auto calendar = schedule::read_calendar(row.document);
  return calendar ? schedule::calendar_warnings(*calendar, now) : std::vector<std::string>{};
}

// What is wrong with each of them.
using ProblemsOfEach = std::vector<std::vector<FieldProblem>>;

void refuse_twins(const std::vector<Document>& read,
                  const std::vector<TextDocument>& documents,
                  ProblemsOfEach& problems) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const Definition* definition = read[i].definition.get();
    const CalendarRow& calendar = read[i].calendar;
    if (!problems[i].empty()) {
      continue;
    }
    const std::string name = definition != nullptr
                                 ? std::string(to_string(definition->kind)) + " '" +
                                       definition->name_space + "/" + definition->name
                                 : "calendar '" + calendar.name_space + "/" + calendar.name;
    if (!names.insert(name).second) {
      problems[i].push_back({.pointer = "/metadata/name",
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

// What is wrong with all of them, or nothing.
std::vector<FieldProblem> joined(ProblemsOfEach problems) {
  std::vector<FieldProblem> all;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    for (FieldProblem& problem : problems[i]) {
      if (problems.size() > 1) {
        problem.message.insert(0, "document " + std::to_string(i + 1) + ": ");
      }
      all.push_back(std::move(problem));
    }
  }
  return all;
}

}  // namespace

Outcome<std::vector<Document>> read_documents(const Request& request,
                                              const DefinitionText& wanted,
                                              const schedule::CalendarBook& calendars) {
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
  std::vector<Document> read(documents->size());
  ProblemsOfEach problems(documents->size());
  schedule::CalendarBook book = calendars;
  const auto is_one = [&](const TextDocument& text) {
    return !wanted.kind && is_calendar(text.value);
  };
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (is_one((*documents)[i])) {
      problems[i] = read_one_calendar((*documents)[i], wanted, read[i].calendar);
      CalendarRow next = read[i].calendar;
      const auto before = book.find(next.name_space, next.name);
      next.revision = before ? before->newest + 1 : 1;
      book.take(next);
    }
  }
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!is_one((*documents)[i])) {
      problems[i] = read_one((*documents)[i], wanted, book, read[i].definition);
    }
  }
  refuse_twins(read, *documents, problems);
  if (auto all = joined(std::move(problems)); !all.empty()) {
    return summed_up(std::move(all));
  }
  for (Document& one : read) {
    one.warnings = one.definition ? warnings_of(*one.definition, book, wanted.now)
                                  : warnings_of(one.calendar, wanted.now);
  }
  return read;
}

Outcome<Document> read_definition(const Request& request,
                                  const DefinitionText& wanted,
                                  const schedule::CalendarBook& calendars) {
  check(wanted.kind.has_value(), "a kind makes it one, and no calendar");
  auto documents = read_documents(request, wanted, calendars);
  if (!documents) {
    return documents.problem();
  }
  return std::move(documents->front());
}

Outcome<Document> read_calendar(const Request& request, const DefinitionText& wanted) {
  auto documents = is_icalendar(request)
                       ? Outcome<std::vector<TextDocument>>({wrap_icalendar(request)})
                       : read_text(request);
  if (!documents) {
    return documents.problem();
  }
  if (documents->size() != 1) {
    return Problem{ProblemCode::invalid,
                   "this takes one document; POST /api/v1/definitions takes several"};
  }
  Document read;
  if (auto problems = read_one_calendar(documents->front(), wanted, read.calendar);
      !problems.empty()) {
    return summed_up(std::move(problems));
  }
  read.warnings = warnings_of(read.calendar, wanted.now);
  return read;
}

}  // namespace jobflow::api
