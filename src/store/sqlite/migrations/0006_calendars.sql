-- Calendars (S4.5), every revision of them. Its number says which changed when, for those who keep
-- them in memory.
CREATE TABLE calendars (
  number     INTEGER PRIMARY KEY,
  name_space TEXT NOT NULL CHECK (name_space <> ''),
  name       TEXT NOT NULL CHECK (name <> ''),
  revision   INTEGER NOT NULL CHECK (revision > 0),
  deleted    INTEGER NOT NULL,
  updated    INTEGER NOT NULL,
  principal  TEXT NOT NULL,
  title      TEXT NOT NULL,
  document   TEXT NOT NULL,
  UNIQUE (name_space, name, revision)
) STRICT;
