//! What is told.

use std::time::Duration;

use portcullis::domain::Position;
use portcullis::keys::acts::KeyAct;
use portcullis_guard::feed_rules::{BodyHash, InvalidAnswer, Known, NO_ENTRIES, Standing, Unfitting, course};
use portcullis_guard::{RevocationList, Target};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::timeout;

use super::{Watcher, positions, targets};
use crate::support::{App, Build, DEADLINE, part};

#[tokio::test]
async fn a_guard_is_told_what_concerns_its_project_and_nothing_of_another() {
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let (ours, theirs) = (Watcher::of(&shop).await, Watcher::of(&rival).await);
    let (key, foreign) = (shop.key("orders:read").create().await, rival.key("orders:read").create().await);
    let (token, other) = (key.token("").await, foreign.token("").await);
    key.post("/oauth/revoke", &format!("token={token}")).send().await;
    foreign.post("/oauth/revoke", &format!("token={other}")).send().await;
    key.act(KeyAct::Block).await;
    foreign.act(KeyAct::Delete).await;
    app.follow().await;

    let (told, elsewhere) = (ours.ask(0).await, theirs.ask(0).await);

    let project = shop.project.id.clone();
    let jti = part(&token, 1)["jti"].as_str().unwrap().parse().unwrap();
    let expected = [
        Target::Token { project: project.clone(), jti },
        Target::Key { project: project.clone(), key: key.id.clone() },
    ];
    assert_eq!(targets(&told), expected);
    let (body, foreign_body) =
        (ours.question(0, "").send().await.text(), theirs.question(0, "").send().await.text());
    let jti = part(&other, 1)["jti"].as_str().unwrap().to_owned();
    for strange in [rival.project.id.as_str(), foreign.id.as_str(), &jti] {
        assert!(!body.contains(strange) && foreign_body.contains(strange), "{strange}");
    }
    assert_eq!(told.statement.position, elsewhere.statement.position, "one counter for all");
    assert_eq!(elsewhere.entries.len(), 2);
}

#[tokio::test]
async fn an_answer_holds_every_entry_beyond_since_and_none_before() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let mut ends = vec![watcher.position().await];
    for _ in 0..5 {
        let key = shop.key("orders:read").create().await;
        key.act(KeyAct::RevokeTokens).await;
        app.follow().await;
        ends.push(watcher.position().await);
    }
    let whole = watcher.ask(0).await;
    assert!(whole.statement.snapshot && whole.statement.since_tag.is_none());
    for since in ends {
        let told = watcher.ask(since).await;
        assert!(!told.statement.snapshot && told.statement.since_tag.is_some(), "{since}");
        let beyond: Vec<Position> =
            positions(&whole).into_iter().filter(|position| position.value() > since).collect();
        assert_eq!(positions(&told), beyond, "{since}");
    }
}

#[tokio::test]
async fn nothing_new_costs_a_304_that_says_so_and_is_signed_all_the_same() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let position = watcher.position().await;
    let nothing = format!("\"{}\"", BodyHash::of(NO_ENTRIES));
    let ask = || watcher.question(position, "").header("if-none-match", &nothing).send();

    let answer = ask().await;
    assert_eq!((answer.status, answer.header("etag")), (304, nothing.as_str()));
    assert!(answer.bytes.is_empty());
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = watcher.read(&answer).await.unwrap();
    assert_eq!((told.statement.since.value(), told.entries.len()), (position, 0));

    // Another project's edit moves the position, and nothing else.
    app.tenant("rival").await;
    let moved = watcher.read(&ask().await).await.unwrap();
    assert!(moved.statement.position > told.statement.position);

    shop.key("orders:read").create().await.act(KeyAct::Block).await;
    app.follow().await;
    let answer = ask().await;
    assert_eq!(answer.status, 200);
    assert_ne!(answer.header("etag"), nothing);
    assert_eq!(watcher.read(&answer).await.unwrap().entries.len(), 1);
    let again = watcher.question(position, "").header("if-none-match", answer.header("etag")).send().await;
    assert_eq!(again.status, 304, "whatever the body is");
}

#[tokio::test]
async fn a_statement_says_how_old_the_copy_is_and_ties_the_answer_to_the_question() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    app.follow().await;
    let young = watcher.ask(0).await.statement;
    app.clock.advance(Duration::from_millis(1_500));
    let answer = watcher.question(0, "").send().await;
    let told = watcher.read(&answer).await.unwrap().statement;
    assert_eq!(told.age, young.age + 1_500);
    assert_eq!(
        (told.elapsed, told.now, &*told.iss),
        (0, young.now.after(Duration::from_millis(1_500)), crate::support::ISSUER)
    );
    assert_eq!(told.nonce.to_string(), super::NONCE);

    // And nothing else may be read out of it.
    let statement = answer.header("portcullis-feed");
    assert_eq!(watcher.read_parts(statement, b"{\"entries\":[ ]}").await, Err(InvalidAnswer::Body));
    let other = super::Nonce::from_bytes([7; 16]);
    let expected =
        super::Expected { issuer: crate::support::ISSUER, project: &watcher.project, nonce: &other };
    let replayed = super::feed_rules::read(statement, &answer.bytes, &watcher.keys().await, &expected);
    assert_eq!(replayed, Err(InvalidAnswer::Nonce));
}

