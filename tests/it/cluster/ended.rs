//! What has ended on one server is ended on the others: every way to present a key, at every endpoint
//! (threat S10), an old secret at its deadline (S11), and whatever was revoked while a server was not
//! there to hear of it (S24).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::RequestBuilder;

use super::house::{House, Key, PAUSE, ask, now};

const FORM: &str = "application/x-www-form-urlencoded";
/// Who fails on purpose shall not be throttled for it.
const PATIENT: [(&str, &str); 2] =
    [("PORTCULLIS_THROTTLE_KEY_FAILURES", "1000000"), ("PORTCULLIS_THROTTLE_ADDRESS_FAILURES", "1000000")];

/// What a server answers to a key at every endpoint that takes one, in every way.
async fn everywhere(house: &House, node: usize, key: &Key, token: &str) -> Vec<(String, u16)> {
    let mut answers = Vec::new();
    for (path, form) in [
        ("/oauth/token", "grant_type=client_credentials".to_owned()),
        ("/oauth/introspect", format!("token={token}")),
        ("/oauth/revoke", format!("token={token}")),
        ("/v1/oauth/token", "grant_type=client_credentials".to_owned()),
        ("/v1/oauth/introspect", format!("access_token={token}")),
        ("/v1/oauth/token/revoke", format!("access_token={token}")),
    ] {
        let post = |form: &str| {
            let request = house.http.post(format!("{}{path}", house.nodes[node].url));
            request.header("content-type", FORM).body(form.to_owned())
        };
        // The secret has letters, digits and `_` alone: in a form it is written as it is.
        let in_body = format!("{form}&client_id={}&client_secret={}", key.id, key.secret);
        let ways: [(&str, RequestBuilder); 4] = [
            ("basic", post(&form).basic_auth(&key.id, Some(&key.secret))),
            ("body", post(&in_body)),
            ("headers", post(&form).header("x-app-id", &key.id).header("x-app-token", &key.secret)),
            ("bearer", post(&form).bearer_auth(&key.secret)),
        ];
        for (way, request) in ways {
            let status = request.send().await.unwrap().status().as_u16();
            answers.push((format!("{way} at {path} of server {node}"), status));
        }
    }
    answers
}

/// Threat S10.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_ended_at_one_server_opens_nothing_at_another() {
    let constants = super::house::Constants::of_run();
    let house = House::with(2, constants, &PATIENT).await;
    for how in ["block", "delete", "expire"] {
        let key = house.key_with(if how == "expire" { &["--expires", "20s"] } else { &[] });
        let token = house.token(0, &key).await;
        for node in [0, 1] {
            for (place, status) in everywhere(&house, node, &key, "unknown").await {
                assert!(matches!(status, 200 | 204), "{how}: {status} by {place}");
            }
            house.until(node, &token, 200).await;
        }
        match how {
            "block" => drop(house.shell.done(&["key", "block", &key.id])),
            "delete" => drop(house.shell.done(&["key", "delete", &key.id, "--yes"])),
            // Nobody is told: each server finds out by its clock.
            _ => {
                let end = house.shell.done(&["key", "show", &key.id])["expires_at"].as_u64().unwrap();
                // It is told in whole seconds.
                while unix_time() < Duration::from_secs(end + 1) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        for node in [1, 0] {
            assert_eq!(house.ask(node, &key).await.0, 401, "{how}: a mint, asked for at server {node}");
        }
        house.dead_everywhere(&token).await;
        for node in [1, 0] {
            for (place, status) in everywhere(&house, node, &key, &token).await {
                assert_eq!(status, 401, "{how}: {place}");
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "processes live by the machine's clock")]
fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// Threat S11: the servers are told of the deadline, not of its coming.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_secret_works_at_every_server_until_its_deadline_and_not_after() {
    let constants = super::house::Constants::of_run();
    let mut house = House::with(2, constants, &PATIENT).await;
    let old = house.key();
    let token = house.token(0, &old).await;
    house.all_is_well(&token, &old).await;

    let regenerated = house.shell.done(&["key", "regenerate", &old.id, "--overlap", "8s"]);
    let new = Key { secret: regenerated["secret"].as_str().unwrap().to_owned(), ..old.clone() };
    let listed = house.shell.done(&["key", "secret", "list", &old.id]);
    let ends = listed["items"].as_array().unwrap().iter().find_map(|secret| secret["expires_at"].as_u64());
    let deadline = Duration::from_secs(ends.unwrap());
    // One of them has not been there when it was told.
    house.nodes[1].kill();
    house.nodes[1].run();

    let (mut before, mut after) = ([0, 0], [0, 0]);
    while after.iter().any(|&times| times < 5) {
        for node in [0, 1] {
            let asked = unix_time();
            let (status, body) = ask(&house.http, &house.nodes[node].url, &old).await;
            let answered = unix_time();
            // It is told in whole seconds.
            if answered < deadline {
                assert_eq!(
                    status,
                    200,
                    "server {node}, {:?} before the deadline: {body}",
                    deadline.saturating_sub(answered)
                );
                before[node] += 1;
            } else if asked >= deadline + Duration::from_secs(1) {
                assert_eq!(
                    status,
                    401,
                    "server {node}, {:?} after the deadline: {body}",
                    asked.saturating_sub(deadline)
                );
                after[node] += 1;
            }
            assert_eq!(house.ask(node, &new).await.0, 200);
        }
        tokio::time::sleep(PAUSE).await;
    }
    assert!(before.iter().all(|&times| times > 0), "{before:?}: nobody was there before the deadline");
    // The tokens do not care (promise P3).
    house.all_is_well(&token, &new).await;
}

/// Threat S24: neither the memory of the server that is gone nor the one that is new has heard of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_died_before_it_heard_of_a_block_refuses_from_its_first_answer() {
    let mut house = House::of(2).await;
    let (key, other) = (house.key(), house.key());
    let (doomed, valid) = (house.token(1, &key).await, house.token(1, &other).await);
    house.all_is_well(&valid, &other).await;
    house.until(1, &doomed, 200).await;

    house.nodes[1].link.cut();
    house.shell.done(&["key", "block", &key.id]);
    let blocked = now();
    house.until(0, &doomed, 401).await;
    assert!(blocked.elapsed() <= house.constants.bound());
    house.nodes[1].kill();
    house.nodes[1].link.mend();
    house.nodes[1].run();

    assert_eq!(house.verdict(1, &doomed).await, (401, "revoked".to_owned()));
    assert_eq!(house.ask(1, &key).await.0, 401);
    assert_eq!(house.verdict(1, &valid).await.0, 200);
    house.all_is_well(&valid, &other).await;
}
