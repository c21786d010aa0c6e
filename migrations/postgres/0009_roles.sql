-- What a role is for, and the position of its last entry in the feed.
ALTER TABLE roles ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE roles ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
-- Who has a role.
CREATE INDEX api_keys_by_role ON api_keys (project, role) WHERE role IS NOT NULL;

-- When a secret was used last that the key no longer has: what its secrets say of themselves goes with them.
ALTER TABLE api_keys ADD COLUMN past_use_at BIGINT;
