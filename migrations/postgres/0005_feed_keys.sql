-- What a key signs: tokens, or what guards are told of revocations.
ALTER TABLE signing_keys ADD COLUMN purpose TEXT NOT NULL DEFAULT 'tokens' CONSTRAINT signing_keys_purpose CHECK (purpose IN ('tokens', 'feed'));
