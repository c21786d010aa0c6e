//! The issuance log: no token is handed out that it does not hold (promise P5).

mod panics;
mod quotas;
mod retention;

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use portcullis::domain::Timestamp;
use portcullis::issuance::{Error as Refused, IssuanceLog};
use portcullis::store::{Error, IssuedToken, IssuedTokens, Recording, Store, Unavailable};
use tokio::io::AsyncWriteExt as _;

use crate::support::{Answer, App, Build, Latch, Listed as _, Wire};

/// A log that fails in one way or another.
struct Faulty {
    store: Arc<dyn Store>,
    fault: Fault,
}

#[derive(Clone, Copy)]
enum Fault {
    /// Nothing was committed, and it says so.
    Fails,
    /// It was committed, and the answer got lost.
    Forgets,
    /// It never answers.
    Hangs,
    /// It answers for fewer tokens than it was given.
    Short,
}

#[async_trait]
impl IssuedTokens for Faulty {
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
        match self.fault {
            Fault::Fails => Err(Unavailable::Slow.into()),
            Fault::Forgets => {
                self.store.record(tokens).await?;
                Err(Unavailable::Slow.into())
            }
            Fault::Hangs => std::future::pending().await,
            Fault::Short => Ok(Vec::new()),
        }
    }

    async fn forget_issued(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        self.store.forget_issued(before, limit).await
    }

    async fn forget_counts(&self, until: Timestamp) -> Result<u64, Error> {
        self.store.forget_counts(until).await
    }
}

fn assert_nothing_handed_out(answer: &Answer) {
    assert_eq!(answer.refusal(), (503, "temporarily_unavailable".into()));
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("1", "no-store"));
    assert!(!answer.text().contains("access_token"));
}

#[tokio::test]
async fn a_token_that_the_log_does_not_confirm_is_not_handed_out() {
    for (fault, logged) in [(Fault::Fails, 0), (Fault::Forgets, 1), (Fault::Short, 0)] {
        let build = Build::default().issued(move |store| Arc::new(Faulty { store, fault }));
        let app = build.start().await;
        let shop = app.tenant("shop").await;
        let key = shop.key("api").create().await;
        assert_nothing_handed_out(&key.ask("").send().await);
        // The log may hold tokens that nobody received; never the other way round.
        assert_eq!(app.server.store.issued(&key.id, 10).await.unwrap().len(), logged);
        // Checks need no log.
        assert!(!key.introspect("x").await.is_active());
    }
}

#[tokio::test]
async fn a_log_that_never_answers_makes_nobody_wait_for_long() {
    let build = Build::default().issued(|store| Arc::new(Faulty { store, fault: Fault::Hangs }));
    let app = build.start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let both = async { tokio::join!(key.ask("").send(), key.ask("").send()) };
    let answers = tokio::time::timeout(std::time::Duration::from_secs(10), both).await;
    let (first, second) = answers.expect("an answer after two seconds");
    assert_nothing_handed_out(&first);
    assert_nothing_handed_out(&second);
}

#[tokio::test]
async fn every_token_that_is_handed_out_is_in_the_log_as_it_was_asked_for() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "orders:read orders:write").await;
    let key = shop.key("api").allow("192.0.2.0/24").create().await;
    let mut jtis = HashSet::new();
    for more in ["", "scope=orders:read", "scope=orders:write&expires_in=60"] {
        let token = key.ask(more).from("::ffff:192.0.2.77").send().await.token();
        let seen = key.introspect(&token).await.json();
        let logged = app.server.store.issued(&key.id, 10).await.unwrap();
        let row = logged.iter().find(|row| row.jti.to_string() == seen["jti"].as_str().unwrap()).unwrap();
        assert_eq!(row.scope.to_string(), seen["scope"].as_str().unwrap());
        assert_eq!((row.expires_at.secs(), row.issued_at.secs()), (seen["exp"].as_i64().unwrap(), app.now()));
        assert_eq!((row.subject.as_str(), &row.project), (key.id.as_str(), &shop.project.id));
        assert_eq!(row.address.as_deref(), Some("192.0.2.77"));
        assert_eq!(row.audience, seen["aud"].as_str().unwrap());
        assert!(row.parent.is_none() && jtis.insert(row.jti));
    }
    assert_eq!(app.server.store.issued(&key.id, 10).await.unwrap().len(), 3);
}

