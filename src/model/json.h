// The server's only JSON: Boost.JSON's value, and its text codec with our limits.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "model/outcome.h"

namespace jobflow {

using Json = boost::json::value;

// Strict JSON, at most limits::kJsonDepth deep; a problem names the byte.
Outcome<Json> parse_json(std::string_view text);
std::string to_text(const Json& value);

// True when `text` is one JSON value within the depth limit.
bool is_json(std::string_view text);

// The members of `over` replace those of `base`, one level deep. Both are JSON objects as text;
// "" and "{}" are empty ones.
Outcome<std::string> merge_objects(const std::string& base, const std::string& over);

}  // namespace jobflow
