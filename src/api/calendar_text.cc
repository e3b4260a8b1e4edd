#include "api/calendar_text.h"

#include "model/definition_fields.h"
#include "model/json.h"
#include "model/limits.h"

#include <boost/json/object.hpp>

#include <array>

namespace jobflow::api {
namespace {

constexpr std::string_view kApiVersion = "jobflow/v1";
constexpr std::array<std::string_view, 1> kKinds{"Calendar"};

void read_metadata(const JsonValue& value, CalendarRow& row, ProblemList& problems) {
  Fields fields(problems, value, "/metadata");
  if (!fields.name("name", row.name) && value.is_object()) {
    fields.must_have("name", "every calendar has a name");
  }
  fields.name("namespace", row.name_space);
  fields.text("title", limits::kTitleBytes, row.title);
  std::string description;
  fields.text("description", limits::kDescriptionBytes, description);
  fields.refuse_others();
}

}  // namespace

CalendarRow decode_calendar(const boost::json::value& document,
                            std::vector<FieldProblem>& problems) {
  CalendarRow row{.name_space = "default"};
  ProblemList found;
  Fields top(found, document, "");
  std::string version;
  if (top.text("apiVersion", limits::kNameBytes, version) && version != kApiVersion) {
    top.wrong("apiVersion", "'" + version + "' is not known here: this server reads '" +
                                std::string(kApiVersion) + "'");
  }
  top.word("kind", kKinds);
  if (const JsonValue* metadata = top.find("metadata")) {
    read_metadata(*metadata, row, found);
  } else if (document.is_object()) {
    top.must_have("metadata", "write metadata: {name: ...}");
  }
  if (const JsonValue* spec = top.find("spec")) {
    schedule::Calendar::read(*spec, "/spec", found);
  } else if (document.is_object()) {
    top.must_have("spec", "it says what the calendar covers");
  }
  top.refuse_others();
  if (document.is_object()) {
    boost::json::object kept;
    for (const auto* part : {"metadata", "spec"}) {
      if (const JsonValue* value = document.get_object().if_contains(part)) {
        kept.emplace(part, *value);
      }
    }
    row.document = to_text(JsonValue(std::move(kept)));
  }
  if (row.document.size() > limits::kCalendarBytes) {
    found.add("", "a calendar is at most " + std::to_string(limits::kCalendarBytes) +
                      " bytes: make several of it");
  }
  problems = found.take();
  return row;
}

bool is_icalendar(const Request& request) {
  return request.content_type.find("text/calendar") != std::string::npos;
}

TextDocument wrap_icalendar(const Request& request) {
  boost::json::object metadata;
  boost::json::object spec;
  for (const auto& [query, member, into] : {std::tuple{"name", "name", &metadata},
                                            {"title", "title", &metadata},
                                            {"timezone", "timezone", &spec}}) {
    if (const std::string* text = request.asked(query)) {
      into->emplace(member, *text);
    }
  }
  spec.emplace("icalendar", request.body);
  boost::json::object document;
  document.emplace("metadata", std::move(metadata));
  document.emplace("spec", std::move(spec));
  return {.value = std::move(document), .lines = {}};
}

}  // namespace jobflow::api
