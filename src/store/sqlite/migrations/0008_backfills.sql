-- Past instants of triggers that somebody wants run. The id's shard is the trigger's.
CREATE TABLE backfills (
  id                INTEGER PRIMARY KEY CHECK (id > 0),
  trigger_id        INTEGER NOT NULL CHECK (trigger_id > 0),
  definition        INTEGER NOT NULL CHECK (definition > 0),
  state             INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
  from_time         INTEGER NOT NULL,
  until_time        INTEGER NOT NULL,
  total             INTEGER NOT NULL CHECK (total > 0),
  newest_first      INTEGER NOT NULL,
  max_parallel      INTEGER NOT NULL CHECK (max_parallel > 0),
  waits             INTEGER NOT NULL,
  pauses_on_failure INTEGER NOT NULL,
  anchor            INTEGER NOT NULL,
  created           INTEGER NOT NULL,
  cursor            INTEGER NOT NULL,
  made              INTEGER NOT NULL,
  kept_off          INTEGER NOT NULL,
  succeeded         INTEGER NOT NULL,
  failed            INTEGER NOT NULL,
  ended             INTEGER NOT NULL,
  principal         TEXT NOT NULL,
  note              TEXT NOT NULL,
  schedule          TEXT NOT NULL,
  params            TEXT NOT NULL,
  CONSTRAINT it_has_a_span CHECK (until_time > from_time),
  CONSTRAINT final_means_ended CHECK ((state >= 3) = (ended <> 0))
) STRICT;
-- Which go on, for loading a shard.
CREATE INDEX backfills_going_on ON backfills ((id >> 12) & 1023) WHERE state < 3;
CREATE INDEX backfills_of_trigger ON backfills (trigger_id);

-- Whether a run's occasion is a backfill, and not an upstream run.
ALTER TABLE runs ADD COLUMN backfilled INTEGER NOT NULL DEFAULT 0;
