-- Every kind of trigger (S4.1), pauses with their notes (S4.7), ledger rows that grow (S4.8), and
-- triggers that follow the ends of other runs.
ALTER TABLE triggers RENAME TO cron_triggers;

CREATE TABLE triggers (
  id          INTEGER PRIMARY KEY CHECK (id > 0),
  definition  INTEGER NOT NULL CHECK (definition > 0),
  state       INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
  next_due    INTEGER NOT NULL,
  anchor      INTEGER NOT NULL,
  follow      INTEGER NOT NULL,
  since       INTEGER NOT NULL,
  skip_from   INTEGER NOT NULL,
  skip_count  INTEGER NOT NULL CHECK (skip_count >= 0),
  skip_reason TEXT NOT NULL,
  paused_by   TEXT NOT NULL,
  note        TEXT NOT NULL,
  name        TEXT NOT NULL,
  schedule    TEXT NOT NULL,
  params      TEXT NOT NULL,
  CONSTRAINT active_means_due CHECK ((state = 0) = (next_due <> 0)),
  UNIQUE (definition, name)
) STRICT;

INSERT INTO triggers
SELECT id, definition, state, next_due, 0, 0, 0, 0, 0, '', '', note, name,
       json_object('cron', cron, 'timezone', 'UTC'), params
FROM cron_triggers;

DROP TABLE cron_triggers;
CREATE INDEX triggers_of_shard ON triggers ((id >> 12) & 1023);

-- An occasion is a planned instant, and what else says which one it was: an upstream run, a backfill.
ALTER TABLE runs ADD COLUMN occasion INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;
DROP INDEX runs_one_an_occasion;
CREATE UNIQUE INDEX runs_one_an_occasion ON runs (planned, trigger_id, occasion)
  WHERE trigger_id <> 0;

-- Which trigger is told when runs of a job or workflow end. The shard is that one's home.
CREATE TABLE follows (
  shard      INTEGER NOT NULL,
  trigger_id INTEGER NOT NULL CHECK (trigger_id > 0),
  follow     INTEGER NOT NULL CHECK (follow > 0),
  states     INTEGER NOT NULL,
  kind       INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 1),
  name_space TEXT NOT NULL,
  name       TEXT NOT NULL CHECK (name <> ''),
  PRIMARY KEY (shard, trigger_id)
) STRICT, WITHOUT ROWID;
