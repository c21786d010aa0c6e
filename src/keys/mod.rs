//! An API key's life: who presents it, what is known of it, what is done to it.
//!
//! Not here: what a key may mint (`domain::grant`), how a request carries credentials (`oauth`).

pub mod acts;
mod anew;
pub mod applied;
mod authenticate;
pub mod hygiene;
pub mod import_acts;
pub mod leak_acts;
mod naming;
mod project_acts;
mod records;
mod role_acts;
pub mod secret_acts;
mod signing_acts;
mod throttle;
mod token_acts;
mod uses;

pub use authenticate::{Authenticator, Credentials, Denied, Proven};
pub use records::{Records, Use};
pub use throttle::{Limits as ThrottleLimits, Rate, Throttle};
pub use uses::Uses;
