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

-- name: newest_chunk
-- The last chunk that was appended; NULL when there is none.
SELECT max(number) FROM chunks;

-- name: newest_mark
-- The last mark and its time.
SELECT number, time FROM marks ORDER BY number DESC LIMIT 1;

-- name: insert_mark
-- Chunks up to ?1 were appended by ?2.
INSERT INTO marks (number, time) VALUES (?1, ?2);

-- name: expired_mark
-- The last mark of those that are from ?1 or earlier.
SELECT number FROM marks WHERE time <= ?1 ORDER BY number DESC LIMIT 1;

-- name: oldest_chunks
-- Chunks up to ?1 in the order of their arrival, with their sizes.
SELECT number, length(lines) FROM chunks WHERE number <= ?1 ORDER BY number LIMIT ?2;

-- name: delete_chunks
-- Deletes the chunks up to ?1.
DELETE FROM chunks WHERE number <= ?1;

-- name: delete_marks
-- Deletes the marks of which nothing is left: an empty table numbers its chunks from 1 again.
DELETE FROM marks WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.number <= marks.number);

-- name: oldest_expired_mark
-- The time of the oldest mark from ?1 or earlier.
SELECT time FROM marks WHERE time <= ?1 ORDER BY number LIMIT 1;
