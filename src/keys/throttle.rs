//! Slows down whoever guesses: failed authentications are counted per key and address, and per
//! address. Only failures are ever turned away; a right secret always passes (threat S36), so
//! nobody can lock the rightful holder out.
//!
//! Counters live in a fixed number of places, chosen by hash: memory is bounded without forgetting
//! anybody, and two that share a place only share their patience.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::time::Clock;

/// How many places the counters of one kind have.
const PLACES: u64 = 1 << 16;

/// How many failures pass in a minute.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of one key id from one address.
    pub per_key: NonZeroU32,
    /// From one address; of IPv6, from one /64.
    pub per_address: NonZeroU32,
}

/// The counters of failed authentications.
#[derive(Debug)]
pub struct Throttle {
    by_key: Rate,
    by_address: Rate,
}

impl Throttle {
    /// Counters that hold these limits by this clock.
    #[must_use]
    pub fn new(limits: Limits, clock: &Arc<dyn Clock>) -> Self {
        Self {
            by_key: Rate::new(Quota::per_minute(limits.per_key), clock.clone()),
            by_address: Rate::new(Quota::per_minute(limits.per_address), clock.clone()),
        }
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub fn failed(&self, key: &str, address: Option<IpAddr>) -> Result<(), Duration> {
        let network = address.map(network);
        let by_address = self.by_address.check(&network);
        let by_key = self.by_key.check(&(key, network));
        match (by_address, by_key) {
            (Ok(()), Ok(())) => Ok(()),
            (a, b) => Err(a.err().max(b.err()).unwrap_or_default()),
        }
    }

    /// Counts so many texts that somebody says are secrets, like as many failures of that address, whatever they
    /// are: whether one is a secret must not show.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub fn reported(&self, texts: NonZeroU32, address: Option<IpAddr>) -> Result<(), Duration> {
        self.by_address.check_many(&address.map(network), texts)
    }
}

/// Whoever has one IPv6 address has the /64 around it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Counters of one kind of event.
pub struct Rate {
    limiter: RateLimiter<u64, DashMapStateStore<u64>, OurClock, NoOpMiddleware<Nanos>>,
    /// How many may happen at once.
    most: NonZeroU32,
    clock: OurClock,
}

impl Rate {
    /// Counters of something that may happen so often in a second.
    #[must_use]
    pub fn per_second(most: NonZeroU32, clock: Arc<dyn Clock>) -> Self {
        Self::new(Quota::per_second(most), clock)
    }

    fn new(quota: Quota, clock: Arc<dyn Clock>) -> Self {
        let clock = OurClock(clock);
        let most = quota.burst_size();
        Self { limiter: RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()), most, clock }
    }

    /// Counts an event.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub fn check(&self, of: &impl Hash) -> Result<(), Duration> {
        let counted = self.limiter.check_key(&place(of));
        counted.map_err(|refused| refused.wait_time_from(self.clock.now()))
    }

    /// Counts several at once, all or none; more than may ever happen at once count as so many.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub fn check_many(&self, of: &impl Hash, events: NonZeroU32) -> Result<(), Duration> {
        let counted = self.limiter.check_key_n(&place(of), events.min(self.most));
        let counted = counted.expect("no more are counted than may happen at once");
        counted.map_err(|refused| refused.wait_time_from(self.clock.now()))
    }
}

fn place(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish() % PLACES
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rate").field("places", &self.limiter.len()).finish_non_exhaustive()
    }
}

/// Our clock, in the shape that `governor` wants.
#[derive(Clone)]
struct OurClock(Arc<dyn Clock>);

impl GovernorClock for OurClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.monotonic().into()
    }
}
