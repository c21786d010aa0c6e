//! The documents in `openapi/`, held against the program by Schemathesis: whatever it makes up, as described or
//! not, is answered as described, and never by a fault of ours.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::command;
use crate::support::Serving;

/// Longer than it takes on a busy machine, and less than the suite lets a test run.
const DEADLINE: Duration = Duration::from_secs(220);
/// Requests that are made up for each operation, beside those that each word of the document asks for.
/// `scripts/measure documents` makes more.
const EXAMPLES: &str = "20";

async fn is_as_described(part: &str) {
    let folder = tempfile::tempdir().unwrap();
    let many = || "1000000".to_owned();
    // Nobody is turned away for having failed too often; and whoever waits for the servers waits for one.
    let variables = [
        ("PORTCULLIS_THROTTLE_KEY_FAILURES", many()),
        ("PORTCULLIS_THROTTLE_ADDRESS_FAILURES", many()),
        ("PORTCULLIS_REVOCATION_POLL", "200ms".to_owned()),
        ("PORTCULLIS_WEBHOOKS_ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
        (
            "PORTCULLIS_LEAKS_SIGNERS",
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/foreign/signers.json").to_owned(),
        ),
    ];
    let serving = Serving::start_with(folder.path(), &["--listen-admin", "127.0.0.1:0"], &variables);
    let admin = std::fs::read(folder.path().join("portcullis-data/admin-key.json")).unwrap();
    let admin: Value = serde_json::from_slice(&admin).unwrap();
    let mut client = command("with_schemathesis.py", folder.path());
    client.args([part, EXAMPLES]).env("PUBLIC", &serving.url).env("ADMIN", &serving.admin);
    for (variable, name) in [("CLIENT_ID", "key_id"), ("CLIENT_SECRET", "secret")] {
        client.env(variable, admin[name].as_str().unwrap());
    }

    let done = timeout(DEADLINE, client.kill_on_drop(true).output()).await.expect("it does not end").unwrap();

    let (said, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}{errors}");
    let requests = said.lines().last().and_then(|line| line.strip_suffix(" requests: done"));
    let requests = requests.and_then(|line| line.strip_prefix(&format!("{part}: "))).unwrap();
    assert!(requests.parse::<u32>().unwrap() > 500, "{said}");
}

#[tokio::test]
async fn schemathesis_finds_the_public_listener_as_described() {
    is_as_described("public").await;
}

#[tokio::test]
async fn schemathesis_finds_the_administration_of_keys_as_described() {
    is_as_described("keys").await;
}

#[tokio::test]
async fn schemathesis_finds_the_rest_of_the_administrators_listener_as_described() {
    is_as_described("administration").await;
}
