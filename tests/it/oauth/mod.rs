//! The OAuth endpoints, one file each.

mod protocol;
mod token;
