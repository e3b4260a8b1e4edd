// The handlers that every `jobflow worker` knows and what their params may hold: one table, for the
// check at save and for the worker's own. Pure.
#pragma once

#include "model/json.h"
#include "model/outcome.h"

#include <span>
#include <string_view>
#include <vector>

namespace jobflow {

// In the order in which they are listed; each is a shorthand of a definition, too.
std::span<const std::string_view> builtin_handlers();

enum class ParamsCheck : unsigned char {
  part,      // written down, but triggers may yet add to them
  whole,     // written down; what is missing stays missing
  at_start,  // as a body got them: nobody is there to correct a name, so names are not judged
};

// Statuses of HTTP, both ends included.
struct StatusRange {
  int first = 0, last = 0;
};
// "204", "2xx", "200-204".
Outcome<StatusRange> parse_status_range(std::string_view text);

// What is wrong with params of a built-in handler, each with its pointer below them; nothing for
// any other handler. Texts with {{ }} are left alone, unless it is a body that got them.
std::vector<FieldProblem> check_builtin_params(std::string_view handler,
                                               const JsonValue& params,
                                               ParamsCheck check);

}  // namespace jobflow
