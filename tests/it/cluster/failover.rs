//! The primary dies and its synchronous standby takes its place; and the old one comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::house::{House, Key, PAUSE, ask, now, report};
use super::killed::all_are_recorded;
use super::shell::Shell;
use crate::support::{PostgresServer, postgres_url};

/// Whatever is acknowledged while the primary dies: tokens that came, keys that were blocked.
async fn until_the_primary_dies(
    house: &House,
    minter: &Key,
    primary: &mut PostgresServer,
) -> (Vec<String>, Vec<String>) {
    let dying = AtomicBool::new(false);
    let mint = async |node: usize| {
        let mut received = Vec::new();
        while !dying.load(Ordering::SeqCst) {
            if let (200, body) = ask(&house.http, &house.nodes[node].url, minter).await {
                received.push(body["access_token"].as_str().unwrap().to_owned());
            }
        }
        received
    };
    let block = async {
        let mut dead = Vec::new();
        for _ in 0..4 {
            let key = house.key();
            let token = house.token(0, &key).await;
            let command = house.shell.command(&["key", "block", &key.id]);
            assert!(tokio::process::Command::from(command).output().await.unwrap().status.success());
            dead.push(token);
        }
        primary.kill();
        dying.store(true, Ordering::SeqCst);
        dead
    };
    let (mut received, others, dead) = tokio::join!(mint(0), mint(1), block);
    received.extend(others);
    (received, dead)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_has_all_that_was_acknowledged_and_an_old_primary_makes_nobody_fresh() {
    let mut old = PostgresServer::start().await;
    let mut house = House::on(&old, 2).await;
    let new = old.standby().await;
    old.wait_for_standbys(&new).await;
    let key = house.key();
    let valid = house.token(0, &key).await;
    house.all_is_well(&valid, &key).await;

    let (received, dead) = until_the_primary_dies(&house, &key, &mut old).await;
    let away = now();
    for node in [0, 1] {
        assert_eq!(house.ask(node, &key).await.0, 503, "there is nothing to record it in");
    }
    new.promote().await;
    house.move_to(&new, &[0, 1]);
    house.all_is_well(&valid, &key).await;
    report(&format!(
        "failover to a standby: {} tokens and {} blocks kept, all is well after {} ms",
        received.len(),
        dead.len(),
        away.elapsed().as_millis()
    ));
    all_are_recorded(&house, &received).await;
    // The primary may have died before it told them of the last one, and their copies are young yet.
    for token in &dead {
        house.dead_everywhere(token).await;
    }
    assert!(away.elapsed() <= house.constants.bound(), "{:?}", away.elapsed());
    house.shell.done(&["audit", "verify"]);

    // Somebody starts the old one again. What is done there waits for a standby that does not come,
    // and nobody is told that it was done.
    old.run().await;
    let astray = Shell::at(&postgres_url(old.address(), "portcullis"));
    let mut command = tokio::process::Command::from(astray.command(&["key", "block", &key.id]));
    let mut unheard = command.kill_on_drop(true).spawn().unwrap();
    until_one_waits_for_a_standby(&old).await;
    assert!(unheard.try_wait().unwrap().is_none(), "nobody keeps a copy of it");

    // And one server is led back to it.
    let (doomed, spared) = (house.key(), house.key());
    let (dying, living) = (house.token(0, &doomed).await, house.token(0, &spared).await);
    house.until(1, &living, 200).await;
    house.nodes[1].link.lead_to(old.address());
    house.shell.done(&["key", "block", &doomed.id]);
    let blocked = now();
    house.until(0, &dying, 401).await;
    stale_within_the_bound(&house, 1, &dying, blocked).await;
    assert_ne!(house.ask(1, &spared).await.0, 200, "no token is given that only the old log has");
    report(&format!("led to an old primary: nobody admitted after {} ms", blocked.elapsed().as_millis()));

    // After a crash the old one shows what nobody was told of. The server believes none of it.
    unheard.kill().await.unwrap();
    old.kill();
    old.run().await;
    assert_eq!(astray.done(&["key", "show", &key.id])["state"], "blocked");
    assert_eq!(house.verdict(1, &living).await.0, 503);
    house.nodes[1].link.lead_to(new.address());
    house.until(1, &living, 200).await;
    assert_eq!(house.verdict(1, &dying).await, (401, "revoked".to_owned()));
    house.all_is_well(&valid, &key).await;
    house.shell.done(&["audit", "verify"]);
}

/// What is dead elsewhere passes no longer than the bound; then the server knows that it cannot know.
async fn stale_within_the_bound(house: &House, node: usize, dead: &str, since: Instant) {
    loop {
        let asked = since.elapsed();
        match house.verdict(node, dead).await.0 {
            200 => assert!(asked <= house.constants.bound(), "an old primary keeps it fresh: {asked:?}"),
            503 => return,
            status => panic!("{status}: it cannot know"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Until some act has done all but wait for a standby.
async fn until_one_waits_for_a_standby(server: &PostgresServer) {
    let mut main = server.connect().await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let began = now();
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut main).await.unwrap() == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody waits");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Without standbys that are waited for a failover forgets: what the servers know is of no history
/// that there is, and they begin anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_lags_is_another_history_and_is_read_from_its_beginning() {
    let mut old = PostgresServer::start().await;
    let mut house = House::on(&old, 2).await;
    let (forgotten, doomed, other) = (house.key(), house.key(), house.key());
    let (spared, dying, valid) =
        (house.token(0, &forgotten).await, house.token(1, &doomed).await, house.token(1, &other).await);
    let mut new = old.standby().await;
    new.kill();
    house.shell.done(&["key", "block", &forgotten.id]);
    house.dead_everywhere(&spared).await;

    old.kill();
    new.run().await;
    new.promote().await;
    house.move_to(&new, &[]);
    house.shell.done(&["key", "block", &doomed.id]);
    let blocked = now();
    house.lead_to(&new, &[0, 1]);
    for node in [0, 1] {
        house.until(node, &spared, 200).await;
        assert_eq!(house.verdict(node, &dying).await, (401, "revoked".to_owned()), "never by half");
        assert!(house.nodes[node].log().contains("another history"), "{}", house.nodes[node].log());
    }
    assert!(blocked.elapsed() <= house.constants.bound());
    house.all_is_well(&valid, &other).await;
    house.shell.done(&["audit", "verify"]);
}
