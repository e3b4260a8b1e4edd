// What only the engine can say of a definition: its cron expressions and its templates (S8.2).
#pragma once

#include "model/definition.h"

#include <vector>

namespace jobflow::engine {

// Every problem at once, each with its JSON pointer into the document: cron expressions that do
// not parse; templates that do not parse, name an unknown input, an unknown step, or a step that
// does not precede; templates in a job's params (a job has none).
std::vector<FieldProblem> check_definition(const Definition& definition);

}  // namespace jobflow::engine
