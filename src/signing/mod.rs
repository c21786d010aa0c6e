//! Signing keys: sealed at rest, parsed in memory, published as JWK sets, one of those that sign tokens
//! and one of those that sign the feed.
//!
//! Not here: who may have a token signed (`domain::grant`), and when keys change (rotation).

mod feed;
mod keyring;
mod pair;
mod private;
mod provider;
mod sealing;

pub use keyring::{Error, Keyring, Ring, SignedToken, generate};
pub use private::{InvalidPrivateKey, PrivateKey};
pub use provider::install as install_provider;
pub use sealing::{Damaged, DataKeys, MasterKey, SealingKey, WrongMasterKey};
