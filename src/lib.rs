//! Portcullis: the token server that revokes.

pub mod config;
