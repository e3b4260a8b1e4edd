-- Every statement the SQLite store runs, by name. `-- name:` begins one; the comment line after it
-- says what it is for. Columns of runs are always in the order that run_rows.cc reads and binds.

-- name: begin
-- Takes the write lock at once, so that nothing fails half-way for want of it.
BEGIN IMMEDIATE;

-- name: begin_read
-- A snapshot for several reads.
BEGIN;

-- name: commit
-- Durable when it returns.
COMMIT;

-- name: rollback
-- Forgets the transaction.
ROLLBACK;

-- name: fence
-- The first statement of every batch: this member, this term, the next number (I1a), this history.
-- Never one that is gone: a store that forgot a term gives the same number to whoever revokes.
UPDATE members SET batch = batch + 1
WHERE id = ?1 AND term = ?2 AND batch = ?3 - 1 AND state <> 2
AND (?4 = 0 OR EXISTS (SELECT 1 FROM settings WHERE name = 'generation' AND value = CAST(?4 AS TEXT)));

-- name: member
-- Why the fence did not hold (I1b), and the batch number of a snapshot.
SELECT term, batch, state FROM members WHERE id = ?1;

-- name: join
-- A new term for this name; its earlier process is fenced from here on.
INSERT INTO members (name, term, batch, address) VALUES (?1, 1, 0, ?2)
ON CONFLICT (name) DO UPDATE SET term = term + 1, state = 0, address = ?2
RETURNING id, term, batch;

-- name: claim_shards
-- Solo: the one who joined owns all shards, each in a new epoch.
UPDATE shards SET owner = ?1, epoch = epoch + 1;

-- name: owner_of_shard
-- Whose the shard is, and which owner of it speaks (I1e).
SELECT owner, epoch FROM shards WHERE shard = ?1;

-- name: hand_over
-- The last word of a shard's owner (I1e).
UPDATE shards SET owner = ?3, epoch = epoch + 1 WHERE shard = ?1 AND epoch = ?2;

-- name: revoke
-- Declares a member dead, if its row has not moved since it was seen; never its batch (I1c).
UPDATE members SET term = term + 1, state = 2 WHERE id = ?1 AND term = ?2 AND batch = ?3;

-- name: move_shard
-- A taker gives a dead member's shard, or nobody's, to a live one.
UPDATE shards SET owner = ?4, epoch = epoch + 1 WHERE shard = ?1 AND owner = ?2 AND epoch = ?3;

-- name: set_member_state
-- What a member says of itself.
UPDATE members SET state = ?2 WHERE id = ?1;

-- name: raise_generation
-- History has changed: everybody begins anew, once.
UPDATE settings SET value = CAST(?2 AS TEXT) WHERE name = 'generation' AND value = CAST(?1 AS TEXT);

-- name: list_members
-- Everybody, by id.
SELECT id, name, term, batch, state, address FROM members ORDER BY id;

-- name: list_shards
-- Whose is what.
SELECT shard, owner, epoch FROM shards ORDER BY shard;

-- name: setting
-- What was chosen when the store was made.
SELECT value FROM settings WHERE name = ?1;

-- name: insert_setting
-- Chosen once.
INSERT INTO settings (name, value) VALUES (?1, ?2);

-- name: insert_shard
-- Nobody's yet.
INSERT INTO shards (shard, owner, epoch) VALUES (?1, 0, 0);

-- name: newest_journal
-- Where a source's journal ends. Keys from ?1 to ?2 are the source's.
SELECT key, last, last_id FROM journal WHERE key BETWEEN ?1 AND ?2 ORDER BY key DESC LIMIT 1;

-- name: insert_journal
-- One touched shard of one batch.
INSERT INTO journal (key, last, last_id, time, batch, events) VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: replace_journal
-- Takes the place of a row without events, which holds no number.
UPDATE journal SET last = ?2, last_id = ?3, time = ?4, batch = ?5, events = ?6 WHERE key = ?1;

