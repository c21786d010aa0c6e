//! Portcullis: the token server that revokes.

pub mod domain;
pub mod store;
