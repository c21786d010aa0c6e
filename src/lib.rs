//! Portcullis: the token server that revokes.

pub mod domain;
pub mod entropy;
pub mod issuance;
pub mod revocation;
pub mod signing;
pub mod store;
pub mod time;
