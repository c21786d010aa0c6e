-- Receivers of events, and what is on its way to them. Types of events are words divided by single
-- spaces, none for all; secrets are sealed; `changed` is the number of the audit log's row of the last act.
CREATE TABLE webhooks (
    id                 TEXT    NOT NULL CONSTRAINT webhooks_pkey PRIMARY KEY,
    -- None for those of all projects.
    project            TEXT    CONSTRAINT webhooks_project REFERENCES projects (id),
    url                TEXT    NOT NULL,
    events             TEXT    NOT NULL,
    description        TEXT    NOT NULL,
    state              TEXT    NOT NULL CONSTRAINT webhooks_state CHECK (state IN ('active', 'paused', 'disabled')),
    secret             BLOB    NOT NULL,
    old_secret         BLOB,
    old_secret_ends_at INTEGER,
    failing_since      INTEGER,
    created_at         INTEGER NOT NULL,
    changed            INTEGER NOT NULL
) STRICT;

-- A row per event and receiver, written with the act. `next_at` says when it is tried next, and while it
-- is being tried, from when on nobody is trying any more; none, if it has ended.
CREATE TABLE webhook_deliveries (
    webhook    TEXT    NOT NULL CONSTRAINT webhook_deliveries_webhook REFERENCES webhooks (id),
    message    TEXT    NOT NULL,
    event      TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    state      TEXT    NOT NULL CONSTRAINT webhook_deliveries_state CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts   INTEGER NOT NULL,
    next_at    INTEGER,
    tried_at   INTEGER,
    outcome    TEXT,
    status     INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (webhook, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, next_at);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);
