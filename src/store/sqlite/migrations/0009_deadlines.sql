-- When a run's total timeout is over (S3.3); 0 = it has none, or has not begun.
ALTER TABLE runs ADD COLUMN deadline INTEGER NOT NULL DEFAULT 0;
