-- Whether a project's API keys themselves pass where its tokens do.
ALTER TABLE projects ADD COLUMN raw_keys BOOLEAN NOT NULL DEFAULT FALSE;
