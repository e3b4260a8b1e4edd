-- The first schema of the log store: chunks of lines under (run, attempt, first line) (S10.2).

-- Rows are appended in the order of their arrival; lines are as log_lines.cc writes them.
CREATE TABLE chunks (
  number  INTEGER PRIMARY KEY,
  run     INTEGER NOT NULL CHECK (run > 0),
  attempt INTEGER NOT NULL CHECK (attempt > 0),
  first   INTEGER NOT NULL CHECK (first >= 0),
  count   INTEGER NOT NULL CHECK (count > 0),
  worst   INTEGER NOT NULL CHECK (worst BETWEEN 0 AND 3),
  lines   BLOB NOT NULL,
  UNIQUE (run, attempt, first)
) STRICT;
