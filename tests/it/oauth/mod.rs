//! The OAuth endpoints, one file each.

mod token;
