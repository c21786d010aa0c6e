//! Keeps the signing keys of tokens current. The last good set stays until there is another: keys that
//! must not be believed any longer are revoked in the feed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::Core;
use super::client::Client;

/// How often the keys are fetched without anybody asking: as long as they may be cached, which is less
/// than a key is announced before it signs.
const EVERY: Duration = Duration::from_mins(5);
/// How long they are not fetched again after somebody asked, for strangers can make up unknown keys.
pub(super) const REST: Duration = Duration::from_mins(1);
/// How soon a fetch that failed is repeated.
const AGAIN: Duration = Duration::from_secs(5);

const IDLE: u8 = 0;
const WANTED: u8 = 1;
const RESTING: u8 = 2;

/// Whether somebody wants the keys, because they met one that is not among them.
#[derive(Debug)]
pub(super) struct Wish {
    state: AtomicU8,
    came: Notify,
    fetched: watch::Sender<u64>,
}

impl Wish {
    pub(super) fn new() -> Self {
        Self { state: AtomicU8::new(IDLE), came: Notify::new(), fetched: watch::Sender::new(0) }
    }

    /// One wish is as good as a thousand, until it was granted and some time has passed.
    pub(super) fn make(&self) {
        if self.state.compare_exchange(IDLE, WANTED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.came.notify_one();
        }
    }

    /// Whether keys are on their way.
    pub(super) fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) == WANTED
    }

    /// Tells when keys were fetched, or could not be.
    pub(super) fn fetched(&self) -> watch::Receiver<u64> {
        self.fetched.subscribe()
    }
}

/// Fetches the keys, again and again.
pub(super) async fn keep(core: Arc<Core>, client: Arc<Client>, rest: Duration) {
    let wish = &core.keys_wanted;
    let mut is_wish = false;
    loop {
        let fetched = client.token_keys().await;
        let wait = if fetched.is_ok() { EVERY } else { AGAIN };
        match fetched {
            Ok(keys) => core.set_keys(keys),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the signing keys cannot be fetched; the last ones stay");
            }
        }
        if is_wish {
            wish.state.store(RESTING, Ordering::Release);
        }
        wish.fetched.send_modify(|times| *times += 1);
        core.tell_learnt();
        if is_wish {
            sleep(rest).await;
            wish.state.store(IDLE, Ordering::Release);
        }
        is_wish = timeout(wait, wish.came.notified()).await.is_ok();
    }
}