-- name: insert_run
-- A run as it stands at the end of the batch that made it.
INSERT INTO runs (id, state, kind, definition, revision, parent, trigger_id, planned, attempt,
                  version, priority, token, incarnation, created, due, started, ended, progress,
                  step, handler, worker, idempotency_key, principal, error_kind, error, result,
                  versions, params, after_run, occasion, hops, backfilled, deadline)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
        ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33);

-- name: update_run
-- Exactly the columns that change (RunProgress).
UPDATE runs SET state = ?2, attempt = ?3, version = ?4, token = ?5, incarnation = ?6, due = ?7,
                started = ?8, ended = ?9, progress = ?10, worker = ?11, error_kind = ?12,
                error = ?13, result = ?14, versions = ?15, deadline = ?16
WHERE id = ?1;

-- name: insert_attempt
-- An attempt that a retry replaces.
INSERT INTO attempts (run, number, token, state, worker, incarnation, started, ended, error_kind,
                      error, retry_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);

-- name: save_definition
-- The definition's head moves to a revision; never back.
INSERT INTO definitions (id, kind, name_space, name, revision, deleted, created)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, deleted = excluded.deleted
WHERE excluded.revision >= revision AND excluded.kind = kind
  AND excluded.name_space = name_space AND excluded.name = name;

-- name: save_revision
-- A document, or the same one marked deleted.
INSERT INTO revisions (definition, revision, enabled, deleted, updated, principal, document)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (definition, revision) DO UPDATE
SET enabled = excluded.enabled, deleted = excluded.deleted, updated = excluded.updated,
    principal = excluded.principal, document = excluded.document;

-- name: save_trigger
-- Inserts a trigger or replaces it by id.
INSERT INTO triggers (id, state, next_due, anchor, follow, since, skip_from, skip_count,
                      skip_reason, paused_by, note, definition, name, schedule, params)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
ON CONFLICT (id) DO UPDATE
SET state = excluded.state, next_due = excluded.next_due, anchor = excluded.anchor,
    follow = excluded.follow, since = excluded.since, skip_from = excluded.skip_from,
    skip_count = excluded.skip_count, skip_reason = excluded.skip_reason,
    paused_by = excluded.paused_by, note = excluded.note, definition = excluded.definition,
    name = excluded.name, schedule = excluded.schedule, params = excluded.params;

-- name: advance_trigger
-- Exactly the columns that change (TriggerProgress).
UPDATE triggers SET state = ?2, next_due = ?3, anchor = ?4, follow = ?5, since = ?6, skip_from = ?7,
                    skip_count = ?8, skip_reason = ?9, paused_by = ?10, note = ?11
WHERE id = ?1;

-- name: delete_trigger
-- Its runs and skipped firings stay.
DELETE FROM triggers WHERE id = ?1;

-- name: save_skipped_firing
-- Planned instants that did not run (S4.8); or more of them, in the row that begins there.
INSERT INTO skipped_firings (trigger_id, from_time, to_time, count, reason)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (trigger_id, from_time) DO UPDATE
SET to_time = excluded.to_time, count = excluded.count
WHERE excluded.to_time > to_time AND excluded.count > count AND excluded.reason = reason;

-- name: insert_backfill
-- One begins.
INSERT INTO backfills (id, trigger_id, definition, state, from_time, until_time, total, newest_first,
                       max_parallel, waits, pauses_on_failure, anchor, created, cursor, made, kept_off,
                       succeeded, failed, ended, principal, note, schedule, params)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
        ?21, ?22, ?23);

-- name: advance_backfill
-- Exactly the columns that change (BackfillProgress).
UPDATE backfills SET state = ?2, cursor = ?3, made = ?4, kept_off = ?5, succeeded = ?6, failed = ?7,
                     ended = ?8, note = ?9
WHERE id = ?1;

-- name: insert_idempotency_key
-- Replaces an older one by a new row at the end, so that rows stay in the order of expiry.
INSERT OR REPLACE INTO idempotency_keys (definition, key, run, expires) VALUES (?1, ?2, ?3, ?4);

