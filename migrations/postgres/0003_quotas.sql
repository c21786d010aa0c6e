-- How many tokens may live at once; absent is no limit.
ALTER TABLE projects ADD COLUMN live_tokens BIGINT CONSTRAINT projects_live_tokens CHECK (live_tokens > 0);
ALTER TABLE api_keys ADD COLUMN live_tokens BIGINT CONSTRAINT api_keys_live_tokens CHECK (live_tokens > 0);

-- Tokens of keys that a limit concerns, counted by the minute (since 1970) at whose end the last of
-- them is over; without a key, all of a project that has a limit itself.
CREATE TABLE live_tokens (
    project TEXT COLLATE "C" NOT NULL,
    key     TEXT COLLATE "C" NOT NULL,
    minute  BIGINT           NOT NULL,
    count   BIGINT           NOT NULL CONSTRAINT live_tokens_count CHECK (count >= 0),
    CONSTRAINT live_tokens_pkey PRIMARY KEY (project, key, minute)
) WITH (fillfactor = 50);
CREATE INDEX live_tokens_by_minute ON live_tokens (minute);

-- The entries that kill many tokens at once, without those of single tokens.
CREATE INDEX feed_killing ON feed (kind, published_at) WHERE kind IN ('all', 'project', 'key');
