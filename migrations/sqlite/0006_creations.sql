-- What administrators made under a name (`Idempotency-Key`), so that it is made once.
CREATE TABLE creations (
    actor    TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    request  BLOB    NOT NULL,
    answer   TEXT    NOT NULL,
    position INTEGER NOT NULL,
    ends_at  INTEGER NOT NULL,
    CONSTRAINT creations_pkey PRIMARY KEY (actor, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX creations_by_end ON creations (ends_at);
