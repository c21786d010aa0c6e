//! A database that panics over a batch: that batch is lost, and nothing after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use portcullis::domain::Timestamp;
use portcullis::store::{Error, IssuedToken, IssuedTokens, Recording, Store};

use crate::support::{Build, Latch};

/// Panics over the first batch, once the latch lets it.
struct PanicsOnce {
    store: Arc<dyn Store>,
    latch: Arc<Latch>,
    has_panicked: AtomicBool,
}

#[async_trait]
impl IssuedTokens for PanicsOnce {
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
        self.latch.pass().await;
        assert!(self.has_panicked.swap(true, Ordering::SeqCst), "the log has failed over {}", tokens.len());
        self.store.record(tokens).await
    }

    async fn forget_issued(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        self.store.forget_issued(before, limit).await
    }

    async fn forget_counts(&self, until: Timestamp) -> Result<u64, Error> {
        self.store.forget_counts(until).await
    }
}

#[tokio::test]
async fn a_panic_fails_its_batch_and_the_next_ones_get_their_tokens() {
    let latch = Latch::open();
    let held = latch.clone();
    let build = Build::default().issued(move |store| {
        Arc::new(PanicsOnce { store, latch: held, has_panicked: AtomicBool::new(false) })
    });
    let app = build.start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    latch.close();

    let later = async {
        latch.until_came(1).await;
        let release = async { latch.release() };
        // Asked while the first batch is under way, so none of it.
        let (one, another, ()) = tokio::join!(key.ask("").send(), key.ask("").send(), release);
        [one, another]
    };
    let (first, later) = tokio::join!(key.ask("").send(), later);

    assert_eq!(first.refusal(), (503, "temporarily_unavailable".to_owned()));
    assert!(!first.header("retry-after").is_empty());
    for answer in later {
        assert!(key.introspect(&answer.token()).await.is_active());
    }
    assert!(key.introspect(&key.token("").await).await.is_active());
}