-- name: insert_command
-- What became of a command (S12.4). Its key is the belt: none is carried out twice.
INSERT INTO commands (id, shard, time, subject, revision, created, changed, name)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: insert_letter
-- What one shard tells another, until the other is known to have applied it (I10).
INSERT INTO letters (from_shard, to_shard, number, after, body) VALUES (?1, ?2, ?3, ?4, ?5);

-- name: delete_letters
-- A pair's letters up to a number are applied.
DELETE FROM letters WHERE from_shard = ?1 AND to_shard = ?2 AND number <= ?3;

-- name: mark_letter
-- The receiver's own record, in the transaction that applies the letter (I10).
INSERT INTO letter_marks (to_shard, from_shard, number) VALUES (?1, ?2, ?3)
ON CONFLICT (to_shard, from_shard) DO UPDATE SET number = excluded.number;

-- name: save_watch
-- A run's end is awaited; it may have been before.
INSERT INTO watches (shard, run, watcher) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING;

-- name: delete_watch
-- The watcher has been told.
DELETE FROM watches WHERE shard = ?1 AND run = ?2 AND watcher = ?3;

-- name: save_follow
-- A trigger follows the runs of a job or workflow; anew, or another one.
INSERT INTO follows (shard, trigger_id, follow, states, kind, name_space, name)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (shard, trigger_id) DO UPDATE
SET follow = excluded.follow, states = excluded.states, kind = excluded.kind, name_space = excluded.name_space,
    name = excluded.name;

-- name: delete_follow
-- It follows no more.
DELETE FROM follows WHERE shard = ?1 AND trigger_id = ?2;

-- name: save_permit
-- A run asks for a permit of a semaphore; anew, or it is granted.
INSERT INTO permits (shard, ask, run, priority, since, granted, name_space, semaphore)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (shard, ask) DO UPDATE SET granted = excluded.granted;

-- name: delete_permit
-- It is returned, or no longer asked for.
DELETE FROM permits WHERE shard = ?1 AND ask = ?2;

-- name: save_hold
-- The same at the run's home.
INSERT INTO holds (shard, ask, run, granted, name_space, semaphore)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (shard, ask) DO UPDATE SET granted = excluded.granted;

-- name: delete_hold
-- Its run holds it, or waits for it, no more.
DELETE FROM holds WHERE shard = ?1 AND ask = ?2;

-- name: letters_of_shard
-- What a shard must still tell others, each pair's in order.
SELECT to_shard, number, after, body FROM letters WHERE from_shard = ?1
ORDER BY to_shard, number;

-- name: marks_of_shard
-- What a shard has applied of others' letters.
SELECT from_shard, number FROM letter_marks WHERE to_shard = ?1 ORDER BY from_shard;

-- name: watches_of_shard
-- Who waits for its runs.
SELECT run, watcher FROM watches WHERE shard = ?1 ORDER BY run, watcher;

-- name: follows_of_shard
-- Who follows its jobs and workflows.
SELECT trigger_id, follow, states, kind, name_space, name FROM follows WHERE shard = ?1
ORDER BY trigger_id;

-- name: permits_of_shard
-- Who holds, or waits for, permits of its semaphores.
SELECT ask, run, priority, since, granted, name_space, semaphore FROM permits WHERE shard = ?1
ORDER BY ask;

-- name: holds_of_shard
-- The permits that its runs hold or wait for.
SELECT ask, run, granted, name_space, semaphore FROM holds WHERE shard = ?1 ORDER BY ask;

-- name: permits_of_semaphore
-- Those that hold one, or those that wait, by the time they asked.
SELECT ask, run, priority, since, granted, name_space, semaphore FROM permits
WHERE shard = ?1 AND name_space = ?2 AND semaphore = ?3
  AND (granted <> 0) = ?4
ORDER BY ask LIMIT ?5;

