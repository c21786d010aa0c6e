//! Webhooks: what administrators do to them, and the sending of what the outbox holds.
//!
//! An event is written down in the transaction of its act (`store::*::outbox`), so no act waits for a
//! receiver and none is lost; the sender takes what is due under a lease, so that one node tries it at a
//! time, at least once, in no promised order. What may be connected to, what is signed and what follows from
//! an attempt are rules (`domain::webhook`).

mod acts;
mod counts;
mod names;
mod sender;
mod transport;

pub use acts::WebhookMade;
pub use counts::Counts;
pub use names::{Lookup, SystemNames};
pub use sender::{Parts, Sender};
pub use transport::{Request, Transport};
