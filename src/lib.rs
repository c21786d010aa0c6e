//! Portcullis: the token server that revokes.
//!
//! The holder of an API key exchanges it for a 15-minute token narrowed to the scope at hand.
//! Block the key, and every token of it is refused.
//!
//! This is the map of the house. Rooms look downwards only; a test holds them to it.
//!
//! | room | what it is responsible for |
//! |---|---|
//! | [`portcullis_guard`] | the vocabulary of tokens, what revokes what, and the one judge |
//! | [`domain`] | the rules: exchange, edits, secrets, catalogue, audit; plain functions |
//! | [`metrics`] | what is counted, and the page that tells it |
//! | [`time`], [`entropy`] | the only clock, the only randomness; both injected |
//! | [`config`] | settings: flag, environment, file, default; the only reader of the environment |
//! | [`tls`] | the certificate of the listener: read, checked, looked at again |
//! | [`store`] | what is asked of a database, and the answers of SQLite and of PostgreSQL |
//! | [`signing`] | signing keys: sealed at rest, parsed in memory, published |
//! | [`revocation`] | this node's copy of the feed, kept current; how old it is |
//! | [`issuance`] | the issuance log: group commit, conditional on nothing having moved |
//! | [`keys`] | an API key's life: records, authentication, throttling, the acts |
//! | [`webhooks`] | who is told of acts on keys: their acts, the outbox emptied, the connection |
//! | [`web`] | what every surface shares: state, client address, strict forms, credentials, refusals |
//! | [`oauth`] | the OAuth endpoints, one file each; `flow` drives oxide-auth's state machine |
//! | [`forward_auth`] | `/verify`: may the request pass that a proxy asks about? |
//! | [`admin`] | the administrators' REST API, one file per resource |
//! | [`http`] | the listeners: routes, layers in order, limits, health, start and stop |
//! | [`installation`] | the data directory: master key, founding, the server's lock |
//! | [`telemetry`] | logs, and traces where they are built in |
//! | [`cli`] | the program: `serve`, the acts of administrators, `demo` |
//!
//! A mint walks `http` → `oauth::token` → `oauth::flow` → `keys::Authenticator` →
//! `domain::grant::decide` → `signing::Keyring` → `issuance` → answer. A check walks `http` →
//! `oauth::introspect` or `forward_auth` → the guard, and touches no database.

pub mod admin;
pub mod cli;
pub mod config;
pub mod domain;
pub mod entropy;
pub mod forward_auth;
pub mod http;
pub mod installation;
pub mod issuance;
pub mod keys;
pub mod metrics;
pub mod oauth;
pub mod revocation;
pub mod signing;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod tls;
pub mod web;
pub mod webhooks;
