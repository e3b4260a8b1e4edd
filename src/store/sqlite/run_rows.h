// Rows of runs to and from statements: the one place that knows the columns' order.
#pragma once

#include "model/rows.h"
#include "store/sqlite/connection.h"

#include <vector>

namespace jobflow::store::sqlite {

// Answers how many rows changed.
int insert_run(Statement& statement, const RunRow& row, const RunProgress& progress);
int update_run(Statement& statement, Id run, const RunProgress& progress);

RunRow read_run(const Statement::Use& row);
// Reads to the end and appends.
void read_runs(Statement::Use& rows, std::vector<RunRow>& runs);

DefinitionRow read_definition(const Statement::Use& row);
TriggerRow read_trigger(const Statement::Use& row);

}  // namespace jobflow::store::sqlite
