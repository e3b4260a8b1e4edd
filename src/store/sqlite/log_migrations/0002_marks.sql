-- When what lies in the log store had been appended, for its retention (S11.1).

-- Chunks up to `number` had been appended by `time`.
CREATE TABLE marks (
  number INTEGER PRIMARY KEY,
  time   INTEGER NOT NULL
) STRICT;
