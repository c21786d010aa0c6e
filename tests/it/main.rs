//! One binary for all integration tests; its tree mirrors `src/`.
#![expect(clippy::unwrap_used, reason = "in a test, what must not fail may panic")]

mod admin;
mod architecture;
mod canary;
mod cli;
mod cluster;
mod docs;
mod domain;
mod feed;
mod foreign;
mod forward_auth;
mod fuzz;
mod gate;
mod guard;
mod http;
mod issuance;
mod keys;
mod metrics;
mod oauth;
mod openapi;
mod processes;
mod proxies;
mod signing;
mod store;
mod support;
mod telemetry;
mod webhooks;
