//! An API key's life, beyond what the gate shows.

mod made;
mod records;
mod throttle;
mod uses;
