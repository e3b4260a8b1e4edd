-- Who is in the cluster: what a member says of itself, and when history is known to have changed.
ALTER TABLE members ADD COLUMN state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 2);
ALTER TABLE members ADD COLUMN address TEXT NOT NULL DEFAULT '';

INSERT INTO settings (name, value) VALUES ('generation', '1');
