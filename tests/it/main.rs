//! One binary for all integration tests; its tree mirrors `src/`.

mod domain;
mod oauth;
mod support;
