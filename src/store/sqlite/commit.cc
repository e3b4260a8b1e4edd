#include "store/sqlite/commit.h"

#include "model/check.h"
#include "model/crash_point.h"
#include "store/sqlite/run_rows.h"

namespace jobflow::store::sqlite {
namespace {

const char* statement(std::string_view name) {
  return find_statement("statements.sql", name);
}

// A row that can never be written, as this program sees it; the database's own checks say the rest.
SqliteError refusal(const std::string& why) {
  return {SQLITE_CONSTRAINT, why};
}

void expect_one(int changed, const char* what, Id id) {
  if (changed != 1) {
    throw refusal(std::string(what) + " " + to_string(id));
  }
}

}  // namespace

Committer::Committer(Connection& connection)
    : connection_(connection),
      begin_(connection, statement("begin")),
      commit_(connection, statement("commit")),
      rollback_(connection, statement("rollback")),
      fence_(connection, statement("fence")),
      member_(connection, statement("member")),
      setting_(connection, statement("setting")),
      insert_run_(connection, statement("insert_run")),
      update_run_(connection, statement("update_run")),
      insert_attempt_(connection, statement("insert_attempt")),
      save_definition_(connection, statement("save_definition")),
      save_revision_(connection, statement("save_revision")),
      save_trigger_(connection, statement("save_trigger")),
      advance_trigger_(connection, statement("advance_trigger")),
      delete_trigger_(connection, statement("delete_trigger")),
      insert_backfill_(connection, statement("insert_backfill")),
      advance_backfill_(connection, statement("advance_backfill")),
      save_skipped_(connection, statement("save_skipped_firing")),
      insert_key_(connection, statement("insert_idempotency_key")),
      insert_command_(connection, statement("insert_command")),
      insert_letter_(connection, statement("insert_letter")),
      delete_letters_(connection, statement("delete_letters")),
      mark_letter_(connection, statement("mark_letter")),
      save_watch_(connection, statement("save_watch")),
      delete_watch_(connection, statement("delete_watch")),
      save_follow_(connection, statement("save_follow")),
      delete_follow_(connection, statement("delete_follow")),
      save_permit_(connection, statement("save_permit")),
      delete_permit_(connection, statement("delete_permit")),
      save_hold_(connection, statement("save_hold")),
      delete_hold_(connection, statement("delete_hold")),
      owner_of_shard_(connection, statement("owner_of_shard")),
      hand_over_(connection, statement("hand_over")),
      revoke_(connection, statement("revoke")),
      move_shard_(connection, statement("move_shard")),
      set_member_state_(connection, statement("set_member_state")),
      raise_generation_(connection, statement("raise_generation")),
      newest_journal_(connection, statement("newest_journal")),
      insert_journal_(connection, statement("insert_journal")),
      replace_journal_(connection, statement("replace_journal")) {}

CommitAnswer Committer::commit(const Batch& batch) {
  try {
    return write(batch);
  } catch (const SqliteError& error) {
    rollback();
    return {classify(error), error.what()};
  } catch (const std::bad_alloc&) {
    rollback();
    return {CommitResult::unavailable, "out of memory"};
  }
}

void Committer::rollback() {
  if (sqlite3_get_autocommit(connection_.raw()) == 0) {
    try {
      rollback_.run();
    } catch (const SqliteError&) {
      // SQLite has rolled back by itself, or will when the next BEGIN fails: nothing is committed.
    }
  }
}

CommitAnswer Committer::write(const Batch& batch) {
  begin_.run();
  if (fence_.run(batch.member, batch.term, batch.number, batch.generation) != 1) {
    return not_fenced_in(batch);
  }
  for (const ShardPart& part : batch.parts) {
    if (!owns(batch, part)) {
      rollback();
      return {CommitResult::history_changed,
              "shard " + std::to_string(part.shard) + " is not this member's"};
    }
    for (const Change& change : part.changes) {
      write_change(change);
    }
  }
  crash_point("mid_batch");
  write_runs(batch);
  for (const ShardPart& part : batch.parts) {
    if (!write_journal(batch, part)) {
      rollback();
      return {CommitResult::history_changed, "the journal of shard " +
                                                 std::to_string(part.journal.source) +
                                                 " does not end where this member left it"};
    }
    if (part.hand_to != 0) {
      hand_over_.run(part.shard, part.epoch, part.hand_to);
    }
  }
  if (batch.placement && !place(batch, *batch.placement)) {
    rollback();
    return {CommitResult::not_as_seen, "the cluster is not as this member saw it"};
  }
  crash_point("before_commit");
  commit_.run();
  crash_point("after_commit");
  return {CommitResult::landed, {}};
}

// A belt to the fence. A member's own events have a source of their own, which nobody moves.
bool Committer::owns(const Batch& batch, const ShardPart& part) {
  auto row = owner_of_shard_.with(part.shard);
  return !row.step() || (row.number(0) == batch.member && row.number(1) == part.epoch);
}

// False when something in it is no longer as it was seen.
bool Committer::place(const Batch& batch, const Placement& placement) {
  for (const Placement::Revoked& dead : placement.revoked) {
    if (revoke_.run(dead.member, dead.term, dead.batch) != 1) {
      return false;
    }
  }
  for (const Placement::Move& move : placement.moves) {
    if (move_shard_.run(move.shard, move.from, move.epoch, move.to) != 1) {
      return false;
    }
  }
  if (placement.generation != 0 &&
      raise_generation_.run(placement.generation, placement.next_generation) != 1) {
    return false;
  }
  set_member_state_.run(batch.member, static_cast<int>(placement.own_state));
  return true;
}

// The look of I1b: in the same transaction, why no row changed.
CommitAnswer Committer::not_fenced_in(const Batch& batch) {
  CommitAnswer answer{CommitResult::fenced,
                      "the store knows no member " + std::to_string(batch.member)};
  {
    auto row = member_.with(batch.member);
    if (row.step()) {
      if (row.number(0) != batch.term) {
        answer.detail = "term " + std::to_string(row.number(0)) + " took over from term " +
                        std::to_string(batch.term);
      } else if (row.number(2) == static_cast<int>(MemberState::gone)) {
        answer.detail = "the member was declared gone";
      } else if (row.number(1) == batch.number) {
        answer = {CommitResult::landed, "an earlier sending landed"};
      } else if (row.number(1) == batch.number - 1) {
        answer = not_of_this_history(batch);
      } else {
        answer = {CommitResult::history_changed, "the store holds batch " +
                                                     std::to_string(row.number(1)) + ", sent was " +
                                                     std::to_string(batch.number)};
      }
    }
  }
  rollback();
  return answer;
}

CommitAnswer Committer::not_of_this_history(const Batch& batch) {
  auto setting = setting_.with("generation");
  check(setting.step(), "a store has a generation");
  const std::int64_t generation = std::stoll(setting.text(0));
  return {
      batch.generation < generation ? CommitResult::old_generation : CommitResult::history_changed,
      "the store is in generation " + std::to_string(generation)};
}

void Committer::write_change(const Change& change) {
  if (const auto* attempt = std::get_if<InsertAttempt>(&change)) {
    const AttemptRow& row = attempt->row;
    insert_attempt_.run(row.run.value, row.number, row.token.value, static_cast<int>(row.state),
                        row.worker, row.incarnation.value, row.started.ms, row.ended.ms,
                        row.error_kind, row.error, row.retry_at.ms);
  } else if (const auto* revision = std::get_if<SaveRevision>(&change)) {
    const DefinitionRow& row = revision->row;
    expect_one(save_definition_.run(row.id.value, static_cast<int>(row.kind), row.name_space,
                                    row.name, row.revision, row.deleted, row.created.ms),
               "a revision older than the current one, or of another name, of definition", row.id);
    save_revision_.run(row.id.value, row.revision, row.enabled, row.deleted, row.updated.ms,
                       row.principal, row.document);
  } else if (const auto* save = std::get_if<SaveTrigger>(&change)) {
    save_trigger(save_trigger_, save->row);
  } else if (const auto* advance = std::get_if<AdvanceTrigger>(&change)) {
    expect_one(advance_trigger(advance_trigger_, advance->trigger, advance->progress),
               "no such trigger:", advance->trigger);
  } else if (const auto* gone = std::get_if<DeleteTrigger>(&change)) {
    delete_trigger_.run(gone->trigger.value);
  } else if (const auto* skipped = std::get_if<SaveSkippedFiring>(&change)) {
    const SkippedFiringRow& row = skipped->row;
    expect_one(save_skipped_.run(row.trigger.value, row.from.ms, row.to.ms, row.count, row.reason),
               "a firing is there: trigger", row.trigger);
  } else if (const auto* begun = std::get_if<InsertBackfill>(&change)) {
    insert_backfill(insert_backfill_, begun->row);
  } else if (const auto* on = std::get_if<AdvanceBackfill>(&change)) {
    expect_one(advance_backfill(advance_backfill_, on->backfill, on->progress),
               "no such backfill:", on->backfill);
  } else if (const auto* key = std::get_if<InsertIdempotency>(&change)) {
    const IdempotencyRow& row = key->row;
    insert_key_.run(row.definition.value, row.key, row.run.value, row.expires.ms);
  } else if (const auto* command = std::get_if<InsertCommand>(&change)) {
    const CommandRow& row = command->row;
    insert_command_.run(row.id.value, row.shard, row.at.ms, row.subject.value, row.revision,
                        row.created, row.changed, row.name);
  } else {
    write_letters(change);
  }
}

void Committer::write_letters(const Change& change) {
  if (const auto* letter = std::get_if<InsertLetter>(&change)) {
    const LetterRow& row = letter->row;
    insert_letter_.run(row.from, row.to, row.number.value, row.after.value,
                       encode_letter(row.body));
  } else if (const auto* gone = std::get_if<DeleteLetters>(&change)) {
    delete_letters_.run(gone->from, gone->to, gone->up_to.value);
  } else if (const auto* mark = std::get_if<MarkLetter>(&change)) {
    mark_letter_.run(mark->row.to, mark->row.from, mark->row.number.value);
  } else if (const auto* watch = std::get_if<SaveWatch>(&change)) {
    const WatchRow& row = watch->row;
    save_watch_.run(row.run.shard(), row.run.value, row.watcher.value);
  } else if (const auto* over = std::get_if<DeleteWatch>(&change)) {
    const WatchRow& row = over->row;
    delete_watch_.run(row.run.shard(), row.run.value, row.watcher.value);
  } else if (const auto* follow = std::get_if<SaveFollow>(&change)) {
    const FollowRow& row = follow->row;
    save_follow_.run(row.shard, row.trigger.value, row.follow.value, row.states,
                     static_cast<int>(row.kind), row.name_space, row.name);
  } else if (const auto* left = std::get_if<DeleteFollow>(&change)) {
    delete_follow_.run(left->shard, left->trigger.value);
  } else {
    write_permits(change);
  }
}

void Committer::write_permits(const Change& change) {
  if (const auto* permit = std::get_if<SavePermit>(&change)) {
    const PermitRow& row = permit->row;
    save_permit_.run(row.shard, row.ask.value, row.run.value, row.priority, row.since.ms,
                     row.granted.ms, row.name_space, row.semaphore);
  } else if (const auto* back = std::get_if<DeletePermit>(&change)) {
    delete_permit_.run(back->shard, back->ask.value);
  } else if (const auto* hold = std::get_if<SaveHold>(&change)) {
    const HoldRow& row = hold->row;
    save_hold_.run(row.ask.shard(), row.ask.value, row.run.value, row.granted ? 1 : 0,
                   row.name_space, row.semaphore);
  } else if (const auto* loose = std::get_if<DeleteHold>(&change)) {
    delete_hold_.run(loose->ask.shard(), loose->ask.value);
  }
}

void Committer::write_runs(const Batch& batch) {
  fold_run_writes(batch, run_writes_);
  for (const RunWrite& write : run_writes_) {
    if (write.wrong_order) {
      throw refusal("run " + to_string(write.run) + " is inserted after its first change");
    }
    if (write.inserted != nullptr) {
      insert_run(insert_run_, *write.inserted, *write.progress);
    } else {
      expect_one(update_run(update_run_, write.run, *write.progress), "no such run:", write.run);
    }
  }
}

// False when the journal does not end just before `part` begins: somebody else wrote history.
bool Committer::write_journal(const Batch& batch, const ShardPart& part) {
  const JournalPart& journal = part.journal;
  const auto from = journal_key(journal.source, 0);
  const auto to = journal_key(journal.source, kJournalLastNumber);
  std::int64_t newest_key = 0;
  std::int64_t newest = 0;
  std::int64_t newest_id = 0;
  {
    auto row = newest_journal_.with(from, to);
    if (row.step()) {
      newest_key = row.number(0);
      newest = row.number(1);
      newest_id = row.number(2);
    }
  }
  if (newest != journal.first - 1 || part.last_id.value < newest_id) {
    return false;
  }
  if (journal.events.empty() && part.last_id.value == newest_id) {
    return true;
  }
  const auto key = journal_key(journal.source, journal.first);
  const auto last = journal.first + static_cast<std::int64_t>(journal.events.size()) - 1;
  const std::string events = encode_events(journal.events);
  Statement& write = newest_key == key ? replace_journal_ : insert_journal_;
  auto row = write.with(key, last, part.last_id.value, batch.time.ms, batch.number);
  row.bind_blob(journal.events.empty() ? std::string_view() : std::string_view(events));
  row.step();
  volume_.add(batch.time, events.size());
  return true;
}

}  // namespace jobflow::store::sqlite
