//! One binary for all integration tests; its tree mirrors `src/`.

mod oauth;
mod store;
mod support;
