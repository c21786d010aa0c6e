-- The whole foundation. Times are Unix milliseconds, flags are 0 or 1, sets of scope values are
-- texts divided by single spaces, networks likewise; positions are values of the feed counter.

CREATE TABLE installation (
    id          INTEGER NOT NULL CONSTRAINT installation_is_one CHECK (id = 1) PRIMARY KEY,
    issuer      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    -- Set by a backup on its copy; a marked copy is not served.
    backup_mark TEXT
) STRICT;

-- Random keys that seal the rest, each sealed under the master key. The row `check` tells a wrong
-- master key before anything else is opened.
CREATE TABLE data_keys (
    name       TEXT    NOT NULL CONSTRAINT data_keys_pkey PRIMARY KEY,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE projects (
    id         TEXT    NOT NULL CONSTRAINT projects_pkey PRIMARY KEY,
    kind       TEXT    NOT NULL CONSTRAINT projects_kind CHECK (kind IN ('live', 'sandbox')),
    name       TEXT    NOT NULL,
    algorithm  TEXT    NOT NULL DEFAULT 'ES256' CONSTRAINT projects_algorithm CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    created_at INTEGER NOT NULL,
    changed    INTEGER NOT NULL
) STRICT;

-- An audience belongs to one project.
CREATE TABLE audiences (
    audience   TEXT    NOT NULL CONSTRAINT audiences_pkey PRIMARY KEY,
    project    TEXT    NOT NULL CONSTRAINT audiences_project REFERENCES projects (id),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX audiences_by_project ON audiences (project);

CREATE TABLE scopes (
    project     TEXT    NOT NULL CONSTRAINT scopes_project REFERENCES projects (id),
    scope       TEXT    NOT NULL,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    CONSTRAINT scopes_pkey PRIMARY KEY (project, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE scope_includes (
    project  TEXT NOT NULL,
    scope    TEXT NOT NULL,
    included TEXT NOT NULL,
    CONSTRAINT scope_includes_pkey PRIMARY KEY (project, scope, included),
    CONSTRAINT scope_includes_scope FOREIGN KEY (project, scope) REFERENCES scopes (project, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE roles (
    project     TEXT    NOT NULL CONSTRAINT roles_project REFERENCES projects (id),
    name        TEXT    NOT NULL,
    permissions TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    CONSTRAINT roles_pkey PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;

-- A deleted key keeps its row: an id is never used again.
CREATE TABLE api_keys (
    id             TEXT    NOT NULL CONSTRAINT api_keys_pkey PRIMARY KEY,
    project        TEXT    NOT NULL CONSTRAINT api_keys_project REFERENCES projects (id),
    kind           TEXT    NOT NULL CONSTRAINT api_keys_kind CHECK (kind IN ('server', 'client', 'integration')),
    name           TEXT    NOT NULL,
    state          TEXT    NOT NULL CONSTRAINT api_keys_state CHECK (state IN ('active', 'blocked', 'deleted')),
    permissions    TEXT    NOT NULL,
    role           TEXT,
    allowlist      TEXT    NOT NULL,
    audiences      TEXT    NOT NULL,
    token_lifetime INTEGER CONSTRAINT api_keys_token_lifetime CHECK (token_lifetime BETWEEN 1 AND 900),
    require_scope  INTEGER NOT NULL CONSTRAINT api_keys_require_scope CHECK (require_scope IN (0, 1)),
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER,
    changed        INTEGER NOT NULL,
    CONSTRAINT api_keys_role FOREIGN KEY (project, role) REFERENCES roles (project, name)
) STRICT;
CREATE INDEX api_keys_by_project ON api_keys (project, id);

CREATE TABLE api_key_secrets (
    id           INTEGER NOT NULL CONSTRAINT api_key_secrets_pkey PRIMARY KEY,
    key          TEXT    NOT NULL CONSTRAINT api_key_secrets_key REFERENCES api_keys (id),
    digest       BLOB    NOT NULL CONSTRAINT api_key_secrets_digest UNIQUE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    last_used_from TEXT
) STRICT;
CREATE INDEX api_key_secrets_by_key ON api_key_secrets (key);

-- The one counter of the feed: every publishing transaction moves it and holds it to its commit,
-- so the order of commits is the order of positions.
CREATE TABLE feed_counter (
    id       INTEGER NOT NULL CONSTRAINT feed_counter_is_one CHECK (id = 1) PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE feed (
    position     INTEGER NOT NULL CONSTRAINT feed_pkey PRIMARY KEY,
    tag          BLOB    NOT NULL,
    kind         TEXT    NOT NULL,
    project      TEXT,
    entry        TEXT    NOT NULL,
    published_at INTEGER NOT NULL,
    ends_at      INTEGER
) STRICT;
CREATE INDEX feed_by_end ON feed (ends_at) WHERE ends_at IS NOT NULL;
CREATE INDEX feed_tokens ON feed (project, ends_at) WHERE kind = 'token';

CREATE TABLE nodes (
    id           TEXT    NOT NULL CONSTRAINT nodes_pkey PRIMARY KEY,
    started_at   INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,
    applied      INTEGER NOT NULL,
    age_ms       INTEGER NOT NULL
) STRICT;

-- The id begins with the time of minting, so the newest row is always at the end of the one tree,
-- and a range of ids is a range of time: no second index is paid for with every token.
CREATE TABLE issued_tokens (
    jti        BLOB    NOT NULL CONSTRAINT issued_tokens_pkey PRIMARY KEY,
    key        TEXT    NOT NULL,
    project    TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    scope      TEXT    NOT NULL,
    audience   TEXT    NOT NULL,
    address    TEXT,
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    parent     BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    seq      INTEGER NOT NULL CONSTRAINT audit_pkey PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    address  TEXT,
    act      TEXT    NOT NULL,
    project  TEXT,
    target   TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    previous BLOB    NOT NULL,
    hash     BLOB    NOT NULL
) STRICT;

CREATE TABLE signing_keys (
    kid         TEXT    NOT NULL CONSTRAINT signing_keys_pkey PRIMARY KEY,
    algorithm   TEXT    NOT NULL CONSTRAINT signing_keys_algorithm CHECK (algorithm IN ('ES256', 'EdDSA', 'RS256')),
    sealed      BLOB    NOT NULL,
    public      TEXT    NOT NULL,
    announced_at INTEGER NOT NULL,
    signs_from  INTEGER NOT NULL,
    retires_at  INTEGER,
    gone_at     INTEGER
) STRICT;
