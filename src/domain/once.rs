//! Something that is made once, however often it is asked for: `Idempotency-Key`.

use std::time::Duration;

use portcullis_guard::{KeyId, Timestamp};

/// How long it is remembered what was made under a name.
pub const REMEMBERED: Duration = Duration::from_hours(24);

/// What is remembered of a request that made something, in the transaction that makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Who asked.
    pub actor: KeyId,
    /// What they called the request.
    pub name: String,
    /// What they asked for: a mark over operation and body.
    pub request: [u8; 16],
    /// What they were answered, as JSON; without the secret, and without the position, which is known
    /// only then.
    pub answer: String,
    /// When it is forgotten.
    pub ends_at: Timestamp,
}
