//! How values are spread: a histogram with bounds of ours.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in microseconds, from what a check costs to what a long poll waits.
const TIMES: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 25_000_000,
];
/// Upper bounds of how many there were.
const NUMBERS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// The most bounds, and beyond them.
const MOST: usize = TIMES.len() + 1;

/// In what values are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// They are microseconds and told as seconds.
    #[default]
    Seconds,
    /// As they are.
    Each,
}

/// Values that were met.
#[derive(Debug)]
pub struct Spread {
    unit: Unit,
    counts: [AtomicU64; MOST],
    sum: AtomicU64,
}

impl Spread {
    /// Of times.
    #[must_use]
    pub fn of_time() -> Self {
        Self { unit: Unit::Seconds, counts: Default::default(), sum: AtomicU64::new(0) }
    }

    /// Of numbers.
    #[must_use]
    pub fn of_numbers() -> Self {
        Self { unit: Unit::Each, ..Self::of_time() }
    }

    /// One more time.
    pub fn add_time(&self, took: Duration) {
        self.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// One more value.
    pub fn add(&self, value: u64) {
        let at = self.unit.bounds().partition_point(|bound| *bound < value);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }
}

impl Unit {
    const fn bounds(self) -> &'static [u64] {
        match self {
            Self::Seconds => TIMES,
            Self::Each => NUMBERS,
        }
    }

    /// As it is told. Lossless enough: a sum of microseconds fits a float for 285 years.
    #[expect(clippy::cast_precision_loss, reason = "the format's numbers are floats")]
    fn told(self, value: u64) -> f64 {
        match self {
            Self::Seconds => value as f64 / 1e6,
            Self::Each => value as f64,
        }
    }
}

/// Several spreads together.
#[derive(Debug, Default)]
pub struct Tally {
    unit: Unit,
    counts: [u64; MOST],
    sum: u64,
}

impl Tally {
    /// Of one.
    #[must_use]
    pub fn of(spread: &Spread) -> Self {
        let mut tally = Self::default();
        tally.add(spread);
        tally
    }

    /// With another one, of the same unit.
    pub fn add(&mut self, spread: &Spread) {
        self.unit = spread.unit;
        self.sum = self.sum.wrapping_add(spread.sum.load(Ordering::Relaxed));
        for (sum, count) in self.counts.iter_mut().zip(&spread.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
    }

    /// Each upper bound, and how many values were not above it.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut until = 0;
        self.unit.bounds().iter().zip(self.counts).map(move |(bound, count)| {
            until += count;
            (self.unit.told(*bound), until)
        })
    }

    /// How many values there were.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What they come to.
    pub(super) fn sum(&self) -> f64 {
        self.unit.told(self.sum)
    }
}
