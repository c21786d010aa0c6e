//! The OAuth endpoints, one file each.

mod address;
mod altered;
mod audience;
mod client_auth;
mod introspect;
mod lifetime;
mod protocol;
mod revoke;
mod scope;
mod token;
