//! The one clock. Everything is given a [`Clock`], so that tests move time; the machine's own is read in
//! one file of the guard (`system_clock.rs`), which every program has that judges tokens.

pub use portcullis_guard::{Clock, Moment, SystemClock};
