//! A backup that comes back (threat S41): what its past has issued stays dead, at the restored
//! server and at one that followed the old database.

use std::path::PathBuf;

use portcullis::domain::audit::{Act, Actor, AuditDraft};
use portcullis::domain::signing_key::{Line, SigningKeyTimes};
use portcullis::domain::{Claims, FeedDraft, Position, SigningAlgorithm, Tag, Target, TokenRefusal};
use portcullis::keys::acts::{KeyAct, Why};
use portcullis::signing::{SealingKey, generate};
use portcullis::store::{Restoration, Store};
use portcullis::time::Clock as _;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::furnish;
use crate::support::{App, Build, Key, Seeded, part};

/// Makes a copy in the app's folder.
async fn back_up(app: &App) -> PathBuf {
    let to = app.data_dir().join("copy.db");
    app.installation().await.back_up(&to, Actor::Local(0)).await.unwrap();
    to
}

/// The same key, at another server.
fn at<'a>(app: &'a App, key: &Key<'_>) -> Key<'a> {
    Key { app, id: key.id.clone(), project: key.project.clone(), secret: key.secret.clone() }
}

async fn judged(app: &App, token: &str) -> (u16, Option<String>) {
    let answer = app.get("/v1/auth/verify").bearer(token).send().await;
    let reason = answer.json()["reason"].as_str().map(str::to_owned);
    (answer.status, reason)
}

/// What the revocation list says of a token to whoever still has the old public keys; and what it
/// would say had another signing key made the token.
fn revoked_twice(app: &App, token: &str) -> [TokenRefusal; 2] {
    let kid = part(token, 0)["kid"].as_str().unwrap().to_owned();
    let claims: Claims = serde_json::from_value(part(token, 1)).unwrap();
    [kid.as_str(), "another"]
        .map(|kid| app.server.copy.list().check(&kid.parse().unwrap(), &claims).unwrap_err())
}

async fn unblock(app: &App, key: &Key<'_>) {
    app.shell.act_on_key(&key.id, KeyAct::Unblock, &Why::default()).await.unwrap();
    app.follow().await;
}

#[tokio::test]
async fn nothing_that_was_issued_before_a_restore_passes_after_it() {
    let app = App::on_a_file().await;
    let shop = furnish(&app).await;
    let (key, deleted) = (shop.key("api").create().await, shop.key("api").create().await);
    let mut dead = vec![key.token("").await, deleted.token("").await];
    let copy = back_up(&app).await;
    deleted.act(KeyAct::Delete).await;
    dead.push(key.token("").await);

    app.restore(&copy).await;
    let restored = app.second_node(Build::default()).await;

    for token in &dead {
        assert_eq!(judged(&restored, token).await, (401, Some("unknown_signing_key".into())));
        assert_eq!(revoked_twice(&restored, token), [TokenRefusal::SigningKeyRevoked, TokenRefusal::Revoked]);
    }
    for key in [&key, &deleted] {
        let (status, code) = at(&restored, key).ask("").send().await.refusal();
        assert_eq!((status, code.as_str()), (401, "invalid_client"), "it waits to be confirmed");
    }
    unblock(&restored, &key).await;
    let token = at(&restored, &key).token("").await;
    assert_eq!(judged(&restored, &token).await.0, 200);
    for token in &dead {
        assert_eq!(judged(&restored, token).await.0, 401, "unblocking brings no token back");
    }
    assert_eq!(at(&restored, &deleted).ask("").send().await.status, 401);
}

#[tokio::test]
async fn a_server_on_the_old_file_admits_nobody_from_the_moment_it_sees_the_new_one() {
    let app = App::on_a_file().await;
    let shop = furnish(&app).await;
    let key = shop.key("api").create().await;
    let copy = back_up(&app).await;
    let token = key.token("").await;

    app.restore(&copy).await;
    assert!(app.server.sync.step().await.is_err());

    assert_eq!(judged(&app, &token).await.0, 503);
    assert_eq!(key.ask("").send().await.refusal(), (503, "temporarily_unavailable".into()));
    assert_eq!(app.get("/readyz").send().await.status, 503);
}

/// Puts the content of the copy into the database that is there: as when a dump is played into the
/// database that servers are connected to.
async fn play_into(app: &App, copy: &std::path::Path) {
    let options = SqliteConnectOptions::new().filename(app.database()).foreign_keys(false);
    let mut database = options.connect().await.unwrap();
    sqlx::query("ATTACH $1 AS copy").bind(copy.to_str().unwrap()).execute(&mut database).await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&mut *transaction)
    .await
    .unwrap();
    for table in tables {
        for statement in
            [format!("DELETE FROM {table}"), format!("INSERT INTO {table} SELECT * FROM copy.{table}")]
        {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await.unwrap();
        }
    }
    transaction.commit().await.unwrap();
    database.close().await.unwrap();
}

async fn restore_in_place(app: &App, sealing: &SealingKey) {
    let seeded = Seeded::new(77);
    let at = app.clock.now();
    let times = SigningKeyTimes { announced_at: at, signs_from: at, retires_at: None, gone_at: None };
    let algorithm = SigningAlgorithm::default();
    let revoke = |target, tag| FeedDraft::revoke(target, None, Tag::from_bytes([tag; 8]));
    let store: &dyn Store = app.shell.store.as_ref();
    let stored = store.signing_keys().await.unwrap();
    let audit = AuditDraft {
        at,
        actor: Actor::Local(0),
        address: None,
        act: Act::Restore,
        project: None,
        target: String::new(),
        detail: json!({}),
    };
    let restoration = Restoration {
        at_least: Position::new(u64::try_from(at.millis()).unwrap() * 1000),
        all: revoke(Target::All, 1),
        revoked: stored
            .iter()
            .map(|k| (k.kid.clone(), revoke(Target::SigningKey { kid: k.kid.clone() }, 2)))
            .collect(),
        signing_keys: vec![generate(Line::tokens(algorithm), times, sealing, &seeded)],
        audit,
    };
    store.restore(&restoration).await.unwrap();
}

#[tokio::test]
async fn a_server_that_followed_the_lost_history_reads_the_restored_one_from_its_beginning() {
    let app = App::on_a_file().await;
    let shop = furnish(&app).await;
    let (key, deleted) = (shop.key("api").create().await, shop.key("api").create().await);
    let mut dead = vec![key.token("").await];
    let copy = back_up(&app).await;
    deleted.act(KeyAct::Delete).await;
    key.edit(|key| key.name.push('x')).await;
    app.follow().await;
    dead.push(key.token("").await);
    let list = app.server.copy.list();

    let sealing = app.installation().await.data_keys.signing;

    play_into(&app, &copy).await;
    restore_in_place(&app, &sealing).await;
    app.follow().await;

    assert!(!std::sync::Arc::ptr_eq(&list, &app.server.copy.list()), "another list");
    for token in &dead {
        assert_eq!(judged(&app, token).await, (401, Some("unknown_signing_key".into())));
    }
    for key in [&key, &deleted] {
        assert_eq!(key.ask("").send().await.status, 401, "blocked");
    }
    unblock(&app, &key).await;
    let token = key.token("").await;
    assert_eq!(judged(&app, &token).await.0, 200);
}
