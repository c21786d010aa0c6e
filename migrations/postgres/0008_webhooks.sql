-- Receivers of events, and what is on its way to them. Types of events are words divided by single
-- spaces, none for all; secrets are sealed; `changed` is the number of the audit log's row of the last act.
CREATE TABLE webhooks (
    id                 TEXT COLLATE "C" NOT NULL CONSTRAINT webhooks_pkey PRIMARY KEY,
    -- None for those of all projects.
    project            TEXT COLLATE "C" CONSTRAINT webhooks_project REFERENCES projects (id),
    url                TEXT   NOT NULL,
    events             TEXT   NOT NULL,
    description        TEXT   NOT NULL,
    state              TEXT   NOT NULL CONSTRAINT webhooks_state CHECK (state IN ('active', 'paused', 'disabled')),
    secret             BYTEA  NOT NULL,
    old_secret         BYTEA,
    old_secret_ends_at BIGINT,
    failing_since      BIGINT,
    created_at         BIGINT NOT NULL,
    changed            BIGINT NOT NULL
);

-- A row per event and receiver, written with the act. `next_at` says when it is tried next, and while it
-- is being tried, from when on nobody is trying any more; none, if it has ended.
CREATE TABLE webhook_deliveries (
    webhook    TEXT COLLATE "C" NOT NULL CONSTRAINT webhook_deliveries_webhook REFERENCES webhooks (id),
    message    TEXT COLLATE "C" NOT NULL,
    event      TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    state      TEXT   NOT NULL CONSTRAINT webhook_deliveries_state CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts   BIGINT NOT NULL,
    next_at    BIGINT,
    tried_at   BIGINT,
    outcome    TEXT,
    status     BIGINT,
    created_at BIGINT NOT NULL,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (webhook, message)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, next_at);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);
