// What a YAML scalar means by the core schema. Pure.
#pragma once

#include "model/outcome.h"

#include <boost/json/value.hpp>

#include <string_view>

namespace jobflow::api {

// `tag` as the parser gives it: "?" or "" for a plain scalar, "!" for a quoted one, else the tag.
Outcome<boost::json::value> yaml_scalar(std::string_view tag, std::string_view text);

}  // namespace jobflow::api
