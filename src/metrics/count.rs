//! One number: what happened so often, or how many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::shards::Shards;

/// How often something happened.
#[derive(Debug, Default)]
pub struct Count(Shards<AtomicU64>);

impl Count {
    /// It happened so often.
    pub fn add(&self, times: u64) {
        self.0.mine().fetch_add(times, Ordering::Relaxed);
    }

    /// How often it has.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.each().map(|part| part.load(Ordering::Relaxed)).sum()
    }
}

/// How many there are.
#[derive(Clone, Debug, Default)]
pub struct Level(Arc<AtomicU64>);

/// One of them, until this is dropped.
#[derive(Debug)]
pub struct Present(Level);

impl Level {
    /// One more.
    #[must_use]
    pub fn enter(&self) -> Present {
        self.0.fetch_add(1, Ordering::Relaxed);
        Present(self.clone())
    }

    /// How many there are now.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
