//! The listener, as strangers reach it.

mod bytes;
mod loops;
mod multiplexed;
mod telling;
mod tls;
mod wire;
