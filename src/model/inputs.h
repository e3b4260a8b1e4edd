// A workflow run's inputs: what was given, checked against what the workflow declares. Pure.
#pragma once

#include "model/definition.h"
#include "model/outcome.h"

#include <string>
#include <string_view>
#include <vector>

namespace jobflow {

// `given` (a JSON object; "" = none) with the declared defaults filled in, in the declared order.
// A problem names every unknown, missing and mistyped input at once, by JSON pointer into `given`.
Outcome<std::string> complete_inputs(const std::vector<InputSpec>& declared,
                                     std::string_view given);

// "must be a string, not a number", or "" when the JSON text `value` is of that type.
std::string type_mismatch(InputType type, std::string_view value);

}  // namespace jobflow
