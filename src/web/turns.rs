//! The requests of one connection: whoever watches connections lets go of those without any.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many requests a connection has begun and ended. It is among the extensions of each of them.
#[derive(Debug, Default)]
pub struct Turns {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request that is under way until this is dropped.
#[derive(Debug)]
pub struct Turn(Arc<Turns>);

impl Turns {
    /// A request begins.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Turn {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Turn(self.clone())
    }

    /// An answer that goes on has come a step further, because whoever it is for has read what came
    /// before. It counts like a request that began and ended; an answer that nobody reads does not.
    pub fn step(self: &Arc<Self>) {
        drop(self.begin());
    }

    /// How many have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// Whether none is under way, if so many have ended.
    #[must_use]
    pub fn is_idle_after(&self, ended: u64) -> bool {
        ended == self.begun.load(Ordering::Relaxed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}
