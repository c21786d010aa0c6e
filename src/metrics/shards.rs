//! Numbers that many threads add to at once: each thread has a copy of its own, on cache lines of its own,
//! and whoever wants to know adds them up.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many copies there are. More threads than that share, which costs time and loses nothing.
const COPIES: usize = 16;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % COPIES;
}

/// Copies of something that is added to.
#[derive(Debug)]
pub(super) struct Shards<T>(Box<[Apart<T>]>);

/// Two cache lines are fetched together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl<T: Default> Default for Shards<T> {
    fn default() -> Self {
        Self((0..COPIES).map(|_| Apart::default()).collect())
    }
}

impl<T> Shards<T> {
    /// The copy of this thread.
    pub(super) fn mine(&self) -> &T {
        &self.0[MINE.with(|mine| *mine)].0
    }

    /// Every copy.
    pub(super) fn each(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|apart| &apart.0)
    }
}
