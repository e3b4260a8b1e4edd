-- Every statement of the SQLite log store, by name (see statements.sql).

-- name: begin
-- Takes the write lock at once.
BEGIN IMMEDIATE;

-- name: begin_read
-- A snapshot.
BEGIN;

-- name: commit
-- Durable when it returns.
COMMIT;

-- name: rollback
-- Forgets the transaction.
ROLLBACK;

-- name: insert_chunk
-- A chunk that is there already changes nothing (S7.3), unless it now holds more lines.
INSERT INTO chunks (run, attempt, first, count, worst, lines) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (run, attempt, first) DO UPDATE
SET count = excluded.count, worst = excluded.worst, lines = excluded.lines
WHERE excluded.count > count;

-- name: chunks_of_run
-- A run's chunks in order, those of attempts ?2 to ?3 that begin at line ?4 or later.
SELECT attempt, first, count, worst, lines FROM chunks
WHERE run = ?1 AND attempt BETWEEN ?2 AND ?3 AND first >= ?4 ORDER BY attempt, first;
