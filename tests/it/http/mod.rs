//! The listener, as strangers reach it.

mod bytes;
mod tls;
mod wire;
