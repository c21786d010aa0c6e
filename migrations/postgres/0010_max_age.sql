-- Beyond which age a server's copy of the feed admits nobody, as it says itself. Of one that does not, from before,
-- it is the longest that is permitted.
ALTER TABLE nodes ADD COLUMN max_age_ms BIGINT NOT NULL DEFAULT 40000;
