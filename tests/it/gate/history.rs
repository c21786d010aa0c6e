//! Another history: the database under the server is not the one that it followed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::{House, furnish};
use crate::support::{App, Build, Engine, Hand};

async fn database(app: &App) -> SqliteConnection {
    SqliteConnectOptions::new().filename(app.database()).connect().await.unwrap()
}

/// As if the database had been restored to a point before the newest entry, and another was
/// published since: same position, another mark.
async fn rewrite_newest(app: &App) {
    let mut database = database(app).await;
    let edited = sqlx::query(
        "UPDATE feed SET tag = x'0102030405060708' WHERE position = (SELECT max(position) FROM feed)",
    );
    assert_eq!(edited.execute(&mut database).await.unwrap().rows_affected(), 1);
    database.close().await.unwrap();
}

/// As if it had been restored to a point before all of it: the entry that killed is not there.
async fn undo_block(app: &App, key: &str) {
    let mut database = database(app).await;
    for statement in [
        "DELETE FROM feed WHERE position = (SELECT max(position) FROM feed)",
        "UPDATE feed_counter SET position = (SELECT max(position) FROM feed)",
        "UPDATE api_keys SET state = 'active', changed = (SELECT max(position) FROM feed)",
    ] {
        sqlx::query(statement).execute(&mut database).await.unwrap();
    }
    let active: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys WHERE id = $1 AND state = 'active'")
        .bind(key)
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(active, 1);
    database.close().await.unwrap();
}

#[tokio::test]
async fn another_mark_at_the_same_position_is_noticed_and_all_is_read_again() {
    let app = App::on_a_file().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let (key, revoked) = (shop.key("api").create().await, shop.key("api").create().await);
    let (token, dead) = (key.token("").await, revoked.token("").await);
    revoked.act(KeyAct::Block).await;
    key.edit(|key| key.name.push('x')).await;
    app.follow().await;
    let before = app.server.copy.list();

    rewrite_newest(&app).await;
    app.follow().await;

    assert!(!std::sync::Arc::ptr_eq(&before, &app.server.copy.list()), "another list");
    assert!(house.admits(&token).await);
    assert!(!house.admits(&dead).await);
    assert_eq!(app.get("/readyz").send().await.status, 200);
}

#[tokio::test]
async fn a_database_that_went_back_is_noticed_and_nothing_of_its_future_is_kept() {
    let app = App::on_a_file().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;
    key.act(KeyAct::Block).await;
    app.follow().await;
    assert!(!house.admits(&token).await);
    assert_eq!(key.ask("").send().await.status, 401);

    undo_block(&app, key.id.as_str()).await;
    app.follow().await;

    assert!(house.admits(&token).await, "that history knows of no block");
    assert!(house.admits(&key.token("").await).await);
    // What happens from here on is followed as ever.
    key.act(KeyAct::Block).await;
    app.follow().await;
    assert!(!house.admits(&token).await);
    assert_eq!(key.ask("").send().await.status, 401);
}

/// A million entries do not come in one answer.
#[tokio::test]
async fn a_feed_that_is_longer_than_one_read_is_read_page_by_page() {
    let hand = Hand::new();
    hand.page.store(2, Ordering::SeqCst);
    let app = Build::default().on(Engine::Sqlite).store(hand.wrap()).start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let (key, other) = (shop.key("api").create().await, shop.key("api").create().await);
    let (token, dead) = (key.token("").await, other.token("").await);
    other.act(KeyAct::Block).await;
    app.follow().await;
    let position = app.server.store.position().await.unwrap();
    assert_eq!(app.server.copy.applied(), position);
    assert!(position.value() > 4, "that is more than two pages");

    let before = app.server.copy.list();
    rewrite_newest(&app).await;
    app.follow().await;

    assert!(!std::sync::Arc::ptr_eq(&before, &app.server.copy.list()), "read from the beginning");
    assert_eq!(app.server.copy.applied(), position);
    assert!(house.admits(&token).await);
    assert!(!house.admits(&dead).await);
    assert_eq!(app.get("/readyz").send().await.status, 200);
}

/// The reload itself may fail half-way. Until it succeeds nobody is admitted, and when it does,
/// neither the old list nor the old records are left.
#[tokio::test]
async fn a_reload_that_fails_half_way_leaves_nothing_of_the_old_history() {
    let hand = Hand::new();
    let app = Build::default().on(Engine::Sqlite).store(hand.wrap()).start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;
    key.act(KeyAct::Block).await;
    app.follow().await;
    assert_eq!(key.ask("").send().await.status, 401, "remembered as blocked");
    undo_block(&app, key.id.as_str()).await;

    hand.no_beginning.store(true, Ordering::SeqCst);
    assert!(app.server.sync.step().await.is_err());
    assert_eq!(app.get("/readyz").send().await.status, 503);
    assert_eq!(app.get("/v1/auth/verify").bearer(&token).send().await.status, 503);
    assert!(app.server.sync.step().await.is_err());
    hand.no_beginning.store(false, Ordering::SeqCst);

    app.follow().await;
    assert_eq!(app.get("/readyz").send().await.status, 200);
    assert!(house.admits(&token).await, "the old list is gone");
    assert!(house.admits(&key.token("").await).await, "the old record is gone");
}

/// Device and inode of the path are not those of the open file.
#[tokio::test]
async fn a_database_file_that_was_replaced_is_noticed() {
    let (app, other) = (App::on_a_file().await, App::on_a_file().await);
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;
    let aside = app.database().with_extension("aside");
    std::fs::rename(app.database(), &aside).unwrap();
    std::fs::copy(other.database(), app.database()).unwrap();

    for _ in 0..7 {
        app.clock.advance(Duration::from_secs(5));
        assert!(app.server.sync.step().await.is_err());
    }
    assert_eq!(app.get("/readyz").send().await.status, 503);
    assert_eq!(app.get("/v1/auth/verify").bearer(&token).send().await.status, 503);
    assert_eq!(key.ask("").send().await.refusal(), (503, "temporarily_unavailable".into()));

    std::fs::rename(&aside, app.database()).unwrap();
    app.follow().await;
    assert!(house.admits(&token).await);
}

/// More ends in a while than one batch holds: the feed must not grow without end for it.
#[tokio::test]
async fn a_backlog_of_ended_entries_is_cleared_away() {
    let app = App::on_a_file().await;
    furnish(&app).await;
    let mut database = database(&app).await;
    for statement in [
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) \
         INSERT INTO feed (position, tag, kind, entry, published_at, ends_at) \
         SELECT 100000 + i, randomblob(8), 'all', '{\"revoke\":\"all\"}', 0, i FROM n",
        "UPDATE feed_counter SET position = 104000",
    ] {
        sqlx::query(statement).execute(&mut database).await.unwrap();
    }
    // Read, and then known for long.
    for _ in 0..2 {
        app.pass(Duration::from_mins(20)).await;
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM feed WHERE ends_at <= 4000")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(left, 1, "the newest is never deleted");
    database.close().await.unwrap();
}
