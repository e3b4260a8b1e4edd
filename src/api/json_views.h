// Rows as the public API shows them: JSON text, field by field as api/openapi.yaml says. Pure.
#pragma once

#include "api/name_book.h"
#include "model/rows.h"
#include "runtime/command_door.h"
#include "store/log_store.h"

#include <string>
#include <string_view>
#include <vector>

namespace jobflow::api {

void append_definition(std::string& out, const DefinitionRow& row);
std::string_view outcome_of(const engine::Reply& reply);  // of what was saved
void append_trigger(std::string& out, const TriggerRow& row);
void append_run(std::string& out, const RunRow& row, const Names& names);
// A step of a workflow: `row` is null while nothing of it was recorded.
struct StepShape {
  std::string id;
  std::vector<std::string> needs;
  std::string handler;
};
void append_step(std::string& out, const StepShape& step, const RunRow* row);
void append_attempt(std::string& out, const AttemptRow& row);
void append_explanation(std::string& out, Id run, const engine::Explanation& why);
// The attempt that the run's own row holds (house 3.5).
AttemptRow current_attempt(const RunRow& row);
void append_worker(std::string& out, const runtime::WorkerView& worker);
void append_log_line(std::string& out, const store::StoredLine& line);

std::string_view to_string(LogLevel level);

}  // namespace jobflow::api
