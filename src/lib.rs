//! Portcullis: the token server that revokes.

pub mod cli;
pub mod config;
pub mod domain;
pub mod entropy;
pub mod http;
pub mod installation;
pub mod issuance;
pub mod keys;
pub mod oauth;
pub mod revocation;
pub mod signing;
pub mod store;
pub mod telemetry;
pub mod time;
pub mod web;
