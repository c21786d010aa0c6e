//! `--wait` of the shell, with real servers on PostgreSQL: one that is late, one that is cut off.

use std::process::Stdio;

use serde_json::{Value, json};

use super::house::House;
use super::shell::Shell;

fn standings(answer: &Value) -> Vec<&str> {
    let nodes = answer["applied"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let mut all: Vec<_> = nodes.iter().map(|node| node["standing"].as_str().unwrap()).collect();
    all.sort_unstable();
    all
}

/// A command under way.
fn under_way(shell: &Shell, arguments: &[&str]) -> std::process::Child {
    shell.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn answer(child: std::process::Child) -> (Option<i32>, Value) {
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    (ended.status.code(), serde_json::from_slice(&ended.stdout).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_late_is_waited_for() {
    let house = House::of(2).await;
    let key = house.key();
    let token = house.token(0, &key).await;
    house.all_is_well(&token, &key).await;
    house.nodes[1].link.cut();

    let waiting = under_way(&house.shell, &["key", "block", &key.id, "--wait=60s"]);
    house.until(0, &token, 401).await;
    house.nodes[1].link.mend();

    let (status, told) = answer(waiting).await;
    assert_eq!((status, &told["applied"]["complete"]), (Some(0), &json!(true)), "{told}");
    assert_eq!(standings(&told), ["applied", "applied"], "{told}");
    assert_eq!(house.verdict(1, &token).await, (401, "revoked".to_owned()), "it was said to be so");
}

/// The shell knows by the same setting as the servers when one of them admits nobody any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_cut_off_is_named_until_it_can_admit_nobody() {
    let mut house = House::of(2).await;
    let (key, other) = (house.key(), house.key());
    let token = house.token(1, &key).await;
    house.all_is_well(&token, &key).await;
    let [poll, max_age] =
        [house.constants.poll, house.constants.max_age].map(|span| format!("{}ms", span.as_millis()));
    house.nodes[1].link.cut();

    let short = under_way(&house.shell, &["key", "revoke-tokens", &other.id, "--wait=1s"]);
    let (status, told) = answer(short).await;
    assert_eq!((status, &told["applied"]["complete"]), (Some(4), &json!(false)), "{told}");
    assert_eq!(standings(&told), ["applied", "behind"], "{told}");

    let shell = Shell::at(&house.url_by(house.address()));
    house.shell =
        shell.with(&[("PORTCULLIS_REVOCATION_POLL", &poll), ("PORTCULLIS_REVOCATION_MAX_AGE", &max_age)]);
    let (status, told) = answer(under_way(&house.shell, &["key", "block", &key.id, "--wait=60s"])).await;
    assert_eq!((status, &told["applied"]["complete"]), (Some(0), &json!(true)), "{told}");
    assert_eq!(standings(&told), ["applied", "stale"], "{told}");
    assert_eq!(house.verdict(1, &token).await.0, 503, "it was said that it admits nobody");
}
