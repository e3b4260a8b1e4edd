// Templates in params: `{{ inputs.x }}` and `{{ steps.a.output.y }}` (S8.4, the first part of it).
// Side-effect-free and bounded; no script engine. Pure functions over JSON text.
#pragma once

#include "model/outcome.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::engine {

// What a template may look at. Each returns canonical JSON text, or nullptr when there is none.
struct Scope {
  std::string_view inputs = "{}";  // JSON object
  // The output of a finished step by id, or nullptr.
  std::function<const std::string*(std::string_view step)> step_output;
};

// Fills every template in the strings of `json`. A string that is one template alone becomes the
// value itself (any JSON type); templates inside longer text are written into it (strings bare,
// everything else as JSON). A missing value is a problem that names the path.
Outcome<std::string> fill_templates(std::string_view json, const Scope& scope);

// What `json`'s templates refer to, for checking at save; a syntax error is a problem at `pointer`.
struct Reference {
  std::string pointer;            // where in `json`
  std::string root;               // "inputs" or "steps"
  std::vector<std::string> path;  // ["x"], ["a", "output", "y"]
};
struct References {
  std::vector<Reference> found;
  std::vector<FieldProblem> problems;
};
References references_in(std::string_view json);

}  // namespace jobflow::engine
