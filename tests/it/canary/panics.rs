//! A request that makes the server panic with a secret in its hands.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use portcullis::domain::Timestamp;
use portcullis::store::{Error, IssuedToken, IssuedTokens, Recording, Store};

use crate::support::{Build, Finder};

struct Panics(Arc<dyn Store>);

#[async_trait]
impl IssuedTokens for Panics {
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
        panic!("the log has failed over {tokens:?}")
    }

    async fn forget_issued(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        self.0.forget_issued(before, limit).await
    }

    async fn forget_counts(&self, until: Timestamp) -> Result<u64, Error> {
        self.0.forget_counts(until).await
    }
}

#[tokio::test]
async fn a_panic_tells_no_secret_to_the_client_nor_to_the_log() {
    static SAID: Mutex<String> = Mutex::new(String::new());
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        SAID.lock().unwrap().push_str(&panic.to_string());
        before(panic);
    }));
    let app = Build::default().issued(|store| Arc::new(Panics(store))).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;

    let answer = key.ask("").send().await;

    assert_eq!(answer.status, 503, "{}", answer.text());
    let said = SAID.lock().unwrap().clone();
    assert!(said.contains("the log has failed over"), "{said}");
    let mut finder = Finder::default();
    finder.text("the API secret", &key.secret);
    assert_eq!(finder.find("panic", said.as_bytes()), Vec::<String>::new());
    assert_eq!(finder.find("answer", answer.whole().as_bytes()), Vec::<String>::new());
}
