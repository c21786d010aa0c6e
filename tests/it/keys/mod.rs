//! An API key's life, beyond what the gate shows.

mod throttle;
mod uses;
