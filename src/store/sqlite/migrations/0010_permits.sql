-- Named semaphores (S3.5): a third kind of definition.
CREATE TABLE definitions_of_three_kinds (
  id         INTEGER PRIMARY KEY CHECK (id > 0),
  kind       INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
  name_space TEXT NOT NULL,
  name       TEXT NOT NULL CHECK (name <> ''),
  revision   INTEGER NOT NULL CHECK (revision > 0),
  deleted    INTEGER NOT NULL CHECK (deleted BETWEEN 0 AND 1),
  created    INTEGER NOT NULL
) STRICT;
INSERT INTO definitions_of_three_kinds
SELECT id, kind, name_space, name, revision, deleted, created FROM definitions;
DROP TABLE definitions;
ALTER TABLE definitions_of_three_kinds RENAME TO definitions;
CREATE UNIQUE INDEX definitions_by_name ON definitions (name, name_space, kind) WHERE deleted = 0;
CREATE INDEX definitions_of_name ON definitions (name);
CREATE INDEX definitions_of_name_space ON definitions (name_space);

-- Who holds, or waits for, a permit of a semaphore. The shard is the semaphore's home; `ask` is the
-- number under which the run asked; granted = 0: it waits.
CREATE TABLE permits (
  shard      INTEGER NOT NULL,
  ask        INTEGER NOT NULL CHECK (ask > 0),
  run        INTEGER NOT NULL CHECK (run > 0),
  priority   INTEGER NOT NULL,
  since      INTEGER NOT NULL,
  granted    INTEGER NOT NULL,
  name_space TEXT NOT NULL,
  semaphore  TEXT NOT NULL CHECK (semaphore <> ''),
  PRIMARY KEY (shard, ask)
) STRICT, WITHOUT ROWID;

-- The same as the run's home, the shard, knows it.
CREATE TABLE holds (
  shard     INTEGER NOT NULL,
  ask       INTEGER NOT NULL CHECK (ask > 0),
  run       INTEGER NOT NULL CHECK (run > 0),
  granted   INTEGER NOT NULL CHECK (granted BETWEEN 0 AND 1),
  name_space TEXT NOT NULL,
  semaphore TEXT NOT NULL CHECK (semaphore <> ''),
  PRIMARY KEY (shard, ask)
) STRICT, WITHOUT ROWID;
