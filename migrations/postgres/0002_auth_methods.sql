-- The ways in which a key may authenticate, divided by single spaces; the empty text is any way.
ALTER TABLE api_keys ADD COLUMN auth_methods TEXT NOT NULL DEFAULT '';