/// A guard that waits is told at once, and one for whom there is nothing is told so in the end.
#[tokio::test]
async fn a_question_may_wait_for_news() {
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let watcher = Watcher::of(&shop).await;
    let (key, foreign) = (shop.key("orders:read").create().await, rival.key("orders:read").create().await);
    let position = watcher.position().await;
    let waits = tokio::spawn(watcher.question(position, "&wait=20").send());
    foreign.act(KeyAct::Block).await;
    app.follow().await;
    key.act(KeyAct::Block).await;
    app.follow().await;

    let answer = timeout(DEADLINE, waits).await.expect("it waits for what is there").unwrap();

    let told = watcher.read(&answer).await.unwrap();
    assert_eq!(targets(&told), [Target::Key { project: shop.project.id.clone(), key: key.id.clone() }]);
    let nothing = timeout(DEADLINE, watcher.question(told.statement.position.value(), "&wait=1").send());
    let nothing = nothing.await.expect("it waits longer than it was asked to");
    assert!(watcher.read(&nothing).await.unwrap().entries.is_empty());
    assert!(timeout(DEADLINE, watcher.question(0, "&wait=20").send()).await.is_ok(), "there is something");
}

#[tokio::test]
async fn whoever_stands_where_nobody_was_begins_anew() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    shop.key("orders:read").create().await.act(KeyAct::Block).await;
    app.follow().await;
    let position = watcher.position().await;
    for since in [position + 1, position + 1_000_000, u64::MAX] {
        let told = watcher.ask(since).await;
        assert!(told.statement.snapshot, "{since}");
        assert_eq!((told.statement.since.value(), told.entries.len()), (since, 1));
    }
    // What a guard knew is of a node that is further than this one: it waits for a better answer.
    let (list, tag) = (RevocationList::new(), watcher.ask(0).await.statement.tag);
    let known = Known { position: Position::new(position + 1), tag };
    let standing = Standing { known: Some(known), is_stale: false, list: &list };
    let behind = watcher.ask(position + 1).await;
    assert_eq!(course(&behind, &standing), Err(Unfitting::Behind));
}

/// The same position with another mark: the database was put back, and has gone on differently.
#[tokio::test]
async fn another_history_shows_in_the_mark_of_the_place_where_the_guard_stands() {
    let app = App::on_a_file().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let before = watcher.ask(0).await.statement;
    let known = Known { position: before.position, tag: before.tag };
    let list = RevocationList::new();
    let standing = Standing { known: Some(known), is_stale: false, list: &list };
    let mut database = SqliteConnectOptions::new().filename(app.database()).connect().await.unwrap();
    let edit = "UPDATE feed SET tag = x'0102030405060708' WHERE position = (SELECT max(position) FROM feed)";
    sqlx::query(edit).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    app.pass(Duration::from_secs(5)).await;

    let told = watcher.ask(before.position.value()).await;

    assert_eq!(course(&told, &standing), Err(Unfitting::OtherHistory));
    assert!(course(&watcher.ask(0).await, &standing).is_ok(), "from the beginning it may go on");
}

/// A node that starts later, and one that runs for long, tell the same, and in the end nothing.
#[tokio::test]
async fn what_is_forgotten_is_told_no_longer() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let watcher = Watcher::of(&shop).await;
    let (key, single) = (shop.key("orders:read").create().await, shop.key("orders:read").create().await);
    let token = single.token("").await;
    key.act(KeyAct::RevokeTokens).await;
    single.post("/oauth/revoke", &format!("token={token}")).send().await;
    app.follow().await;
    let stood = watcher.position().await;
    for _ in 0..9 {
        app.pass(Duration::from_secs(99)).await;
        assert_eq!(watcher.ask(0).await.entries.len(), 2);
        let late = app.second_node(Build::default()).await;
        let question = late.get(&format!("{}?nonce={}", super::FEED, super::NONCE));
        let told = question.basic(watcher.key.id.as_str(), &watcher.key.secret).send().await;
        assert_eq!(watcher.read(&told).await.unwrap().entries.len(), 2);
    }
    for _ in 0..3 {
        app.pass(Duration::from_hours(1)).await;
    }
    assert!(watcher.ask(0).await.entries.is_empty());
    assert!(!watcher.ask(stood).await.statement.snapshot, "the newest entry's place is always known");
}
