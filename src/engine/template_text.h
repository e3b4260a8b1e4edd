// One string that may hold templates, taken apart: the grammar of `{{ ... }}` (S8.4). Pure.
//
//   template = "{{" ( path | literal ) "}}"      path = name { "." name | "[" index | key "]" }
//   name     = letter or _, then letters, digits, _ and inner -      index = digits
//   literal, key = text in single or double quotes, without that quote: {{ '{{' }} gives {{
#pragma once

#include "model/outcome.h"

#include <string>
#include <string_view>
#include <vector>

namespace jobflow::engine {

struct PathStep {
  std::string name;       // of a member; or the digits of an index
  bool is_index = false;  // [0]: an item of an array
};

struct TemplatePart {
  enum class Kind : unsigned char { text, path };
  Kind kind = Kind::text;
  std::string text;            // plain text; of a path, as it was written: for messages
  std::vector<PathStep> path;  // not empty; its first step is the root
};

inline bool has_template(std::string_view text) {
  return text.find("{{") != std::string_view::npos;
}

// The parts of a text in order. A problem says what is wrong and quotes the template.
Outcome<std::vector<TemplatePart>> parse_template(std::string_view text);

}  // namespace jobflow::engine
