//! What runs beside the answers goes on, whatever one turn of it came to.

use std::sync::atomic::Ordering;

use portcullis::keys::acts::KeyAct;
use tokio::time::timeout;

use crate::support::{Build, DEADLINE, Hand};

#[tokio::test]
async fn following_goes_on_after_a_panic() {
    let hand = Hand::new();
    // The injected clock stands still: no poll is due, every turn asks whether anything has changed.
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    app.follow().await;
    let token = key.token("").await;
    hand.feed_panics.store(3, Ordering::SeqCst);
    let wire = app.listen();

    // Beside the server, as another process does.
    key.act(KeyAct::Block).await;
    let so_far = hand.looks.came();
    timeout(DEADLINE, hand.looks.until_came(so_far + 6)).await.expect("nobody follows the feed any more");

    assert_eq!(hand.feed_panics.load(Ordering::SeqCst), 0);
    let answer = app.get("/v1/auth/verify").bearer(&token).send().await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    wire.stop().await;
}
