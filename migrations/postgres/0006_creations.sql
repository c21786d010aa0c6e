-- What administrators made under a name (`Idempotency-Key`), so that it is made once.
CREATE TABLE creations (
    actor    TEXT COLLATE "C" NOT NULL,
    name     TEXT COLLATE "C" NOT NULL,
    request  BYTEA  NOT NULL,
    answer   TEXT   NOT NULL,
    position BIGINT NOT NULL,
    ends_at  BIGINT NOT NULL,
    CONSTRAINT creations_pkey PRIMARY KEY (actor, name)
);
CREATE INDEX creations_by_end ON creations (ends_at);
