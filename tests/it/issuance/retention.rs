//! How long the log keeps a token.

use std::time::Duration;

use portcullis::domain::TokenId;
use portcullis::store::{IssuedToken, Recording};
use portcullis::time::Clock as _;

use crate::support::{App, Build, Engine, Key, Listed as _};

const DAY: Duration = Duration::from_hours(24);

async fn kept(key: &Key<'_>) -> usize {
    key.app.server.store.issued(&key.id, u32::MAX).await.unwrap().len()
}

/// To the millisecond on SQLite; a server's partitions go by the day (`store::days`).
#[tokio::test]
async fn a_token_is_kept_for_the_stated_time_and_no_longer() {
    let app = Build::default().on(Engine::Sqlite).set("PORTCULLIS_ISSUANCE_RETENTION", "2d").start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    key.token("").await;
    app.pass(DAY).await;
    key.token("").await;
    app.pass(DAY).await;
    assert_eq!((app.server.retention.step().await.unwrap(), kept(&key).await), (0, 2), "to the millisecond");
    app.pass(Duration::from_secs(59)).await;
    assert_eq!(app.server.retention.step().await.unwrap(), 0, "not looked for again at once");
    app.pass(Duration::from_secs(1)).await;
    assert_eq!((app.server.retention.step().await.unwrap(), kept(&key).await), (1, 1));
    app.pass(DAY).await;
    assert_eq!((app.server.retention.step().await.unwrap(), kept(&key).await), (1, 0));
    key.token("").await;
}

/// More than one turn deletes: what is left goes with the next turn, without waiting.
#[tokio::test]
async fn a_backlog_goes_turn_by_turn_and_touches_nothing_that_is_young() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    key.token("").await;
    let row = app.server.store.issued(&key.id, 1).await.unwrap().remove(0);
    let old = app.clock.now().before(31 * DAY);
    let position = app.server.copy.applied();
    let rows: Vec<IssuedToken> = (0..20_700_u32)
        .map(|n| {
            let mut random = [0; 10];
            random[..4].copy_from_slice(&n.to_be_bytes());
            IssuedToken { jti: TokenId::new(old, random), issued_at: old, position, ..row.clone() }
        })
        .collect();
    assert!(
        app.server
            .store
            .record(&rows)
            .await
            .unwrap()
            .into_iter()
            .all(|recorded| recorded == Recording::Recorded)
    );

    let (first, second) =
        (app.server.retention.step().await.unwrap(), app.server.retention.step().await.unwrap());

    assert_eq!((first, second, kept(&key).await), (20_000, 700, 1));
}