/// Threat S22, and every other refusal.
#[tokio::test]
async fn what_is_refused_never_reaches_the_log() {
    let latch = Latch::open();
    let app = Build::default().issued(latch.before_commit()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").allow("10.0.0.0/8").create().await;
    let inside = || key.ask("").from("10.0.0.1");
    for answer in [
        key.ask("").send().await,
        key.ask("").without_address().send().await,
        key.ask("scope=other").from("10.0.0.1").send().await,
        key.ask("audience=urn:x").from("10.0.0.1").send().await,
        key.ask("expires_in=0").from("10.0.0.1").send().await,
        inside().without("authorization").basic(key.id.as_str(), "wrong").send().await,
    ] {
        assert!((400..500).contains(&answer.status), "{}", answer.text());
    }
    assert_eq!(latch.came(), 0);
    assert_eq!(inside().send().await.status, 200);
    assert_eq!(latch.came(), 1);
}

/// Group commit: whoever comes while a commit runs is taken along by the next one, together.
#[tokio::test]
async fn what_queues_up_during_a_commit_is_committed_together() {
    let latch = Latch::open();
    let app = Build::default().issued(latch.before_commit()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    key.token("").await;
    latch.close();
    let mut asking = tokio::task::JoinSet::new();
    let first = key.ask("");
    asking.spawn(async move { first.send().await.status });
    latch.until_came(2).await;
    let before = app.server.authenticator.digests();
    for _ in 0..20 {
        let next = key.ask("");
        asking.spawn(async move { next.send().await.status });
    }
    while app.server.authenticator.digests() < before + 20 {
        tokio::task::yield_now().await;
    }
    latch.release();
    let answers = asking.join_all().await;
    assert_eq!(answers, [200; 21]);
    assert!(latch.came() < 10, "{} commits for 22 tokens", latch.came());
    assert_eq!(app.server.store.issued(&key.id, 100).await.unwrap().len(), 22);
}

/// One token's refusal is not another's: a batch holds tokens of keys that were edited and of
/// keys that were not.
#[tokio::test]
async fn in_one_commit_each_token_has_its_own_answer() {
    let latch = Latch::open();
    let app = Build::default().issued(latch.before_commit()).start().await;
    let shop = app.tenant("shop").await;
    let (steady, blocked) = (shop.key("api").create().await, shop.key("api").create().await);
    let (keeps, loses) = (steady.token("").await, blocked.token("").await);
    latch.close();
    let came = latch.came();
    let (answers, ()) = tokio::join!(
        async { tokio::join!(steady.ask("").send(), blocked.ask("").send(), steady.ask("").send()) },
        async {
            latch.until_came(came + 1).await;
            blocked.act(portcullis::keys::acts::KeyAct::Block).await;
            latch.release();
        }
    );
    assert_eq!((answers.0.status, answers.1.status, answers.2.status), (200, 401, 200));
    app.follow().await;
    assert!(steady.introspect(&keeps).await.is_active() && !steady.introspect(&loses).await.is_active());
}

/// Beyond what it takes, the log turns away at once, and takes more than it took before later.
#[tokio::test]
async fn a_full_log_turns_away_at_once() {
    let latch = Latch::open();
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    key.token("").await;
    let row = app.server.store.issued(&key.id, 1).await.unwrap().pop().unwrap();
    latch.close();
    let (log, _writer) =
        IssuanceLog::start(latch.before_commit()(app.server.store.clone()), app.clock.clone());
    let log = Arc::new(log);
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..6_000 {
        let (log, row) = (log.clone(), row.clone());
        waiting.spawn(async move { log.record(row).await });
    }
    let first = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(first, Err(Refused::Full), "turned away while all others wait");
    latch.release();
    let outcomes = waiting.join_all().await;
    let turned_away = outcomes.iter().filter(|outcome| **outcome == Err(Refused::Full)).count() + 1;
    assert!((1_000..2_000).contains(&turned_away), "{turned_away}");
    // The row is in the log already: whoever waited was told so.
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(log.record(row).await, Err(Refused::Moved));
}

/// A stop finishes what is under way: the token is committed, handed out, and the server ends.
#[tokio::test]
async fn a_mint_under_way_survives_the_stop() {
    let latch = Latch::open();
    let app = Build::default().issued(latch.before_commit()).start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let wire = app.listen();
    let form = format!("grant_type=client_credentials&client_id={}&client_secret={}", key.id, key.secret);
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    latch.close();
    let (mut client, came) = (wire.connect().await, latch.came());
    client.write_all(request.as_bytes()).await.unwrap();
    latch.until_came(came + 1).await;
    let stopping = wire.stop();
    let (answer, ()) = tokio::join!(Wire::closed(client), async {
        tokio::join!(stopping, async { latch.release() });
    });
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("access_token"), "{answer}");
    assert_eq!(app.server.store.issued(&key.id, 10).await.unwrap().len(), 1);
}
