//! When and from where a secret was used last: known to the minute, and paid for once a minute.

use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis::domain::{LastUse, SecretDigest, Timestamp};
use portcullis::keys::Uses;
use portcullis::keys::acts::{KeyAct, Why};
use portcullis::store::Lookup;
use portcullis::time::Clock as _;

use crate::support::{App, Build, Hand, Key};

const MINUTE: Duration = Duration::from_mins(1);

/// What is written down of each secret of the key.
async fn written(key: &Key<'_>) -> Vec<Option<LastUse>> {
    let found = key.app.shell.store.mint_record(&Lookup::Id(key.id.clone())).await.unwrap();
    found.value.unwrap().secrets.iter().map(|secret| secret.last_used).collect()
}

async fn tend(app: &App) {
    app.pass(MINUTE).await;
    app.server.uses.step().await.unwrap();
}

fn minute(at: Timestamp) -> Timestamp {
    LastUse::of(at, None).at
}

#[tokio::test]
async fn a_use_is_written_down_once_a_minute_and_publishes_nothing() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let position = app.server.copy.applied();
    for from in ["192.0.2.7", "192.0.2.8", "::ffff:192.0.2.9"] {
        for _ in 0..20 {
            assert_eq!(key.ask("").from(from).send().await.status, 200);
            app.server.uses.step().await.unwrap();
        }
    }
    let used_at = app.clock.now();
    assert_eq!((hand.uses_written.load(Ordering::SeqCst), written(&key).await), (0, vec![None]));

    tend(&app).await;

    let last = LastUse { at: minute(used_at), from: Some("192.0.2.9".parse().unwrap()) };
    assert_eq!(written(&key).await, [Some(last)]);
    assert_eq!((last.at.secs() % 60, hand.uses_written.load(Ordering::SeqCst)), (0, 1));
    app.follow().await;
    assert_eq!(app.server.copy.applied(), position);
    // Nothing was used since, so nothing is written.
    tend(&app).await;
    assert_eq!(hand.uses_written.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn each_secret_has_its_own_last_use_at_every_endpoint() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let first = shop.key("api").create().await;
    let (_, made) = app.shell.add_secret(&first.id, None, &Why::default()).await.unwrap();
    let secret = made.secret.expose().to_owned();
    let second = Key { app: &app, id: first.id.clone(), project: first.project.clone(), secret };
    let introspected = app.clock.now();
    assert_eq!(second.post("/oauth/introspect", "token=x").without_address().send().await.status, 200);
    tend(&app).await;
    let second_use = Some(LastUse { at: minute(introspected), from: None });
    assert_eq!(written(&first).await, [None, second_use]);
    // A use is a use, also if what it asks for is refused.
    let asked = app.clock.now();
    assert_eq!(first.ask("scope=other").from("192.0.2.7").send().await.status, 400);
    tend(&app).await;
    let first_use = LastUse { at: minute(asked), from: Some("192.0.2.7".parse().unwrap()) };
    assert_eq!(written(&first).await, [Some(first_use), second_use]);
}

/// Threat S22: whoever is refused leaves no trace.
#[tokio::test]
async fn whoever_is_refused_touches_nothing() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").allow("10.0.0.0/8").create().await;
    let inside = || key.ask("").from("10.0.0.1");
    let refused = [
        key.ask("").from("192.0.2.7"),
        key.ask("").without_address(),
        key.post("/oauth/introspect", "token=x").from("192.0.2.7"),
        key.post("/oauth/revoke", "token=x").without_address(),
        inside().without("authorization").basic(key.id.as_str(), "wrong"),
    ];
    for request in refused {
        assert!((400..500).contains(&request.send().await.status));
    }
    key.act(KeyAct::Block).await;
    app.follow().await;
    assert_eq!(inside().send().await.status, 401);

    tend(&app).await;

    assert_eq!(written(&key).await, [None]);
}

#[tokio::test]
async fn what_could_not_be_written_is_written_later() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = app.tenant("shop").await;
    let (idle, busy) = (shop.key("api").create().await, shop.key("api").create().await);
    for key in [&idle, &busy] {
        key.token("").await;
    }
    let first = minute(app.clock.now());
    hand.no_uses.store(true, Ordering::SeqCst);
    app.pass(MINUTE).await;
    assert!(app.server.uses.step().await.is_err());
    assert!(app.server.uses.step().await.is_ok(), "not tried again at once");
    busy.token("").await;
    let second = minute(app.clock.now());
    hand.no_uses.store(false, Ordering::SeqCst);

    tend(&app).await;

    let at = async |key| written(key).await[0].map(|last| last.at);
    assert_eq!((at(&idle).await, at(&busy).await), (Some(first), Some(second)));
}

#[tokio::test]
async fn a_server_that_stops_writes_down_what_it_knows() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let wire = app.listen();
    key.token("").await;
    wire.stop().await;
    assert!(written(&key).await[0].is_some());
}

#[tokio::test]
async fn the_memory_of_uses_is_bounded() {
    let app = App::start().await;
    let uses = Uses::new(app.shell.store.clone(), app.clock.clone());
    for n in 0..25_000_u32 {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&n.to_be_bytes());
        uses.note(&SecretDigest::from_bytes(digest), None);
    }
    assert!(format!("{uses:?}").starts_with("Uses { noted: 10000"), "{uses:?}");
    uses.write().await.unwrap();
    assert!(format!("{uses:?}").starts_with("Uses { noted: 0"), "{uses:?}");
}
