-- Whether a project's API keys themselves pass where its tokens do.
ALTER TABLE projects ADD COLUMN raw_keys INTEGER NOT NULL DEFAULT 0 CONSTRAINT projects_raw_keys CHECK (raw_keys IN (0, 1));
