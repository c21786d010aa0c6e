//! A server of the test's own: the real router, a real database; only clock and randomness are
//! replaced.

mod app;
mod clock;
mod entropy;
mod request;
mod serving;
mod tenant;

pub(crate) use app::{App, Build};
pub(crate) use clock::TestClock;
pub(crate) use entropy::Seeded;
pub(crate) use request::{Answer, Send, escape, part};
pub(crate) use serving::{PROGRAM, Serving};
pub(crate) use tenant::{Key, Tenant};
