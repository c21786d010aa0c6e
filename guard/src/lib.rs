//! Judges Portcullis access tokens: signature, audience, time, revocation, scope, address.
//!
//! Everything that a resource server needs to decide "may this request pass?", and the judge that
//! the token server itself uses.
//!
//! ```no_run
//! # #[cfg(feature = "axum")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use portcullis_guard::{Guard, layer::Admitted};
//!
//! let guard = Guard::builder("https://auth.example.com", "prj_0123456789abcdef")
//!     .key("pk_live_0123456789abcdef", "psk_live_…")
//!     .build()?;
//! let orders = get(async |who: Admitted| format!("orders for {}", who.claims().sub));
//! let app: Router = Router::new().route("/orders", orders).layer(guard.require("orders:read")?);
//! # Ok(()) }
//! ```
//!
//! The key needs the permission `portcullis:revocations`. The guard follows its token server in the
//! background: signing keys, and the feed of revocations, signed and tied to each question. It judges in
//! memory; when it has not heard of the feed for 45 seconds it admits nobody (503), so a revoked key is
//! refused everywhere within a minute. `docs/guard.md` has the algorithm, for other languages.
//!
//! # Features
//!
//! - `feed` (default): [`Guard`], with an HTTP client (reqwest on rustls) and a Tokio runtime.
//! - `client`: [`TokenSource`], for whoever calls such a service: exchanges an API key for tokens, narrowed
//!   per call, and remembers them. HTTP client and runtime as above.
//! - `axum`: the `layer` module, a tower layer and an axum extractor; brings `feed`.
//! - Without any: rules alone. Nothing then does I/O; [`Verifier`], [`FeedCopy`] and [`feed_rules`] are
//!   what a guard with a client of its own is made of.
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
//! | [`feed_rules`] | what an answer of the feed says, and when it may be believed |
//! | [`feed_copy`] | what a guard was told, and what that is worth now |
//! | [`metadata`], [`event_stream`] | two texts that a guard reads |
//! | `feed`, `layer` | the arms: following over HTTP, and standing in front of a service |
//! | `client` | the other side: tokens for callers |
//! | [`error`] | those reasons |
//! | [`id`], [`time`], [`clock`] | names of things, points in time, who tells it |

pub mod claims;
#[cfg(feature = "client")]
pub mod client;
pub mod clock;
pub mod error;
pub mod event_stream;
#[cfg(feature = "feed")]
pub mod feed;
pub mod feed_copy;
pub mod feed_rules;
#[cfg(any(feature = "feed", feature = "client"))]
mod form;
pub mod forwarded;
#[cfg(any(feature = "feed", feature = "client"))]
mod http;
pub mod id;
pub mod jwks;
#[cfg(feature = "axum")]
pub mod layer;
pub mod metadata;
pub mod network;
mod parse;
#[cfg(any(feature = "feed", feature = "client"))]
mod random;
pub mod revocation;
pub mod scope;
mod statement;
mod system_clock;
mod target;
pub mod time;
pub mod verified;
pub mod verify;

pub use claims::{Ancestor, Audiences, Claims, UnverifiedClaims, VerifiedClaims};
#[cfg(feature = "client")]
pub use client::{NoToken, SourceError, Token, TokenSource, Wanted};
pub use clock::{Clock, Moment};
pub use error::{Class, Refusal};
#[cfg(feature = "feed")]
pub use feed::{BuildError, Builder, Guard};
pub use feed_copy::FeedCopy;
pub use forwarded::{ForwardedHeader, client_address};
pub use id::{Audience, InvalidId, KeyId, Position, ProjectId, SigningKeyId, TokenId};
pub use jwks::KeySet;
pub use network::{Allowlist, InvalidNetwork, parse_network};
pub use revocation::{Freshness, Revocation, RevocationList, Target};
pub use scope::{InvalidScope, Scope, ScopeSet};
pub use system_clock::SystemClock;
pub use time::{CLOCK_TOLERANCE, Timestamp, clock_error};
pub use verified::VerifiedTokens;
pub use verify::{Gate, Place, Required, Unverified, Verifier, Whose};

/// The lines of the README compile.
#[cfg(all(doctest, feature = "axum", feature = "client"))]
#[doc = include_str!("../README.md")]
struct Readme;
