//! A signing key from its announcement to its end, on three servers whose clocks, and the database's,
//! the test sets: what a rule of ten minutes and one of fifteen are for.

use std::collections::HashSet;
use std::time::Duration;

use super::clocks::{Clock, borrowed};
use super::house::{House, Key, PAUSE, now, report};
use super::killed::{published, signing};
use super::shell::Shell;
use crate::support::{PostgresServer, part};

/// So many seconds before the new one signs the clocks are set, and a poll, for a clock that leaps makes
/// every server stale until then; what follows is real time.
const BEFORE: u64 = 3;

/// Waits until every server publishes these signing keys and no other.
async fn until_published(house: &House, kids: &[&str]) {
    let kids: HashSet<String> = kids.iter().map(|&kid| kid.to_owned()).collect();
    let began = now();
    for node in 0..house.nodes.len() {
        while published(house, node).await != kids {
            assert!(began.elapsed() < Duration::from_secs(20), "server {node} does not follow");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Mints at a server until the new signing key has signed a few tokens there. Each token is good at
/// every server from the moment that it came, and its signing key is published there. How many tokens
/// of the other one came before.
async fn mint_until_it_signs(house: &House, node: usize, key: &Key, new: &str) -> usize {
    let (mut before, mut after) = (0, 0);
    let began = now();
    while after < 5 {
        assert!(began.elapsed() < Duration::from_secs(40), "server {node} does not sign with it");
        let token = house.token(node, key).await;
        let kid = part(&token, 0)["kid"].as_str().unwrap().to_owned();
        *(if kid == new { &mut after } else { &mut before }) += 1;
        assert!(kid == new || after == 0, "it went back to the other one");
        for other in 0..house.nodes.len() {
            assert!(published(house, other).await.contains(&kid), "server {other} does not know {kid}");
            // At most it says that it cannot know, for the clocks have leapt.
            let said = house.verdict(other, &token).await;
            assert!(matches!(said.0, 200 | 503), "server {other} of a token of server {node}: {said:?}");
            house.until(other, &token, 200).await;
        }
    }
    before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_announced_signing_key_signs_nowhere_before_every_server_knows_it() {
    let clock = Clock::right();
    let variables = clock.variables();
    let mut server = PostgresServer::start().await;
    server.stop();
    server.environment = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    server.run().await;
    let mut house = House::on_with(&server, 3, &borrowed(&variables)).await;
    house.shell = Shell::at(&house.url_by(house.address())).with(&borrowed(&variables));
    let key = house.key();
    let valid = house.token(0, &key).await;
    house.all_is_well(&valid, &key).await;
    let old = signing(&house, 0, &key).await;

    let said = house.shell.done(&["signing-key", "rotate"]);
    let new = said["new"]["kid"].as_str().unwrap().to_owned();
    let times = ["announced_at", "signs_from"].map(|name| said["new"][name].as_i64().unwrap());
    assert!(times[1] - times[0] >= 600, "{said}");
    until_published(&house, &[&old, &new]).await;
    // One that starts meanwhile is no exception.
    house.nodes[2].kill();
    house.nodes[2].run();
    for node in 0..3 {
        assert_eq!(signing(&house, node, &key).await, old);
    }

    let here = "SELECT extract(epoch FROM clock_timestamp())::bigint";
    let here: i64 = sqlx::query_scalar(here).fetch_one(&mut house.connect().await).await.unwrap();
    let before = i64::try_from(house.constants.poll.as_secs() + BEFORE).unwrap();
    clock.set(times[1] - here - before);
    let seen = tokio::join!(
        mint_until_it_signs(&house, 0, &key, &new),
        mint_until_it_signs(&house, 1, &key, &new),
        mint_until_it_signs(&house, 2, &key, &new),
    );
    report(&format!("a new signing key: {seen:?} tokens of the old one before it signed on three servers"));
    assert!(seen.0 + seen.1 + seen.2 > 0, "the moment when it began was not seen");
    house.all_is_well(&valid, &key).await;
    until_published(&house, &[&old, &new]).await;

    // Fifteen minutes and what the first tokens took: nothing that the old one signed is alive.
    clock.set(600 + 900 + before);
    until_published(&house, &[&new]).await;
    for node in 0..3 {
        house.until(node, &valid, 401).await;
        assert_eq!(signing(&house, node, &key).await, new);
    }
    house.shell.done(&["audit", "verify"]);
}
