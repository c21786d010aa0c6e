-- What becomes of a key of which a live secret is reported as leaked.
ALTER TABLE projects ADD COLUMN on_leak TEXT NOT NULL DEFAULT 'block' CONSTRAINT projects_on_leak CHECK (on_leak IN ('block', 'flag'));

-- Secrets that are no more, so that they are known when somebody finds them; for a year.
CREATE TABLE gone_secrets (
    digest  BLOB    NOT NULL CONSTRAINT gone_secrets_pkey PRIMARY KEY,
    key     TEXT    NOT NULL CONSTRAINT gone_secrets_key REFERENCES api_keys (id),
    gone_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gone_secrets_by_end ON gone_secrets (gone_at);

-- Secrets that were reported as leaked, by their public names: once each, whoever reports them how often. A
-- report that nobody has cleared is a flag of its key.
CREATE TABLE leak_reports (
    key         TEXT    NOT NULL CONSTRAINT leak_reports_key REFERENCES api_keys (id),
    secret      TEXT    NOT NULL,
    reported_at INTEGER NOT NULL,
    source      TEXT,
    url         TEXT,
    cleared_at  INTEGER,
    CONSTRAINT leak_reports_pkey PRIMARY KEY (key, secret)
) STRICT, WITHOUT ROWID;
