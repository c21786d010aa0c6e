//! Judges Portcullis access tokens: signature, audience, time, revocation, scope, address.
//!
//! Everything that a resource server needs to decide "may this request pass?", and the judge that
//! the token server itself uses. Nothing here does I/O or reads a clock.
//!
//! | module | holds |
//! |---|---|
//! | [`claims`] | what a token says, verified and unverified |
//! | [`scope`] | scope values, sets, what covers what |
//! | [`network`], [`forwarded`] | allowlists; the walk from the socket to the client's address |
//! | [`revocation`] | what revokes what, the list in memory, what a copy of it is worth |
//! | [`jwks`] | the published signing keys |
//! | [`verify`] | the judge: one order of steps, one reason for each refusal |
//! | [`verified`] | tokens whose signature was checked a moment ago |
//! | [`error`] | those reasons |
//! | [`id`], [`time`] | names of things, points in time |

pub mod claims;
pub mod error;
pub mod forwarded;
pub mod id;
pub mod jwks;
pub mod network;
pub mod revocation;
pub mod scope;
pub mod time;
pub mod verified;
pub mod verify;

pub use claims::{Ancestor, Audiences, Claims, UnverifiedClaims, VerifiedClaims};
pub use error::{Class, Refusal};
pub use forwarded::{ForwardedHeader, client_address};
pub use id::{Audience, InvalidId, KeyId, Position, ProjectId, SigningKeyId, TokenId};
pub use jwks::KeySet;
pub use network::{Allowlist, InvalidNetwork, parse_network};
pub use revocation::{Freshness, Revocation, RevocationList, Target};
pub use scope::{InvalidScope, Scope, ScopeSet};
pub use time::{CLOCK_TOLERANCE, Timestamp, clock_error};
pub use verified::VerifiedTokens;
pub use verify::{Gate, Place, Required, Unverified, Verifier, Whose};
