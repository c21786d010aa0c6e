//! The keys that sign the feed: apart from those of tokens, with a life like theirs.

use std::time::Duration;

use portcullis::domain::SigningAlgorithm;
use portcullis::domain::signing_key::{Line, SigningPurpose};
use portcullis::keys::acts::Why;
use portcullis_guard::feed_rules::InvalidAnswer;
use portcullis_guard::{KeySet, SigningKeyId, Target};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::{FEED_JWKS, Watcher, targets};
use crate::support::{App, part, signed_by};

const JWKS: &str = "/.well-known/jwks.json";

async fn kids(app: &App, path: &str) -> Vec<SigningKeyId> {
    let answer = app.get(path).send().await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=300"));
    let mut kids: Vec<_> = KeySet::from_json(&answer.text()).unwrap().ids().cloned().collect();
    kids.sort();
    kids
}

#[tokio::test]
async fn a_feed_key_is_in_no_set_for_tokens_and_what_it_signs_is_no_token() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let answer = watcher.question(0, "").send().await;
    let statement = answer.header("portcullis-feed").to_owned();
    let header = part(&statement, 0);
    assert_eq!((&header["typ"], &header["alg"]), (&"portcullis-feed+jwt".into(), &"EdDSA".into()));
    let kid: SigningKeyId = header["kid"].as_str().unwrap().parse().unwrap();
    assert!(kids(&app, FEED_JWKS).await.contains(&kid) && !kids(&app, JWKS).await.contains(&kid));

    let judged = app.get("/v1/auth/verify").bearer(&statement).send().await;
    assert_eq!((judged.status, judged.json()["reason"].as_str()), (401, Some("wrong_type")));
    // And not with a token's type either: nobody looks for the key there.
    let keys = app.server.keyring.public(app.server.clock.now());
    assert!(keys.ids().all(|known| *known != kid));
    // A project that signs with the same algorithm has a key of its own.
    app.shell.edit_project(&shop.project.id, signed_by(SigningAlgorithm::EdDsa)).await.unwrap();
    app.follow().await;
    assert_eq!(kids(&app, FEED_JWKS).await, std::slice::from_ref(&kid));
    assert!(!kids(&app, JWKS).await.contains(&kid));
    // And a token is no statement.
    let token = shop.key("orders:read").create().await.token("").await;
    assert_eq!(watcher.read_parts(&token, b"{}").await, Err(InvalidAnswer::Type));
}

#[tokio::test]
async fn a_feed_key_is_announced_signs_and_retires_like_any_other() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let signer = async || watcher.ask(0).await.kid;
    let (old, tokens) = (signer().await, kids(&app, JWKS).await);
    let new = app.shell.rotate_signing_key(Line::FEED).await.unwrap().kid;
    app.follow().await;
    assert_eq!(kids(&app, FEED_JWKS).await.len(), 2);
    assert_eq!(signer().await, old, "announced");
    for _ in 0..30 {
        app.pass(Duration::from_secs(20)).await;
    }
    assert_eq!(signer().await, new);
    assert_eq!(kids(&app, JWKS).await, tokens, "the tokens' keys are another line");
}

#[tokio::test]
async fn a_leaked_feed_key_is_revoked_in_the_feed_itself() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let leaked = watcher.ask(0).await.kid;
    let new = app.shell.retire_signing_key(&leaked, &Why::default()).await.unwrap().unwrap();
    app.follow().await;
    let told = watcher.ask(0).await;
    assert_eq!((&told.kid, new.purpose), (&new.kid, SigningPurpose::Feed));
    assert_eq!(targets(&told), [Target::SigningKey { kid: leaked }]);
    assert_eq!(kids(&app, FEED_JWKS).await, [new.kid]);
}

/// An installation of a time before there was a feed.
#[tokio::test]
async fn an_older_installation_gets_its_feed_key_when_the_keys_are_looked_after() {
    let app = App::on_a_file().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let mut database = SqliteConnectOptions::new().filename(app.database()).connect().await.unwrap();
    sqlx::query("DELETE FROM signing_keys WHERE purpose = 'feed'").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let older = app.second_node(crate::support::Build::default()).await;
    let ask = || {
        let question = older.get(&format!("{}?nonce={}", super::FEED, super::NONCE));
        question.basic(watcher.key.id.as_str(), &watcher.key.secret).send()
    };
    assert_eq!(ask().await.status, 503);
    older.server.rotate_what_is_due().await.unwrap();
    older.server.rotate_what_is_due().await.unwrap();
    older.follow().await;
    assert_eq!(ask().await.status, 200);
    assert_eq!(kids(&older, FEED_JWKS).await.len(), 1);
}
