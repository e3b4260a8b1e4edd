-- The first schema. Zero and '' mean "none", as in the model; both take no byte in a record.
-- Every index on runs costs a write a run: each says which question it answers.

CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who may write: the fence of every batch (I1).
CREATE TABLE members (
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL UNIQUE,
  term  INTEGER NOT NULL CHECK (term > 0),
  batch INTEGER NOT NULL CHECK (batch >= 0)
) STRICT;

CREATE TABLE shards (
  shard INTEGER PRIMARY KEY CHECK (shard BETWEEN 0 AND 1023),
  owner INTEGER NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 0)
) STRICT;

-- One row a touched shard and batch. The key is source << 45 | first, so that a source's rows
-- lie together in order without a second index.
CREATE TABLE journal (
  key     INTEGER PRIMARY KEY,
  last    INTEGER NOT NULL CHECK (last >= (key & 35184372088831) - 1),
  last_id INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  batch   INTEGER NOT NULL,
  events  BLOB NOT NULL
) STRICT;

CREATE TABLE runs (
  id              INTEGER PRIMARY KEY CHECK (id > 0),
  state           INTEGER NOT NULL CHECK (state BETWEEN 0 AND 12),
  kind            INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
  definition      INTEGER NOT NULL CHECK (definition > 0),
  revision        INTEGER NOT NULL,
  parent          INTEGER NOT NULL,
  trigger_id      INTEGER NOT NULL,
  planned         INTEGER NOT NULL,
  attempt         INTEGER NOT NULL CHECK (attempt >= 0),
  version         INTEGER NOT NULL,
  priority        INTEGER NOT NULL,
  token           INTEGER NOT NULL,
  incarnation     INTEGER NOT NULL,
  created         INTEGER NOT NULL,
  due             INTEGER NOT NULL,
  started         INTEGER NOT NULL,
  ended           INTEGER NOT NULL,
  progress        REAL NOT NULL,
  step            TEXT NOT NULL,
  handler         TEXT NOT NULL,
  worker          TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  principal       TEXT NOT NULL,
  error_kind      TEXT NOT NULL,
  error           TEXT NOT NULL,
  result          TEXT NOT NULL,
  versions        TEXT NOT NULL,
  params          TEXT NOT NULL,
  CONSTRAINT final_means_ended CHECK ((state >= 7) = (ended <> 0)),
  CONSTRAINT running_needs_token CHECK (state <> 3 OR kind = 1 OR token > 0),
  CONSTRAINT steps_have_parents CHECK ((kind = 2) = (parent <> 0)),
  CONSTRAINT fired_means_planned CHECK ((trigger_id <> 0) = (planned <> 0))
) STRICT;

-- Which runs are live, for loading a shard and for lists by live state: shard, step or not, state.
CREATE INDEX runs_live ON runs ((((id >> 12) & 1023) << 5) | ((kind = 2) << 4) | state)
  WHERE state < 7;
-- Which runs a definition has. Steps are found by their parent.
CREATE INDEX runs_of_definition ON runs (definition) WHERE kind < 2;
-- Which runs there are, without their steps.
CREATE INDEX runs_by_kind ON runs (kind) WHERE kind < 2;
CREATE INDEX runs_of_parent ON runs (parent) WHERE parent <> 0;
-- Which runs went wrong.
CREATE INDEX runs_ended_badly ON runs (state) WHERE state > 7 AND kind < 2;
CREATE INDEX runs_of_definition_ended_badly ON runs (definition, state)
  WHERE state > 7 AND kind < 2;
-- An occasion of a trigger has one run at most (I2). Planned first: new rows go to the end.
CREATE UNIQUE INDEX runs_one_an_occasion ON runs (planned, trigger_id) WHERE trigger_id <> 0;

CREATE TABLE attempts (
  run         INTEGER NOT NULL,
  number      INTEGER NOT NULL CHECK (number > 0),
  token       INTEGER NOT NULL,
  state       INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),
  worker      TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  started     INTEGER NOT NULL,
  ended       INTEGER NOT NULL,
  error_kind  TEXT NOT NULL,
  error       TEXT NOT NULL,
  retry_at    INTEGER NOT NULL,
  PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- What a definition is now; the documents of all its revisions lie apart.
CREATE TABLE definitions (
  id         INTEGER PRIMARY KEY CHECK (id > 0),
  kind       INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 1),
  name_space TEXT NOT NULL,
  name       TEXT NOT NULL CHECK (name <> ''),
  revision   INTEGER NOT NULL CHECK (revision > 0),
  deleted    INTEGER NOT NULL CHECK (deleted BETWEEN 0 AND 1),
  created    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX definitions_by_name ON definitions (name, name_space, kind) WHERE deleted = 0;
CREATE INDEX definitions_of_name ON definitions (name);
CREATE INDEX definitions_of_shard ON definitions ((id >> 12) & 1023);
CREATE INDEX definitions_of_name_space ON definitions (name_space);

CREATE TABLE revisions (
  definition INTEGER NOT NULL,
  revision   INTEGER NOT NULL,
  enabled    INTEGER NOT NULL CHECK (enabled BETWEEN 0 AND 1),
  deleted    INTEGER NOT NULL CHECK (deleted BETWEEN 0 AND 1),
  updated    INTEGER NOT NULL,
  principal  TEXT NOT NULL,
  document   TEXT NOT NULL,
  UNIQUE (definition, revision)
) STRICT;

CREATE TABLE triggers (
  id         INTEGER PRIMARY KEY CHECK (id > 0),
  definition INTEGER NOT NULL CHECK (definition > 0),
  state      INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
  next_due   INTEGER NOT NULL,
  name       TEXT NOT NULL,
  cron       TEXT NOT NULL,
  params     TEXT NOT NULL,
  note       TEXT NOT NULL,
  CONSTRAINT active_means_due CHECK ((state = 0) = (next_due <> 0)),
  UNIQUE (definition, name)
) STRICT;
CREATE INDEX triggers_of_shard ON triggers ((id >> 12) & 1023);

-- The ledger's other half: planned instants without a run, and why (S4.8).
CREATE TABLE skipped_firings (
  trigger_id INTEGER NOT NULL,
  from_time  INTEGER NOT NULL,
  to_time    INTEGER NOT NULL,
  count      INTEGER NOT NULL CHECK (count > 0),
  reason     TEXT NOT NULL,
  CHECK (to_time >= from_time),
  PRIMARY KEY (trigger_id, from_time)
) STRICT, WITHOUT ROWID;

-- Rows lie in the order of their expiry, for all keys live equally long (S5.2).
CREATE TABLE idempotency_keys (
  number     INTEGER PRIMARY KEY,
  definition INTEGER NOT NULL,
  key        TEXT NOT NULL,
  run        INTEGER NOT NULL,
  expires    INTEGER NOT NULL,
  UNIQUE (definition, key)
) STRICT;

CREATE TABLE tokens (
  id         INTEGER PRIMARY KEY CHECK (id > 0),
  name       TEXT NOT NULL,
  role       TEXT NOT NULL,
  sha256_hex TEXT NOT NULL UNIQUE CHECK (length(sha256_hex) = 64),
  created    INTEGER NOT NULL,
  expires    INTEGER NOT NULL
) STRICT;
