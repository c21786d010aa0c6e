//! What a server does beside answering: follows the feed, looks after signing keys, writes down and
//! clears. A turn that panics is told and is one turn lost; the loop goes on.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use portcullis_guard::Freshness;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::store::Error;
use crate::web::Server;

/// How long nothing is done after waiting for a change panicked.
const PAUSE: Duration = Duration::from_millis(200);
/// How often it is looked whether a signing key needs a successor.
const ROTATION: Duration = Duration::from_mins(1);
/// How often it is looked whether there is anything to write down or to clear.
const TENDING: Duration = Duration::from_secs(5);

/// Follows the feed. While that fails, with an error or a panic, the copy grows stale and admits nobody.
pub(super) async fn follow(server: Arc<Server>) {
    let mut failing = false;
    loop {
        if unharmed(server.sync.wait()).await.is_none() {
            tokio::time::sleep(PAUSE).await;
        }
        match unharmed(server.sync.step()).await {
            Some(Ok(())) if failing => {
                tracing::info!("the feed is read again");
                failing = false;
            }
            Some(Err(error)) if !failing => {
                tracing::error!(error = &error as &dyn std::error::Error, "the feed cannot be read");
                failing = true;
            }
            None if !failing => {
                tracing::error!("the feed cannot be read: following it panicked");
                failing = true;
            }
            _ => {}
        }
    }
}

/// Announces successors of signing keys in time.
pub(super) async fn rotate(server: Arc<Server>) {
    let mut turn = every(ROTATION);
    loop {
        turn.tick().await;
        match unharmed(server.rotate_what_is_due()).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the signing keys could not be looked after"
            ),
            None => tracing::error!("the signing keys could not be looked after: that panicked"),
        }
    }
}

/// Writes down what can wait and clears what is old, apart from following: nothing here may make the
/// copy late.
pub(super) async fn tend(server: Arc<Server>) {
    let mut turn = every(TENDING);
    loop {
        turn.tick().await;
        match unharmed(server.uses.step()).await {
            Some(Ok(())) => {}
            Some(Err(error)) => uses_unwritten(&error),
            None => tracing::error!("writing down the last uses of secrets panicked"),
        }
        match unharmed(server.retention.step()).await {
            Some(Ok(0)) => {}
            Some(Ok(deleted)) => tracing::debug!(deleted, "old rows of the issuance log were deleted"),
            Some(Err(error)) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old rows of the issuance log could not be deleted"
            ),
            None => tracing::error!("deleting old rows of the issuance log panicked"),
        }
    }
}

/// Sends events to whoever wants them. A node whose copy is stale may not know the time, or not be alone in
/// what it takes; it sends nothing.
pub(super) async fn send(server: Arc<Server>) {
    let mut failing = false;
    loop {
        server.webhooks.wait().await;
        if server.copy.freshness() == Freshness::Stale {
            continue;
        }
        match unharmed(server.webhooks.step()).await {
            Some(Ok(_)) => failing = false,
            Some(Err(error)) if !failing => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what is to be sent to webhooks cannot be read"
                );
                failing = true;
            }
            None => tracing::error!("sending to webhooks panicked"),
            Some(Err(_)) => {}
        }
    }
}

pub(super) fn uses_unwritten(error: &Error) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the last uses of secrets could not be written down"
    );
}

fn every(span: Duration) -> Interval {
    let mut turn = interval(span);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    turn
}

/// What a turn came to, or nothing if it panicked: where, the panic hook has told. A turn that ends
/// anywhere is safe to repeat, because it may end so at every `await` when the server stops.
async fn unharmed<T>(turn: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(turn).catch_unwind().await.ok()
}
