//! Whoever cannot know says so and admits nobody; once the database is back, so is the gate.

use std::path::PathBuf;
use std::time::Duration;

use portcullis::keys::acts::KeyAct;

use super::{House, furnish};
use crate::support::{Answer, App, Build, Hand};

const MAX_AGE: Duration = Duration::from_secs(30);

/// The database file out of the way: what a server sees whose disk was pulled.
struct Away<'a>(&'a App);

impl<'a> Away<'a> {
    fn take(app: &'a App) -> Self {
        std::fs::rename(app.database(), Self::aside(app)).unwrap();
        Self(app)
    }

    fn aside(app: &App) -> PathBuf {
        app.database().with_extension("aside")
    }

    fn put_back(self) {
        std::fs::rename(Self::aside(self.0), self.0.database()).unwrap();
    }
}

fn assert_unavailable(what: &str, answer: &Answer) {
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".into()), "{what}: {}", answer.text());
    assert!(!answer.header("retry-after").is_empty(), "{what}");
}

async fn ready(app: &App) -> (u16, String) {
    let answer = app.get("/readyz").send().await;
    (answer.status, answer.json()["revocation_list"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_server_without_its_database_admits_nobody_beyond_the_maximum_age() {
    let app = App::on_a_file().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;
    app.pass(Duration::from_secs(6)).await;
    assert!(house.admits(&token).await);
    let away = Away::take(&app);

    // Up to the maximum age checks go on; nothing is minted, because the log cannot commit.
    app.clock.advance(MAX_AGE);
    assert!(app.server.sync.step().await.is_err());
    assert_eq!(ready(&app).await, (200, "late".into()));
    assert!(house.admits(&token).await);
    assert_unavailable("mint", &key.ask("").send().await);

    app.clock.advance(Duration::from_millis(1));
    assert!(app.server.sync.step().await.is_err());
    assert_eq!(ready(&app).await, (503, "stale".into()));
    assert_unavailable("introspect", &house.witness.introspect(&token).await);
    assert_unavailable("introspect by the minter", &key.introspect(&token).await);
    assert_unavailable("introspect of nonsense", &key.introspect("nonsense").await);
    assert_unavailable("verify", &app.get("/v1/auth/verify").bearer(&token).send().await);
    assert_unavailable("mint", &key.ask("").send().await);
    assert_unavailable("revoke", &key.post("/oauth/revoke", &format!("token={token}")).send().await);
    assert_eq!(app.get("/healthz").send().await.status, 200);

    // Back again, without a restart.
    away.put_back();
    app.follow().await;
    assert_eq!(ready(&app).await, (200, "fresh".into()));
    assert!(house.admits(&token).await);
    assert_eq!(key.ask("").send().await.status, 200);
}

#[tokio::test]
async fn what_was_revoked_while_the_database_could_not_be_read_is_dead_when_it_is_back() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;

    hand.no_feed.store(true, std::sync::atomic::Ordering::SeqCst);
    key.act(KeyAct::Block).await;
    assert!(app.server.sync.step().await.is_err());
    assert!(house.admits(&token).await, "not yet known");
    hand.no_feed.store(false, std::sync::atomic::Ordering::SeqCst);

    // The change was seen once and not read: the next turn reads it, not the next poll.
    app.follow().await;
    assert!(!house.admits(&token).await);
}

#[tokio::test]
async fn a_server_that_has_never_read_the_feed_admits_nobody() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;
    let node = app.second_node_unread(Build::default()).await;
    assert_eq!(ready(&node).await, (503, "stale".into()));
    assert_unavailable("verify", &node.get("/v1/auth/verify").bearer(&token).send().await);
    node.follow().await;
    assert_eq!(node.get("/v1/auth/verify").bearer(&token).send().await.status, 200);
}

/// Suspended for a while, or set forward: the wall clock alone makes the copy old, and the next
/// poll makes it good again.
#[tokio::test]
async fn a_wall_clock_set_forward_ages_the_copy() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let token = shop.key("api").create().await.token("").await;
    app.clock.step_wall_forward(MAX_AGE + Duration::from_millis(1));
    assert_eq!(ready(&app).await, (503, "stale".into()));
    assert_unavailable("verify", &app.get("/v1/auth/verify").bearer(&token).send().await);
    app.follow().await;
    assert!(house.admits(&token).await);
}

/// Set back, the wall clock would make an old copy look young; the monotonic one does not.
#[tokio::test]
async fn a_wall_clock_set_back_makes_no_copy_young() {
    let app = App::on_a_file().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let (key, revoked) = (shop.key("api").create().await, shop.key("api").create().await);
    let (token, dead) = (key.token("").await, revoked.token("").await);
    revoked.act(KeyAct::Block).await;
    app.follow().await;
    let away = Away::take(&app);
    app.clock.step_wall_back(Duration::from_mins(40));
    app.clock.advance(MAX_AGE);
    assert!(app.server.sync.step().await.is_err());
    assert_eq!(ready(&app).await, (200, "late".into()));
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(ready(&app).await, (503, "stale".into()));
    assert_unavailable("verify", &app.get("/v1/auth/verify").bearer(&token).send().await);

    // And what was revoked stays so by any clock (threat S24).
    away.put_back();
    app.follow().await;
    assert!(!house.admits(&dead).await);
    app.clock.step_wall_forward(Duration::from_mins(40));
    app.follow().await;
    assert!(!house.admits(&dead).await);
}

/// Threat S24: a clock that runs ahead for a moment, is put right, and a restart.
#[tokio::test]
async fn a_clock_that_ran_ahead_makes_nobody_forget_what_a_token_outlives() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let key = shop.key("api").create().await;
    let dead = key.token("").await;
    key.act(KeyAct::RevokeTokens).await;
    // The newest entry would be kept anyway.
    shop.key("api").create().await;
    app.follow().await;

    let ahead = Duration::from_hours(2);
    app.clock.step_wall_forward(ahead);
    app.follow().await;
    app.clock.step_wall_back(ahead);

    let restarted = app.second_node(Build::default()).await;
    assert_eq!(restarted.get("/v1/auth/verify").bearer(&dead).send().await.status, 401);
}

#[tokio::test]
async fn a_copy_that_is_late_admits() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let token = shop.key("api").create().await.token("").await;
    app.pass(Duration::from_secs(5)).await;
    app.clock.advance(Duration::from_secs(5));
    assert_eq!(ready(&app).await, (200, "fresh".into()));
    app.clock.advance(Duration::from_millis(1));
    assert_eq!(ready(&app).await, (200, "late".into()));
    assert!(house.admits(&token).await);
}

/// Without anything having changed, the poll alone keeps the copy young.
#[tokio::test]
async fn an_idle_server_stays_fresh() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let token = shop.key("api").create().await.token("").await;
    for _ in 0..20 {
        app.pass(Duration::from_secs(5)).await;
        assert_eq!(ready(&app).await, (200, "fresh".into()));
    }
    assert_eq!(app.get("/v1/auth/verify").bearer(&token).send().await.status, 200);
    let nodes = app.server.store.nodes().await.unwrap();
    assert_eq!((nodes.len(), nodes[0].applied), (1, app.server.copy.applied()));
}
