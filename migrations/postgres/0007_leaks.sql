-- What becomes of a key of which a live secret is reported as leaked.
ALTER TABLE projects ADD COLUMN on_leak TEXT NOT NULL DEFAULT 'block' CONSTRAINT projects_on_leak CHECK (on_leak IN ('block', 'flag'));

-- Secrets that are no more, so that they are known when somebody finds them; for a year.
CREATE TABLE gone_secrets (
    digest  BYTEA  NOT NULL CONSTRAINT gone_secrets_pkey PRIMARY KEY,
    key     TEXT COLLATE "C" NOT NULL CONSTRAINT gone_secrets_key REFERENCES api_keys (id),
    gone_at BIGINT NOT NULL
);
CREATE INDEX gone_secrets_by_end ON gone_secrets (gone_at);

-- Secrets that were reported as leaked, by their public names: once each, whoever reports them how often. A
-- report that nobody has cleared is a flag of its key.
CREATE TABLE leak_reports (
    key         TEXT COLLATE "C" NOT NULL CONSTRAINT leak_reports_key REFERENCES api_keys (id),
    secret      TEXT COLLATE "C" NOT NULL,
    reported_at BIGINT NOT NULL,
    source      TEXT,
    url         TEXT,
    cleared_at  BIGINT,
    CONSTRAINT leak_reports_pkey PRIMARY KEY (key, secret)
);
