// Definition files as text, YAML or JSON, to JSON values that know their lines, so that every
// problem can name the line it stands on. Pure.
//
// YAML by its core schema (1.2): `yes`, `on` and 012 are what they look like, not what YAML 1.1
// made of them. Refused with a clear error: duplicate keys, keys that are no scalars, foreign tags,
// .inf and .nan, and aliases or nesting beyond the bounds (aliases are copied, so they could
// multiply).
#pragma once

#include "model/outcome.h"

#include <boost/json/value.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::api {

struct TextDocument {
  boost::json::value value;
  std::map<std::string, int, std::less<>> lines;  // JSON pointer -> 1-based line

  // The line of `pointer` or of its nearest parent; 0 when not even the document's is known.
  int line_of(std::string_view pointer) const;
  // Fills in the lines of problems that have none.
  void add_lines(std::vector<FieldProblem>& problems) const;
};

struct TextLimits {
  std::size_t bytes = 8 * 1024 * 1024;
  int depth = 32;
  int documents = 1000;
  std::size_t values = 2'000'000;  // after aliases were copied
};

// All documents of `text`, empty ones left out. The problem's field holds the line.
Outcome<std::vector<TextDocument>> read_yaml(std::string_view text, const TextLimits& limits = {});
// One JSON document, or an array of them.
Outcome<std::vector<TextDocument>> read_json(std::string_view text, const TextLimits& limits = {});

}  // namespace jobflow::api
