//! The OAuth endpoints, one file each.

mod client_auth;
mod protocol;
mod token;
