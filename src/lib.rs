//! Portcullis: the token server that revokes.

pub mod config;
pub mod telemetry;
