#include "model/definition_fields.h"

#include "model/definition.h"
#include "model/spelling.h"

#include <algorithm>
#include <utility>

namespace jobflow {
namespace {

const boost::json::object kNoMembers;

std::string shown(double value) {
  return to_text(JsonValue(value));
}

std::string must_be(std::string_view what, const JsonValue& value) {
  return "must be " + std::string(what) + ", not " + std::string(kind_in_words(value));
}

}  // namespace

void ProblemList::add(std::string pointer, std::string message) {
  if (is_full()) {
    ++dropped_;
    return;
  }
  kept_.push_back({std::move(pointer), std::move(message)});
}

bool ProblemList::is_full() const {
  return kept_.size() >= static_cast<std::size_t>(limits::kProblemsMax);
}

std::vector<FieldProblem> ProblemList::take() {
  if (dropped_ > 0) {
    kept_.push_back({"", "and " + std::to_string(dropped_) + " more problems"});
  }
  return std::exchange(kept_, {});
}

Fields::Fields(ProblemList& problems, const JsonValue& value, std::string pointer)
    : problems_(problems),
      object_(value.is_object() ? value.get_object() : kNoMembers),
      pointer_(std::move(pointer)) {
  if (!value.is_object()) {
    problems_.add(pointer_, must_be("an object", value));
  }
}

const JsonValue* Fields::find_any(std::string_view name) {
  known_.push_back(name);
  return object_.if_contains(name);
}

const JsonValue* Fields::find(std::string_view name) {
  const JsonValue* value = find_any(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

bool Fields::text(std::string_view name, std::size_t bytes_max, std::string& into) {
  const JsonValue* value = find(name);
  if (value == nullptr) {
    return false;
  }
  if (!value->is_string()) {
    wrong(name, must_be("a string", *value) +
                    (value->is_number() || value->is_bool() ? ": put it in quotes" : ""));
    return false;
  }
  const auto& text = value->get_string();
  if (text.size() > bytes_max) {
    wrong(name, "is longer than " + std::to_string(bytes_max) + " bytes");
    return false;
  }
  into.assign(text.data(), text.size());
  return true;
}

bool Fields::name(std::string_view name, std::string& into) {
  std::string found;
  if (!text(name, limits::kNameBytes, found)) {
    return false;
  }
  if (!is_valid_name(found)) {
    wrong(name, "'" + found + "' is not a name: use 1 to " + std::to_string(limits::kNameBytes) +
                    " letters, digits, '.', '_' and '-', starting with a letter");
    return false;
  }
  into = std::move(found);
  return true;
}

bool Fields::flag(std::string_view name, bool& into) {
  const JsonValue* value = find(name);
  if (value == nullptr) {
    return false;
  }
  if (!value->is_bool()) {
    wrong(name, must_be("true or false", *value));
    return false;
  }
  into = value->get_bool();
  return true;
}

bool Fields::whole(std::string_view name, int least, int most, int& into) {
  const JsonValue* value = find(name);
  if (value == nullptr) {
    return false;
  }
  const bool fits = value->is_int64() && value->get_int64() >= least && value->get_int64() <= most;
  if (!fits) {
    const std::string wanted =
        "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    wrong(name, value->is_number() ? "must be " + wanted + ", not " + to_text(*value)
                                   : must_be(wanted, *value));
    return false;
  }
  into = static_cast<int>(value->get_int64());
  return true;
}

bool Fields::number(std::string_view name, double least, double most, double& into) {
  const JsonValue* value = find(name);
  if (value == nullptr) {
    return false;
  }
  const std::string wanted = "a number from " + shown(least) + " to " + shown(most);
  if (!value->is_number()) {
    wrong(name, must_be(wanted, *value));
    return false;
  }
  const auto number = value->to_number<double>();
  if (!(number >= least && number <= most)) {
    wrong(name, "must be " + wanted + ", not " + to_text(*value));
    return false;
  }
  into = number;
  return true;
}

bool Fields::span(std::string_view name, Span least, Span& into) {
  const JsonValue* value = find(name);
  if (value == nullptr) {
    return false;
  }
  if (!value->is_string() && !value->is_int64()) {
    wrong(name, must_be("a duration such as \"90s\", or whole milliseconds", *value));
    return false;
  }
  const auto read = parse_span(value->is_string() ? std::string_view(value->get_string())
                                                  : std::string_view(to_text(*value)));
  if (!read) {
    wrong(name, read.problem().detail);
    return false;
  }
  if (*read < least) {
    wrong(name, "must be at least " + to_text(least));
    return false;
  }
  into = *read;
  return true;
}

bool Fields::object_text(std::string_view name, std::size_t bytes_max, std::string& into) {
  const JsonValue* value = find(name);
  if (value == nullptr) {
    return false;
  }
  if (!value->is_object()) {
    wrong(name, must_be("an object", *value));
    return false;
  }
  std::string text = to_text(*value);
  if (text.size() > bytes_max) {
    wrong(name, "is larger than " + std::to_string(bytes_max) + " bytes");
    return false;
  }
  into = std::move(text);
  return true;
}

int Fields::word(std::string_view name, std::span<const std::string_view> words) {
  std::string found;
  if (!text(name, limits::kNameBytes, found)) {
    return -1;
  }
  const auto match = std::find(words.begin(), words.end(), found);
  if (match != words.end()) {
    return static_cast<int>(match - words.begin());
  }
  std::string all;
  for (const std::string_view word : words) {
    all.append(all.empty() ? "" : ", ").append(word);
  }
  wrong(name, "'" + found + "' is not one of " + all + did_you_mean(found, words));
  return -1;
}

const boost::json::array* Fields::list(std::string_view name, int items_max) {
  const JsonValue* value = find(name);
  if (value == nullptr) {
    return nullptr;
  }
  if (!value->is_array()) {
    wrong(name, must_be("a list", *value));
    return nullptr;
  }
  if (value->get_array().size() > static_cast<std::size_t>(items_max)) {
    wrong(name, "has " + std::to_string(value->get_array().size()) + " items; at most " +
                    std::to_string(items_max) + " are allowed");
    return nullptr;
  }
  return &value->get_array();
}

void Fields::must_have(std::string_view name, std::string_view advice) {
  if (find(name) == nullptr) {
    wrong(name, "is missing: " + std::string(advice));
  }
}

void Fields::refuse_others(std::span<const FieldHint> hints) {
  for (const auto& [key, value] : object_) {
    const std::string_view name = key;
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) {
      continue;
    }
    const auto hint = std::find_if(hints.begin(), hints.end(),
                                   [&](const FieldHint& known) { return known.name == name; });
    if (hint != hints.end()) {
      wrong(name, std::string(hint->advice));
    } else {
      wrong(name, "unknown field" + did_you_mean(name, known_));
    }
  }
}

}  // namespace jobflow
