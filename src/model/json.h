// The server's only JSON: Boost.JSON's value, and its text codec with our limits. (jobflow::Json is
// the SDK's own class.)
#pragma once

#include "model/outcome.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace jobflow {

using JsonValue = boost::json::value;

// Strict JSON, at most limits::kJsonDepth deep; a problem names the byte, its one field the line.
Outcome<JsonValue> parse_json(std::string_view text);
// Compact, members in their order, numbers in their shortest exact form.
std::string to_text(const JsonValue& value);

// "a string", "a number", "an object" ...: for messages.
std::string_view kind_in_words(const JsonValue& value);
// The JSON pointer of a member of what `parent` points to.
std::string pointer_to(std::string_view parent, std::string_view member);

// True when `text` is one JSON value within the depth limit.
bool is_json(std::string_view text);

// The field that a path of names with dots leads to (`customer.id`, `items.0`), as text: a string
// as it is, anything else as JSON. "" when the object has none, or null there.
std::string field_text(std::string_view object, std::string_view path);

// The members of `over` replace those of `base`, one level deep. Both are JSON objects as text;
// "" and "{}" are empty ones.
Outcome<std::string> merge_objects(const std::string& base, const std::string& over);

}  // namespace jobflow
