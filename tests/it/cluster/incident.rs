//! docs/incident.md, as whoever is paged would paste it: every command, in its order, against three servers.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::house::House;
use crate::support::PROGRAM;

const PAGE: &str = include_str!("../../../docs/incident.md");

/// The commands of the page: its blocks, and what its sentences say to ask.
fn commands(page: &str) -> String {
    let blocks: Vec<&str> = page
        .split("<!-- a test runs this block -->\n```sh\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    assert_eq!(blocks.len(), page.matches("```sh").count(), "a block that nobody runs");
    let spoken = page.split('`').skip(1).step_by(2).filter(|text| text.starts_with("portcullis "));
    // It is final, and what comes after it could not be done.
    let spoken = spoken.filter(|text| *text != "portcullis key delete").collect::<Vec<_>>();
    assert_eq!(spoken.len(), 2, "{spoken:?}");
    let (last, before) = blocks.split_last().unwrap();
    format!("{}{}\n{last}", before.concat(), spoken.join("\n"))
}

/// Who issued a token.
fn issuer(token: &str) -> String {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["iss"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_about_a_leaked_key_works_as_pasted_and_ends_applied_on_all_nodes() {
    let house = House::of(3).await;
    let key = house.key();
    let stolen = house.token(2, &key).await;
    for node in 0..3 {
        house.until(node, &stolen, 200).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let leak = format!("[deploy]\nPORTCULLIS_KEY={}  # do not commit\n", key.secret);
    std::fs::write(folder.path().join("leak.txt"), leak).unwrap();
    let issuer = issuer(&stolen);
    let names = ["https://one.example.com", "https://two.example.com", "https://three.example.com"];
    let mut lines = commands(PAGE).replace("https://one.internal:8081", &house.nodes[0].admin);
    // Whoever asks for tokens asks at the issuer's URL, where nobody is in a test.
    assert_eq!(lines.matches("\"https://tokens.example.com\"").count(), 1);
    let elsewhere = format!("\"{issuer}\"\npublic = \"{}\"", house.nodes[0].url);
    lines = lines.replace("\"https://tokens.example.com\"", &elsewhere);
    for (name, node) in names.iter().zip(&house.nodes) {
        assert!(lines.contains(name));
        lines = lines.replace(name, &node.url);
    }
    let program = std::path::Path::new(PROGRAM).parent().unwrap().display();
    let lines = format!("PATH=\"{program}:$PATH\"\n{lines}");
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", &lines]).current_dir(folder.path()).envs(house.shell.environment());

    let done = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();

    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, errors) = (text(&done.stdout), text(&done.stderr));
    assert!(done.status.success(), "{said}\n{errors}");
    assert!(said.contains(&format!("the key: {}\n", key.id)), "{said}");
    let count = |what: &str| said.lines().filter(|line| line.contains(what)).count();
    assert_eq!(count("the token: passes, the secret: 0"), 3, "before it was blocked: {said}");
    // By the API, and in the end by the shell alone.
    assert_eq!(said.lines().filter(|line| *line == "applied on all nodes").count(), 2, "{said}\n{errors}");
    assert_eq!(said.lines().last(), Some("applied on all nodes"), "{said}\n{errors}");
    assert_eq!(count("has applied it (said so 20"), 6, "each server by its name: {said}");
    // By all three as soon as it was said, and again with the new secret.
    assert_eq!(count("the token: revoked, the secret: 1"), 6, "{said}");
    assert_eq!(count("the new secret passes"), 3, "{said}");
    assert!(std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap().contains("key.regenerate"));
    assert_eq!(count("the new secret is refused"), 3, "{said}");
    assert_eq!(count(r#""state":"blocked""#), 1, "{said}");
    assert_eq!(count("was reported as leaked") + count("flagged"), 1, "{said}");
    for act in ["key.create", "key.block", "key.regenerate", "key.unblock"] {
        assert_eq!(count(act), 1, "{act}: {said}");
    }
    assert!(!said.contains(&key.secret) && !errors.contains(&key.secret), "{said}\n{errors}");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("portcullis-data"))
        .collect();
    for gone in ["leak.txt", "tokens.json", "stolen", "stolen-header", "thief.json", "secret-header"] {
        assert!(!left.iter().any(|name| name == gone), "{left:?}");
    }
    for node in 0..3 {
        house.until(node, &stolen, 401).await;
        assert_eq!(house.ask(node, &key).await.0, 401);
    }
}
