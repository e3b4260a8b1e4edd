-- Which triggers are due next in a shard, and which follow others: all else of a shard's
-- definitions is read when something needs it. Triggers that fire often lie together in the first.
DROP INDEX triggers_of_shard;
DROP INDEX definitions_of_shard;
CREATE INDEX triggers_due ON triggers ((id >> 12) & 1023, next_due) WHERE next_due <> 0;
CREATE INDEX triggers_following ON triggers ((id >> 12) & 1023) WHERE follow <> 0;
