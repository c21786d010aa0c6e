-- The whole foundation. Times are Unix milliseconds, sets of scope values are texts divided by single
-- spaces, networks likewise; positions are values of the feed counter. Texts that are compared or
-- ordered are so byte by byte (COLLATE "C"), whatever the database was made with: an id is no word
-- of any language.

CREATE TABLE installation (
    id          BIGINT NOT NULL CONSTRAINT installation_is_one CHECK (id = 1),
    issuer      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    -- Set by a backup on its copy; a marked copy is not served.
    backup_mark TEXT,
    CONSTRAINT installation_pkey PRIMARY KEY (id)
);

-- Random keys that seal the rest, each sealed under the master key. The row `check` tells a wrong
-- master key before anything else is opened.
CREATE TABLE data_keys (
    name       TEXT COLLATE "C" NOT NULL CONSTRAINT data_keys_pkey PRIMARY KEY,
    sealed     BYTEA            NOT NULL,
    created_at BIGINT           NOT NULL
);

CREATE TABLE projects (
    id         TEXT COLLATE "C" NOT NULL CONSTRAINT projects_pkey PRIMARY KEY,
    kind       TEXT   NOT NULL CONSTRAINT projects_kind CHECK (kind IN ('live', 'sandbox')),
    name       TEXT   NOT NULL,
    algorithm  TEXT   NOT NULL DEFAULT 'ES256' CONSTRAINT projects_algorithm CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    created_at BIGINT NOT NULL,
    changed    BIGINT NOT NULL
);

-- An audience belongs to one project.
CREATE TABLE audiences (
    audience   TEXT COLLATE "C" NOT NULL CONSTRAINT audiences_pkey PRIMARY KEY,
    project    TEXT COLLATE "C" NOT NULL CONSTRAINT audiences_project REFERENCES projects (id),
    created_at BIGINT           NOT NULL
);
CREATE INDEX audiences_by_project ON audiences (project);

CREATE TABLE scopes (
    project     TEXT COLLATE "C" NOT NULL CONSTRAINT scopes_project REFERENCES projects (id),
    scope       TEXT COLLATE "C" NOT NULL,
    description TEXT             NOT NULL,
    created_at  BIGINT           NOT NULL,
    CONSTRAINT scopes_pkey PRIMARY KEY (project, scope)
);

CREATE TABLE scope_includes (
    project  TEXT COLLATE "C" NOT NULL,
    scope    TEXT COLLATE "C" NOT NULL,
    included TEXT COLLATE "C" NOT NULL,
    CONSTRAINT scope_includes_pkey PRIMARY KEY (project, scope, included),
    CONSTRAINT scope_includes_scope FOREIGN KEY (project, scope) REFERENCES scopes (project, scope)
);

CREATE TABLE roles (
    project     TEXT COLLATE "C" NOT NULL CONSTRAINT roles_project REFERENCES projects (id),
    name        TEXT COLLATE "C" NOT NULL,
    permissions TEXT             NOT NULL,
    created_at  BIGINT           NOT NULL,
    CONSTRAINT roles_pkey PRIMARY KEY (project, name)
);

-- A deleted key keeps its row: an id is never used again.
CREATE TABLE api_keys (
    id             TEXT COLLATE "C" NOT NULL CONSTRAINT api_keys_pkey PRIMARY KEY,
    project        TEXT COLLATE "C" NOT NULL CONSTRAINT api_keys_project REFERENCES projects (id),
    kind           TEXT    NOT NULL CONSTRAINT api_keys_kind CHECK (kind IN ('server', 'client', 'integration')),
    name           TEXT    NOT NULL,
    state          TEXT    NOT NULL CONSTRAINT api_keys_state CHECK (state IN ('active', 'blocked', 'deleted')),
    permissions    TEXT    NOT NULL,
    role           TEXT COLLATE "C",
    allowlist      TEXT    NOT NULL,
    audiences      TEXT    NOT NULL,
    token_lifetime BIGINT  CONSTRAINT api_keys_token_lifetime CHECK (token_lifetime BETWEEN 1 AND 900),
    require_scope  BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL,
    expires_at     BIGINT,
    changed        BIGINT  NOT NULL,
    CONSTRAINT api_keys_role FOREIGN KEY (project, role) REFERENCES roles (project, name)
);
CREATE INDEX api_keys_by_project ON api_keys (project, id);

