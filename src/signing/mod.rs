//! Signing keys: sealed at rest, parsed in memory, published as a JWK set.
//!
//! Not here: who may have a token signed (`domain::grant`), and when keys change (rotation).

mod keyring;
mod pair;
mod private;
mod provider;
mod sealing;

pub use keyring::{Error, Keyring, Ring, SignedToken, generate};
pub use private::{InvalidPrivateKey, PrivateKey};
pub use provider::install as install_provider;
pub use sealing::{Damaged, DataKeys, MasterKey, SealingKey, WrongMasterKey};
