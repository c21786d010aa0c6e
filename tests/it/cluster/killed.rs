//! Processes killed in the middle: servers that mint, shells that block and rotate. What was
//! acknowledged holds; what was not has happened on every server or on none.

use std::collections::HashSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use super::house::{House, Key, PAUSE, ask, is_real, now, report};
use crate::support::part;

/// How many are killed.
fn rounds() -> u64 {
    if is_real() { 40 } else { 8 }
}

/// Tokens that somebody holds.
type Received = Arc<Mutex<Vec<String>>>;

/// Asks a server for tokens until nobody answers any more.
async fn mint_until_it_is_gone(house: &House, node: usize, key: &Key, received: &Received) {
    let (http, url) = (house.http.clone(), house.nodes[node].url.clone());
    loop {
        match ask(&http, &url, key).await {
            (200, body) => {
                received.lock().unwrap().push(body["access_token"].as_str().unwrap().to_owned());
            }
            (0, _) => return,
            (status, body) => panic!("{status}: {body}"),
        }
    }
}

/// Every token that somebody holds is in the log.
pub(super) async fn all_are_recorded(house: &House, received: &[String]) {
    let mut database = house.connect().await;
    let rows: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT jti FROM issued_tokens").fetch_all(&mut database).await.unwrap();
    let encode = |jti: &Vec<u8>| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(jti);
    let recorded: HashSet<String> = rows.iter().map(encode).collect();
    for token in received {
        let jti = part(token, 1)["jti"].as_str().unwrap().to_owned();
        assert!(recorded.contains(&jti), "a token is out that the log does not hold");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_out_that_the_log_does_not_hold_when_a_server_is_killed_as_it_mints() {
    let mut house = House::of(2).await;
    let (key, received) = (house.key(), Received::default());
    let valid = house.token(1, &key).await;
    for round in 1..=rounds() {
        let wanted = received.lock().unwrap().len() + usize::try_from(round).unwrap() * 3 % 17 + 2;
        let child = house.nodes[0].id();
        let enough = async {
            while received.lock().unwrap().len() < wanted {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            kill_process(child, Signal::KILL).unwrap();
        };
        let minting = || mint_until_it_is_gone(&house, 0, &key, &received);
        tokio::join!(minting(), minting(), minting(), enough);
        house.nodes[0].kill();
        assert_eq!(house.verdict(1, &valid).await.0, 200, "the other one goes on");
        house.nodes[0].run();
        house.all_is_well(&valid, &key).await;
        let last = received.lock().unwrap().last().unwrap().clone();
        house.until(1, &last, 200).await;
    }
    let received = received.lock().unwrap().clone();
    report(&format!("{} kills of a server: {} tokens, all recorded", rounds(), received.len()));
    all_are_recorded(&house, &received).await;
}

/// Starts a command and kills it so long after its start; whether it was acknowledged before.
async fn killed_after(house: &House, arguments: &[&str], span: Duration) -> bool {
    let mut command = tokio::process::Command::from(house.shell.command(arguments));
    let mut running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    if let Ok(ended) = tokio::time::timeout(span, running.wait()).await {
        assert!(ended.unwrap().success(), "{arguments:?}");
        return true;
    }
    running.kill().await.unwrap();
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_was_killed_half_way_is_done_on_every_server_or_on_none() {
    let house = House::of(2).await;
    let spare = house.key();
    let began = now();
    house.shell.done(&["key", "block", &spare.id]);
    let mut span = began.elapsed();
    let (mut acknowledged, mut done, mut undone) = (0, 0, 0);
    for _ in 0..rounds() {
        let key = house.key();
        let token = house.token(0, &key).await;
        house.until(1, &token, 200).await;
        let told = killed_after(&house, &["key", "block", &key.id], span).await;
        acknowledged += usize::from(told);

        // What comes after it in the feed tells that every server knows of it, if there is anything.
        let (marker, marked) = (house.key(), house.shell.done(&["key", "show", &key.id]));
        let mark = house.token(0, &marker).await;
        house.shell.done(&["key", "block", &marker.id]);
        house.dead_everywhere(&mark).await;
        let is_blocked = marked["state"] == "blocked";
        assert!(is_blocked || !told, "an acknowledged block is lost: {marked}");
        for node in [0, 1] {
            assert_eq!(house.verdict(node, &token).await.0, if is_blocked { 401 } else { 200 });
            assert_eq!(house.ask(node, &key).await.0, if is_blocked { 401 } else { 200 });
        }
        // The next moment is nearer to the commit, from whichever side.
        if is_blocked {
            (done, span) = (done + 1, span.mul_f64(0.93));
        } else {
            (undone, span) = (undone + 1, span.mul_f64(1.04));
        }
    }
    report(&format!("blocks killed: {done} done, {undone} undone, {acknowledged} acknowledged"));
    house.shell.done(&["audit", "verify"]);
}

/// The published ids of signing keys.
pub(super) async fn published(house: &House, node: usize) -> HashSet<String> {
    let url = format!("{}/.well-known/jwks.json", house.nodes[node].url);
    let set: Value = house.http.get(url).send().await.unwrap().json().await.unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The id of the key that signs at a server.
pub(super) async fn signing(house: &House, node: usize, key: &Key) -> String {
    part(&house.token(node, key).await, 0)["kid"].as_str().unwrap().to_owned()
}

/// One announces, all publish; nobody signs with what another does not publish, however it ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_was_killed_half_way_is_published_by_every_server_or_by_none() {
    let mut house = House::of(3).await;
    let key = house.key();
    let valid = house.token(0, &key).await;
    let began = now();
    house.shell.done(&["nodes"]);
    let usual = began.elapsed();
    for round in 0..rounds() / 2 {
        let span = usual.mul_f64(0.5 + f64::from(u32::try_from(round % 4).unwrap()) / 4.0);
        killed_after(&house, &["signing-key", "rotate"], span).await;
        if round == 1 {
            house.nodes[2].kill();
            house.nodes[2].run();
        }
        let listed = house.shell.done(&["signing-key", "list"]);
        let listed: HashSet<String> = listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|key| key["purpose"] == "tokens")
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect();
        let began = now();
        for node in 0..3 {
            while published(&house, node).await != listed {
                assert!(began.elapsed() < Duration::from_secs(20), "server {node} does not follow");
                tokio::time::sleep(PAUSE).await;
            }
        }
        for node in 0..3 {
            let kid = signing(&house, node, &key).await;
            for other in 0..3 {
                assert!(published(&house, other).await.contains(&kid));
            }
        }
    }
    house.all_is_well(&valid, &key).await;

    // The emergency: what it signed is dead everywhere, and all sign with another one.
    let leaked = signing(&house, 0, &key).await;
    house.shell.done(&["signing-key", "retire", &leaked, "--now"]);
    house.dead_everywhere(&valid).await;
    let new = house.token(0, &key).await;
    house.all_is_well(&new, &key).await;
    for node in 0..3 {
        assert_ne!(signing(&house, node, &key).await, leaked);
        assert!(!published(&house, node).await.contains(&leaked));
    }
    house.shell.done(&["audit", "verify"]);
}
