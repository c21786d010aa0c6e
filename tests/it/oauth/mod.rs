//! The OAuth endpoints, one file each.

mod address;
mod altered;
mod audience;
mod auth_methods;
mod block;
mod client_auth;
mod echo;
mod introspect;
mod introspect_signed;
mod lifetime;
mod metadata;
mod parameters;
mod protocol;
mod revoke;
mod scope;
mod token;
mod verified;
mod verify;
mod voucherify;
