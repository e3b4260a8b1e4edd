-- What became of commands, for ten minutes: they may be sent again under their ids (S12.4). In the
-- order of their ids, and so nearly of time: the oldest go first.
CREATE TABLE commands (
  id       INTEGER PRIMARY KEY CHECK (id > 0),
  shard    INTEGER NOT NULL,
  time     INTEGER NOT NULL,
  subject  INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created  INTEGER NOT NULL CHECK (created BETWEEN 0 AND 1),
  changed  INTEGER NOT NULL CHECK (changed BETWEEN 0 AND 1),
  name     TEXT NOT NULL
) STRICT;
