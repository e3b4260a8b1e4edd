-- What shards tell each other (I10), and runs that wait for another run's end.
ALTER TABLE runs ADD COLUMN after_run INTEGER NOT NULL DEFAULT 0;

-- A sender's letters until they are known to be applied.
CREATE TABLE letters (
  from_shard INTEGER NOT NULL,
  to_shard   INTEGER NOT NULL,
  number     INTEGER NOT NULL CHECK (number > 0),
  after      INTEGER NOT NULL CHECK (after < number),
  body       TEXT NOT NULL,
  PRIMARY KEY (from_shard, to_shard, number)
) STRICT, WITHOUT ROWID;

-- The last letter of each sender that a receiver has applied.
CREATE TABLE letter_marks (
  to_shard   INTEGER NOT NULL,
  from_shard INTEGER NOT NULL,
  number     INTEGER NOT NULL CHECK (number > 0),
  PRIMARY KEY (to_shard, from_shard)
) STRICT, WITHOUT ROWID;

-- Who waits for a run to end. The shard is the run's.
CREATE TABLE watches (
  shard   INTEGER NOT NULL CHECK (shard = ((run >> 12) & 1023)),
  run     INTEGER NOT NULL CHECK (run > 0),
  watcher INTEGER NOT NULL CHECK (watcher > 0),
  PRIMARY KEY (shard, run, watcher)
) STRICT, WITHOUT ROWID;