CREATE TABLE api_key_secrets (
    id             BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT api_key_secrets_pkey PRIMARY KEY,
    key            TEXT COLLATE "C" NOT NULL CONSTRAINT api_key_secrets_key REFERENCES api_keys (id),
    digest         BYTEA  NOT NULL CONSTRAINT api_key_secrets_digest UNIQUE,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT,
    last_used_at   BIGINT,
    last_used_from TEXT
);
CREATE INDEX api_key_secrets_by_key ON api_key_secrets (key);

-- The one counter of the feed: every publishing transaction moves it and holds it to its commit,
-- so the order of commits is the order of positions. Who holds it has the turn at the audit log too.
CREATE TABLE feed_counter (
    id       BIGINT NOT NULL CONSTRAINT feed_counter_is_one CHECK (id = 1),
    position BIGINT NOT NULL,
    CONSTRAINT feed_counter_pkey PRIMARY KEY (id)
    -- Rewritten by every act: room for the next version beside it.
) WITH (fillfactor = 10);

CREATE TABLE feed (
    position     BIGINT NOT NULL CONSTRAINT feed_pkey PRIMARY KEY,
    tag          BYTEA  NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    project      TEXT COLLATE "C",
    entry        TEXT   NOT NULL,
    published_at BIGINT NOT NULL,
    ends_at      BIGINT
);
CREATE INDEX feed_by_end ON feed (ends_at) WHERE ends_at IS NOT NULL;
CREATE INDEX feed_tokens ON feed (project, ends_at) WHERE kind = 'token';

CREATE TABLE nodes (
    id         TEXT COLLATE "C" NOT NULL CONSTRAINT nodes_pkey PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    applied    BIGINT NOT NULL,
    age_ms     BIGINT NOT NULL
) WITH (fillfactor = 50);

-- The id begins with the time of minting, so a range of ids is a range of time, and a day is a
-- partition: made ahead of time, dropped whole when its last token is older than is kept. A token
-- of a day that has no partition goes to the rest: an insert never fails for want of one.
CREATE TABLE issued_tokens (
    jti        BYTEA  NOT NULL CONSTRAINT issued_tokens_pkey PRIMARY KEY,
    key        TEXT COLLATE "C" NOT NULL,
    project    TEXT COLLATE "C" NOT NULL,
    subject    TEXT   NOT NULL,
    scope      TEXT   NOT NULL,
    audience   TEXT   NOT NULL,
    address    TEXT,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    parent     BYTEA
) PARTITION BY RANGE (jti);
CREATE TABLE issued_tokens_rest PARTITION OF issued_tokens DEFAULT;

CREATE TABLE audit (
    seq      BIGINT NOT NULL CONSTRAINT audit_pkey PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT   NOT NULL,
    address  TEXT,
    act      TEXT   NOT NULL,
    project  TEXT COLLATE "C",
    target   TEXT   NOT NULL,
    detail   TEXT   NOT NULL,
    previous BYTEA  NOT NULL,
    hash     BYTEA  NOT NULL
);

CREATE TABLE signing_keys (
    kid          TEXT COLLATE "C" NOT NULL CONSTRAINT signing_keys_pkey PRIMARY KEY,
    algorithm    TEXT   NOT NULL CONSTRAINT signing_keys_algorithm CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    sealed       BYTEA  NOT NULL,
    public       TEXT   NOT NULL,
    announced_at BIGINT NOT NULL,
    signs_from   BIGINT NOT NULL,
    retires_at   BIGINT,
    gone_at      BIGINT
);
