//! A door that a test closes: whoever comes waits in front of it, and the test is told.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis::domain::Timestamp;
use portcullis::store::{Error, IssuedToken, IssuedTokens, Recording, Store};
use tokio::sync::{Semaphore, watch};

/// As good as without end.
const MANY: usize = 1 << 20;

/// Open until it is closed.
pub(crate) struct Latch {
    way: Semaphore,
    came: watch::Sender<usize>,
}

impl Latch {
    pub(crate) fn open() -> Arc<Self> {
        Arc::new(Self { way: Semaphore::new(MANY), came: watch::Sender::new(0) })
    }

    /// Whoever comes from here on waits.
    pub(crate) fn close(&self) {
        self.way.forget_permits(MANY);
    }

    /// Lets so many pass: of those who wait, then of those who come.
    pub(crate) fn let_pass(&self, so_many: usize) {
        self.way.add_permits(so_many);
    }

    /// Opens it for all.
    pub(crate) fn release(&self) {
        self.way.add_permits(MANY);
    }

    /// How many ever came.
    pub(crate) fn came(&self) -> usize {
        *self.came.borrow()
    }

    /// Waits until so many ever came.
    pub(crate) async fn until_came(&self, so_many: usize) {
        self.came.subscribe().wait_for(|came| *came >= so_many).await.unwrap();
    }

    pub(crate) async fn pass(&self) {
        self.came.send_modify(|came| *came += 1);
        self.way.acquire().await.unwrap().forget();
    }

    /// Puts the door between the decision and the commit of every token.
    pub(crate) fn before_commit(
        self: &Arc<Self>,
    ) -> impl FnOnce(Arc<dyn Store>) -> Arc<dyn IssuedTokens> + use<> {
        let latch = self.clone();
        |store| Arc::new(Held { latch, store })
    }
}

struct Held {
    latch: Arc<Latch>,
    store: Arc<dyn Store>,
}

#[async_trait]
impl IssuedTokens for Held {
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
        self.latch.pass().await;
        self.store.record(tokens).await
    }

    async fn forget_issued(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        self.store.forget_issued(before, limit).await
    }

    async fn forget_counts(&self, until: Timestamp) -> Result<u64, Error> {
        self.store.forget_counts(until).await
    }
}
