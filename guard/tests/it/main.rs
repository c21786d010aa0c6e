//! What the guard promises, one module per subject. Nothing here waits or reads a clock: now,
//! keys and lists are made by [`support`].

#![expect(clippy::unwrap_used, reason = "support makes keys and tokens; a test that cannot is broken")]

mod address;
mod claims;
mod header;
mod jwks;
mod malleability;
mod network;
mod restrictions;
mod revocation;
mod revocation_model;
mod scope;
mod support;
mod vectors;
mod verified;
mod verify;
