//! What receivers are sent, verified by the library of the specification.

use std::process::Stdio;
use std::time::Duration;

use portcullis::time::SystemClock;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use super::{DEADLINE, command};
use crate::support::{ALLOW, Build, LOOPBACK, Receiver, TestClock};

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_webhooks_library_verifies_messages_by_either_secret_of_a_rotation() {
    let receiver = Receiver::start().await;
    // The library believes what is at most five minutes old by its own clock.
    let clock = TestClock::starting(SystemClock::shared().now());
    let app = Build::default().set(ALLOW, LOOPBACK).clock(clock).start().await;
    let shop = app.tenant("shop").await;
    let (hook, old) = receiver.hook(&app, Some(&shop.project.id)).await;
    let (made, _) = app.shell.rotate_webhook_secret(&hook, Duration::from_hours(1)).await.unwrap();
    let new = made.secret.expose().to_string();
    for _ in 0..3 {
        shop.key("orders").create().await;
    }
    app.send_webhooks().await;
    let lines = receiver
        .received()
        .into_iter()
        .map(|received| json!({ "headers": received.headers, "body": received.body }).to_string());
    let lines: Vec<_> = lines.collect();

    let place = tempfile::tempdir().unwrap();
    let mut verifier = command("with_standardwebhooks.mjs", place.path());
    verifier.env("SECRETS", format!("{new} {old}")).kill_on_drop(true);
    verifier.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut verifier = verifier.spawn().unwrap();
    verifier.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).await.unwrap();
    let done = timeout(DEADLINE, verifier.wait_with_output()).await.expect("it does not end").unwrap();

    let (said, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}{errors}");
    assert_eq!(said.matches(": done").count(), 3, "{said}");
}
