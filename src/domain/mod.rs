//! The rules, as plain functions over plain data: what a key may mint, what an edit takes away,
//! what a secret looks like, how the audit chain is sealed.
//!
//! Nothing here waits, reads a clock, draws randomness or knows of HTTP or SQL; a test enforces it.
//! The vocabulary that tokens need comes from the guard and is re-exported.

pub mod algorithm;
pub mod api_key;
pub mod applied;
pub mod audit;
pub mod auth_method;
pub mod authority;
pub mod base62;
pub mod catalogue;
pub mod edit;
pub mod feed;
pub mod grant;
pub mod hygiene;
pub mod import;
pub mod includes;
pub mod leak;
pub mod once;
pub mod project;
pub mod quota;
pub mod raw_key;
pub mod reason;
pub mod role;
pub mod scan;
pub mod secret;
pub mod secret_id;
pub mod signing_key;
pub mod webhook;
pub mod worth;

pub use algorithm::SigningAlgorithm;
pub use api_key::{ApiKey, KeyDetails, KeyState, Lifetime};
pub use auth_method::{AuthMethod, AuthMethods};
pub use authority::Authority;
pub use catalogue::{Catalogue, CatalogueScope};
pub use feed::{Changed, Ends, FeedDraft, FeedEntry, Tag};
pub use leak::OnLeak;
pub use portcullis_guard::{
    Allowlist, Audience, Audiences, Claims, Freshness, InvalidScope, KeyId, Position, ProjectId,
    Refusal as TokenRefusal, Revocation, Scope, ScopeSet, SigningKeyId, Target, Timestamp, TokenId,
};
pub use project::{Project, ProjectKind, ProjectPatch};
pub use quota::{LimitOf, LiveTokenLimits, QuotaFull};
pub use raw_key::{RawKeyRefusal, RawUse};
pub use reason::Reason;
pub use role::{Role, RoleDetails, RoleName};
pub use secret::{LastUse, Pepper, Secret, SecretDigest, SecretSha256, StoredSecret};
pub use secret_id::SecretId;
pub use worth::Worth;
