// Rows of runs, triggers and backfills to and from statements: the one place that knows the
// columns' order.
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

int save_trigger(Statement& statement, const TriggerRow& row);
int advance_trigger(Statement& statement, Id trigger, const TriggerProgress& progress);
TriggerRow read_trigger(const Statement::Use& row);

int insert_backfill(Statement& statement, const BackfillRow& row);
int advance_backfill(Statement& statement, Id backfill, const BackfillProgress& progress);
BackfillRow read_backfill(const Statement::Use& row);
PermitRow read_permit(ShardNumber shard, const Statement::Use& row);

}  // namespace jobflow::store::sqlite
