//! The listener, as strangers reach it.

mod administrators;
mod bytes;
mod hosts;
mod loops;
mod multiplexed;
mod stopping;
mod telling;
mod tls;
mod wire;
