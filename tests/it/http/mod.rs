//! The listener, as strangers reach it.

mod bytes;
mod telling;
mod tls;
mod wire;
