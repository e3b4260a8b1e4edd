#include "store/sqlite/run_rows.h"

namespace jobflow::store::sqlite {
namespace {

template <class Word>
int number_of(Word word) {
  return static_cast<int>(word);
}

int small(const Statement::Use& row, int column) {
  return static_cast<int>(row.number(column));
}

}  // namespace

int insert_run(Statement& statement, const RunRow& row, const RunProgress& progress) {
  return statement.run(
      row.id.value, number_of(progress.state), number_of(row.kind), row.definition.value,
      row.revision, row.parent.value, row.trigger.value, row.planned.ms, progress.attempt,
      progress.version, row.priority, progress.token.value, progress.incarnation.value,
      row.created.ms, progress.due.ms, progress.started.ms, progress.ended.ms, progress.progress,
      row.step, row.handler, progress.worker, row.idempotency_key, row.principal,
      progress.error_kind, progress.error, progress.result, progress.versions, row.params,
      row.after_run.value, row.occasion.value, row.hops, row.backfilled, progress.deadline.ms);
}

int update_run(Statement& statement, Id run, const RunProgress& progress) {
  return statement.run(run.value, number_of(progress.state), progress.attempt, progress.version,
                       progress.token.value, progress.incarnation.value, progress.due.ms,
                       progress.started.ms, progress.ended.ms, progress.progress, progress.worker,
                       progress.error_kind, progress.error, progress.result, progress.versions,
                       progress.deadline.ms);
}

RunRow read_run(const Statement::Use& row) {
  return RunRow{
      .id = {row.number(0)},
      .kind = static_cast<RunKind>(row.number(2)),
      .definition = {row.number(3)},
      .revision = small(row, 4),
      .parent = {row.number(5)},
      .step = row.text(18),
      .handler = row.text(19),
      .params = row.text(27),
      .priority = small(row, 10),
      .created = {row.number(13)},
      .trigger = {row.number(6)},
      .planned = {row.number(7)},
      .occasion = {row.number(29)},
      .backfilled = row.number(31) != 0,
      .hops = small(row, 30),
      .idempotency_key = row.text(21),
      .principal = row.text(22),
      .after_run = {row.number(28)},
      .progress = {.state = static_cast<RunState>(row.number(1)),
                   .version = small(row, 9),
                   .attempt = small(row, 8),
                   .token = {row.number(11)},
                   .worker = row.text(20),
                   .incarnation = {row.number(12)},
                   .due = {row.number(14)},
                   .started = {row.number(15)},
                   .deadline = {row.number(32)},
                   .ended = {row.number(16)},
                   .progress = row.real(17),
                   .result = row.text(25),
                   .error_kind = row.text(23),
                   .error = row.text(24),
                   .versions = row.text(26)},
  };
}

void read_runs(Statement::Use& rows, std::vector<RunRow>& runs) {
  while (rows.step()) {
    runs.push_back(read_run(rows));
  }
}

DefinitionRow read_definition(const Statement::Use& row) {
  return DefinitionRow{
      .id = {row.number(0)},
      .kind = static_cast<DefinitionKind>(row.number(1)),
      .name_space = row.text(2),
      .name = row.text(3),
      .revision = small(row, 4),
      .enabled = row.number(5) != 0,
      .deleted = row.number(6) != 0,
      .document = row.text(7),
      .created = {row.number(8)},
      .updated = {row.number(9)},
      .principal = row.text(10),
  };
}

int save_trigger(Statement& statement, const TriggerRow& row) {
  const TriggerProgress& at = row.progress;
  return statement.run(row.id.value, number_of(at.state), at.next_due.ms, at.anchor.ms,
                       at.follow.value, at.since.ms, at.skip_from.ms, at.skip_count, at.skip_reason,
                       at.paused_by, at.note, row.definition.value, row.name, row.schedule,
                       row.params);
}

int advance_trigger(Statement& statement, Id trigger, const TriggerProgress& at) {
  return statement.run(trigger.value, number_of(at.state), at.next_due.ms, at.anchor.ms,
                       at.follow.value, at.since.ms, at.skip_from.ms, at.skip_count, at.skip_reason,
                       at.paused_by, at.note);
}

TriggerRow read_trigger(const Statement::Use& row) {
  return TriggerRow{
      .id = {row.number(0)},
      .definition = {row.number(11)},
      .name = row.text(12),
      .schedule = row.text(13),
      .params = row.text(14),
      .progress = {.state = static_cast<TriggerState>(row.number(1)),
                   .next_due = {row.number(2)},
                   .anchor = {row.number(3)},
                   .follow = {row.number(4)},
                   .since = {row.number(5)},
                   .paused_by = row.text(9),
                   .note = row.text(10),
                   .skip_from = {row.number(6)},
                   .skip_count = small(row, 7),
                   .skip_reason = row.text(8)},
  };
}

int insert_backfill(Statement& statement, const BackfillRow& row) {
  const BackfillProgress& at = row.progress;
  return statement.run(row.id.value, row.trigger.value, row.definition.value, number_of(at.state),
                       row.from.ms, row.until.ms, row.total, row.newest_first, row.max_parallel,
                       row.waits, row.pauses_on_failure, row.anchor.ms, row.created.ms,
                       at.cursor.ms, at.made, at.kept_off, at.succeeded, at.failed, at.ended.ms,
                       row.principal, at.note, row.schedule, row.params);
}

int advance_backfill(Statement& statement, Id backfill, const BackfillProgress& at) {
  return statement.run(backfill.value, number_of(at.state), at.cursor.ms, at.made, at.kept_off,
                       at.succeeded, at.failed, at.ended.ms, at.note);
}

PermitRow read_permit(ShardNumber shard, const Statement::Use& row) {
  return {.shard = shard,
          .ask = {row.number(0)},
          .run = {row.number(1)},
          .name_space = row.text(5),
          .semaphore = row.text(6),
          .priority = static_cast<int>(row.number(2)),
          .since = {row.number(3)},
          .granted = {row.number(4)}};
}

BackfillRow read_backfill(const Statement::Use& row) {
  return BackfillRow{
      .id = {row.number(0)},
      .trigger = {row.number(1)},
      .definition = {row.number(2)},
      .from = {row.number(4)},
      .until = {row.number(5)},
      .total = small(row, 6),
      .newest_first = row.number(7) != 0,
      .max_parallel = small(row, 8),
      .waits = row.number(9) != 0,
      .pauses_on_failure = row.number(10) != 0,
      .schedule = row.text(21),
      .anchor = {row.number(11)},
      .params = row.text(22),
      .created = {row.number(12)},
      .principal = row.text(19),
      .progress = {.state = static_cast<BackfillState>(row.number(3)),
                   .cursor = {row.number(13)},
                   .made = small(row, 14),
                   .kept_off = small(row, 15),
                   .succeeded = small(row, 16),
                   .failed = small(row, 17),
                   .ended = {row.number(18)},
                   .note = row.text(20)},
  };
}

}  // namespace jobflow::store::sqlite