-- name: permit_counts
-- How many hold one, and how many wait.
SELECT coalesce(sum(granted <> 0), 0), coalesce(sum(granted = 0), 0) FROM permits
WHERE shard = ?1 AND name_space = ?2 AND semaphore = ?3;

-- name: save_token
-- Inserts a token or replaces it by id.
INSERT INTO tokens (id, name, role, sha256_hex, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, role = excluded.role, sha256_hex = excluded.sha256_hex,
    created = excluded.created, expires = excluded.expires;

-- name: newest_revision_of_calendar
-- 0 when there never was one of that name.
SELECT coalesce(max(revision), 0) FROM calendars WHERE name_space = ?1 AND name = ?2;

-- name: insert_calendar
-- The next revision of a name.
INSERT INTO calendars (name_space, name, revision, deleted, updated, principal, title, document)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: next_journal_source
-- The first journal row at or after a key: steps through the sources that have any.
SELECT key FROM journal WHERE key >= ?1 ORDER BY key LIMIT 1;

-- name: oldest_journal
-- A source's rows from the oldest on.
SELECT key, time FROM journal WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3;

-- name: trim_journal
-- Deletes a source's rows up to a key.
DELETE FROM journal WHERE key BETWEEN ?1 AND ?2;

-- name: oldest_idempotency_keys
-- Keys from the oldest on.
SELECT number, expires FROM idempotency_keys ORDER BY number LIMIT ?1;

-- name: delete_idempotency_key
-- One expired key.
DELETE FROM idempotency_keys WHERE number = ?1;

-- name: trim_commands
-- The oldest below an id.
DELETE FROM commands WHERE id IN (SELECT id FROM commands WHERE id < ?1 ORDER BY id LIMIT ?2);

-- name: current_definition
-- As it is now; none when it is deleted.
SELECT d.id, d.kind, d.name_space, d.name, r.revision, r.enabled, r.deleted, r.document, d.created,
       r.updated, r.principal
FROM definitions d JOIN revisions r ON r.definition = d.id AND r.revision = d.revision
WHERE d.id = ?1 AND d.deleted = 0;

-- name: id_of_name
-- The definition that has a name now.
SELECT id FROM definitions INDEXED BY definitions_by_name
WHERE name = ?1 AND name_space = ?2 AND kind = ?3 AND deleted = 0;

-- name: definition_of_trigger
-- Whose it is.
SELECT definition FROM triggers WHERE id = ?1;

-- name: triggers_due
-- A shard's active triggers in the order in which they are due, from a place on.
SELECT definition, next_due, id FROM triggers INDEXED BY triggers_due
WHERE next_due <> 0 AND (id >> 12) & 1023 = ?1 AND next_due >= ?2 AND next_due <= ?4
  AND (next_due > ?2 OR id > ?3)
ORDER BY next_due, id LIMIT ?5;

-- name: triggers_following
-- Definitions with triggers that wait for the ends of others' runs.
SELECT definition FROM triggers INDEXED BY triggers_following
WHERE follow <> 0 AND (id >> 12) & 1023 = ?1;

-- name: live_runs_of_shard
-- Runs that are not final: 32 keys a shard.
SELECT id, state, kind, definition, revision, parent, trigger_id, planned, attempt, version,
       priority, token, incarnation, created, due, started, ended, progress, step, handler, worker,
       idempotency_key, principal, error_kind, error, result, versions, params, after_run,
       occasion, hops, backfilled, deadline
FROM runs INDEXED BY runs_live
WHERE state < 7
  AND ((((id >> 12) & 1023) << 5) | ((kind = 2) << 4) | state) BETWEEN ?1 << 5 AND (?1 << 5) + 31;

-- name: steps_of_run
-- Oldest first; ?2 leaves out the live ones.
SELECT id, state, kind, definition, revision, parent, trigger_id, planned, attempt, version,
       priority, token, incarnation, created, due, started, ended, progress, step, handler, worker,
       idempotency_key, principal, error_kind, error, result, versions, params, after_run,
       occasion, hops, backfilled, deadline
FROM runs INDEXED BY runs_of_parent
WHERE parent = ?1 AND parent <> 0 AND state >= ?2 ORDER BY id;

-- name: definition_head
-- Whether a revision is the current one.
SELECT revision, deleted FROM definitions WHERE id = ?1;

-- name: revision
-- One revision of a definition.
SELECT d.id, d.kind, d.name_space, d.name, r.revision, r.enabled, r.deleted, r.document, d.created,
       r.updated, r.principal
FROM definitions d JOIN revisions r ON r.definition = d.id
WHERE d.id = ?1 AND r.revision = ?2;

-- name: idempotency_key
-- The first run of a key, expired or not.
SELECT run, expires FROM idempotency_keys WHERE definition = ?1 AND key = ?2;

-- name: command
-- What became of one.
SELECT shard, time, subject, revision, created, changed, name FROM commands WHERE id = ?1;

-- name: last_command
-- The greatest id there is, 0 without any.
SELECT coalesce(max(id), 0) FROM commands;

-- name: run
-- One run.
SELECT id, state, kind, definition, revision, parent, trigger_id, planned, attempt, version,
       priority, token, incarnation, created, due, started, ended, progress, step, handler, worker,
       idempotency_key, principal, error_kind, error, result, versions, params, after_run,
       occasion, hops, backfilled, deadline
FROM runs WHERE id = ?1;

-- name: runs_newest
-- All runs, steps too, newest first. ?2 is a bit mask of states, ?5 a name space or ''.
SELECT id, state, kind, definition, revision, parent, trigger_id, planned, attempt, version,
       priority, token, incarnation, created, due, started, ended, progress, step, handler, worker,
       idempotency_key, principal, error_kind, error, result, versions, params, after_run,
       occasion, hops, backfilled, deadline
FROM runs WHERE id < ?1 AND (1 << state) & ?2 AND (?4 = 0 OR definition = ?4) AND (?5 = '' OR EXISTS
    (SELECT 1 FROM definitions d WHERE d.id = definition AND d.name_space = ?5))
ORDER BY id DESC LIMIT ?3;

-- name: runs_of_kind_newest
-- Runs of jobs, or of workflows, newest first.
SELECT id, state, kind, definition, revision, parent, trigger_id, planned, attempt, version,
       priority, token, incarnation, created, due, started, ended, progress, step, handler, worker,
       idempotency_key, principal, error_kind, error, result, versions, params, after_run,
       occasion, hops, backfilled, deadline
FROM runs INDEXED BY runs_by_kind
WHERE kind = ?4 AND kind < 2 AND id < ?1 AND (1 << state) & ?2 AND (?5 = '' OR EXISTS
    (SELECT 1 FROM definitions d WHERE d.id = definition AND d.name_space = ?5))
ORDER BY id DESC LIMIT ?3;

-- name: runs_of_definition
-- Runs of one job or workflow, newest first.
SELECT id, state, kind, definition, revision, parent, trigger_id, planned, attempt, version,
       priority, token, incarnation, created, due, started, ended, progress, step, handler, worker,
       idempotency_key, principal, error_kind, error, result, versions, params, after_run,
       occasion, hops, backfilled, deadline
FROM runs INDEXED BY runs_of_definition
WHERE definition = ?4 AND kind < 2 AND id < ?1 AND (1 << state) & ?2 ORDER BY id DESC LIMIT ?3;

-- name: runs_of_parent
-- Steps of one workflow run, newest first.
SELECT id, state, kind, definition, revision, parent, trigger_id, planned, attempt, version,
       priority, token, incarnation, created, due, started, ended, progress, step, handler, worker,
       idempotency_key, principal, error_kind, error, result, versions, params, after_run,
       occasion, hops, backfilled, deadline
FROM runs INDEXED BY runs_of_parent
WHERE parent = ?4 AND parent <> 0 AND id < ?1 AND (1 << state) & ?2 ORDER BY id DESC LIMIT ?3;

-- name: runs_live
-- Live runs of one shard, kind and state (?4 is runs_live's key), newest first: their ids alone,
-- for a page is merged from many keys.
SELECT id FROM runs INDEXED BY runs_live
WHERE state < 7 AND ((((id >> 12) & 1023) << 5) | ((kind = 2) << 4) | state) = ?4
  AND id < ?1 AND (?2 = 0 OR definition = ?2) AND (?5 = '' OR EXISTS
    (SELECT 1 FROM definitions d WHERE d.id = definition AND d.name_space = ?5))
ORDER BY id DESC LIMIT ?3;

-- name: runs_ended_badly
-- Runs that ended in one state other than succeeded, newest first. ?2 is unused.
SELECT id, state, kind, definition, revision, parent, trigger_id, planned, attempt, version,
       priority, token, incarnation, created, due, started, ended, progress, step, handler, worker,
       idempotency_key, principal, error_kind, error, result, versions, params, after_run,
       occasion, hops, backfilled, deadline
FROM runs INDEXED BY runs_ended_badly
WHERE state = ?4 AND state > 7 AND kind < 2 AND id < ?1 AND (?5 = '' OR EXISTS
    (SELECT 1 FROM definitions d WHERE d.id = definition AND d.name_space = ?5))
ORDER BY id DESC LIMIT ?3;

-- name: runs_of_definition_ended_badly
-- The same of one job or workflow. likely(): else SQLite seeks the range and sorts.
SELECT id, state, kind, definition, revision, parent, trigger_id, planned, attempt, version,
       priority, token, incarnation, created, due, started, ended, progress, step, handler, worker,
       idempotency_key, principal, error_kind, error, result, versions, params, after_run,
       occasion, hops, backfilled, deadline
FROM runs INDEXED BY runs_of_definition_ended_badly
WHERE definition = ?2 AND state = ?4 AND likely(state > 7) AND kind < 2 AND id < ?1
ORDER BY id DESC LIMIT ?3;

-- name: attempts_of_run
-- In order.
SELECT number, token, state, worker, incarnation, started, ended, error_kind, error, retry_at
FROM attempts WHERE run = ?1 ORDER BY number;

-- name: definitions
-- A page by id. ?2: kind or -1. ?3: name space or ''. ?4: with deleted ones.
SELECT d.id, d.kind, d.name_space, d.name, r.revision, r.enabled, r.deleted, r.document, d.created,
       r.updated, r.principal
FROM definitions d JOIN revisions r ON r.definition = d.id AND r.revision = d.revision
WHERE d.id > ?1 AND (?2 < 0 OR d.kind = ?2) AND (?3 = '' OR d.name_space = ?3)
  AND (?4 OR d.deleted = 0)
ORDER BY d.id LIMIT ?5;

-- name: definitions_of_name_space
-- The same inside one name space.
SELECT d.id, d.kind, d.name_space, d.name, r.revision, r.enabled, r.deleted, r.document, d.created,
       r.updated, r.principal
FROM definitions d INDEXED BY definitions_of_name_space
     JOIN revisions r ON r.definition = d.id AND r.revision = d.revision
WHERE d.id > ?1 AND (?2 < 0 OR d.kind = ?2) AND d.name_space = ?3 AND (?4 OR d.deleted = 0)
ORDER BY d.id LIMIT ?5;

-- name: ids_of_name_space
-- Which definitions it has, deleted ones too.
SELECT id FROM definitions INDEXED BY definitions_of_name_space WHERE name_space = ?1 LIMIT ?2;

-- name: definitions_of_name
-- Those of one name: a job and a workflow at most in each name space, and deleted ones.
SELECT d.id, d.kind, d.name_space, d.name, r.revision, r.enabled, r.deleted, r.document, d.created,
       r.updated, r.principal
FROM definitions d INDEXED BY definitions_of_name
     JOIN revisions r ON r.definition = d.id AND r.revision = d.revision
WHERE d.name = ?6 AND (?3 = '' OR d.name_space = ?3) AND d.id > ?1 AND (?2 < 0 OR d.kind = ?2)
  AND (?4 OR d.deleted = 0)
ORDER BY d.id LIMIT ?5;

-- name: triggers_of_definition
-- By id.
SELECT id, state, next_due, anchor, follow, since, skip_from, skip_count, skip_reason, paused_by,
       note, definition, name, schedule, params
FROM triggers WHERE definition = ?1 ORDER BY id;

-- name: skipped_firings_of_trigger
-- Newest first.
SELECT trigger_id, from_time, to_time, count, reason
FROM skipped_firings WHERE trigger_id = ?1 AND from_time < ?3
ORDER BY from_time DESC LIMIT ?2;

-- name: runs_of_trigger
-- Its runs, newest first. They lie among their job's: an index of their own would cost every firing
-- a page of its own when many triggers fire at one instant.
SELECT id, planned, occasion, state, backfilled FROM runs INDEXED BY runs_of_definition
WHERE definition = (SELECT definition FROM triggers WHERE id = ?1) AND kind < 2
  AND trigger_id = ?1 AND id < ?2
ORDER BY id DESC LIMIT ?3;

-- name: backfills_of_shard
-- Those that go on.
SELECT id, trigger_id, definition, state, from_time, until_time, total, newest_first,
       max_parallel, waits, pauses_on_failure, anchor, created, cursor, made, kept_off,
       succeeded, failed, ended, principal, note, schedule, params
FROM backfills INDEXED BY backfills_going_on WHERE state < 3 AND (id >> 12) & 1023 = ?1
ORDER BY id;

-- name: backfills
-- Newest first, all of them or one.
SELECT id, trigger_id, definition, state, from_time, until_time, total, newest_first,
       max_parallel, waits, pauses_on_failure, anchor, created, cursor, made, kept_off,
       succeeded, failed, ended, principal, note, schedule, params
FROM backfills WHERE id < ?1 AND (?2 = 0 OR id = ?2) AND (?3 = 0 OR state < 3)
ORDER BY id DESC LIMIT ?4;

-- name: backfills_of_trigger
-- Newest first.
SELECT id, trigger_id, definition, state, from_time, until_time, total, newest_first,
       max_parallel, waits, pauses_on_failure, anchor, created, cursor, made, kept_off,
       succeeded, failed, ended, principal, note, schedule, params
FROM backfills INDEXED BY backfills_of_trigger
WHERE trigger_id = ?5 AND id < ?1 AND (?2 = 0 OR id = ?2) AND (?3 = 0 OR state < 3)
ORDER BY id DESC LIMIT ?4;

-- name: journal_row_at
-- The row that may hold a number: the last one that begins at or before it.
SELECT key FROM journal WHERE key BETWEEN ?1 AND ?2 AND last >= (?2 & 35184372088831)
ORDER BY key DESC LIMIT 1;

-- name: journal_rows
-- Rows with events, in order.
SELECT key, events FROM journal
WHERE key BETWEEN ?1 AND ?2 AND last >= (key & 35184372088831) ORDER BY key LIMIT ?3;

-- name: tokens
-- All of them: they are few.
SELECT id, name, role, sha256_hex, created, expires FROM tokens ORDER BY id;

-- name: last_calendar
-- The number of the newest change of a calendar, 0 without any.
SELECT coalesce(max(number), 0) FROM calendars;

-- name: calendars
-- Numbers above ?1. ?2, ?3: name space and name, or ''. The ?4 newest revisions of each; or ?5 alone.
SELECT number, name_space, name, revision, deleted, updated, principal, title,
       CASE WHEN ?6 THEN document ELSE '' END
FROM calendars c
WHERE number > ?1 AND (?2 = '' OR name_space = ?2) AND (?3 = '' OR name = ?3)
  AND CASE WHEN ?5 > 0 THEN revision = ?5
           ELSE revision + ?4 > (SELECT max(n.revision) FROM calendars n
                                 WHERE n.name_space = c.name_space AND n.name = c.name) END
ORDER BY number LIMIT ?7;
