//! The whole life of an installation, from its founding to a failed start.

use std::fs;

use super::administrators::Administrator;
use super::household::Caller;
use super::keys::{learn, unhex};
use super::program::Program;
use crate::support::Finder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_what_the_program_says_and_stores_with_a_master_key_in_a_file() {
    whole_life(Program::new("pretty"), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_what_the_program_says_and_stores_with_a_master_key_in_the_environment() {
    let master = "3fA9c1d07be24865".repeat(4).replacen("3f", "e1", 1);
    let mut program = Program::new("json");
    program.set("PORTCULLIS_MASTER_KEY", &master);
    whole_life(program, Some(master)).await;
}

async fn whole_life(mut program: Program, master: Option<String>) {
    program.set("PORTCULLIS_WEBHOOKS_ALLOW_NETWORKS", "127.0.0.0/8");
    program.json(&["init"]);
    let admin = fs::read_to_string(program.path("portcullis-data/admin-key.json")).unwrap();
    let admin: serde_json::Value = serde_json::from_str(&admin).unwrap();
    program.is_secret("the administrator's secret", admin["secret"].as_str().unwrap());
    let server = program.serve(&[]);
    let project = program.json(&["project", "create", "shop"])["project"].as_str().unwrap().to_owned();
    program.json(&["scope", "set", "orders:read", "--project", &project]);
    let create = ["key", "create", "--project", &project, "--name", "k", "--permission", "orders:read"];
    let made = program.shown(&create);
    let text = |value: &serde_json::Value, name: &str| value[name].as_str().unwrap().to_owned();
    let (url, id, http) = (server.url.clone(), text(&made, "key_id"), client());
    let mut caller = Caller { program: &program, http, url, id: id.clone(), secret: text(&made, "secret") };

    let tokens = caller.knocks().await;
    caller.misplaces(&tokens[0]).await;
    caller.handles(&tokens).await;
    caller.secret = text(&program.shown(&["key", "regenerate", &id, "--overlap", "1h"]), "secret");
    caller.knocks().await;
    let added = program.shown(&["key", "secret", "add", &id]);
    program.json(&["key", "secret", "expire", &id, &text(&added, "secret_id")]);
    let desk = Administrator::come(&program, (&server.url, &server.admin), &admin).await;
    for secret in desk.works(&project).await.iter().chain([&caller.secret]) {
        desk.misplaces(secret).await;
    }
    import(&program, &project);
    webhooks(&program, &project);
    look_around(&program, &id);
    let rotated = program.json(&["signing-key", "rotate", "--algorithm", "RS256"]);
    program.json(&["signing-key", "rotate", "--algorithm", "EdDSA"]);
    program.json(&["signing-key", "retire", rotated["new"]["kid"].as_str().unwrap(), "--now"]);
    carry_signing_keys(&program);
    program.json(&["backup", "copy.db"]);
    be_a_client(&program, &caller);
    fail(&program, &caller.secret);
    server.stop();
    program.json(&["restore", "copy.db", "--replace"]);
    look_around(&program, &id);

    let kept = || fs::read_to_string(program.path("portcullis-data/master.key")).unwrap();
    let (mut finder, next) = (Finder::default(), "7b20e6d94ca1583f".repeat(4));
    let old = master.clone().unwrap_or_else(kept);
    finder.key("the old master key", &unhex(&old));
    finder.bytes("the old master key's digits", old.trim().as_bytes());
    let mut beside = program.beside();
    if master.is_some() {
        beside.set("PORTCULLIS_NEW_MASTER_KEY", &next);
    }
    assert_eq!(beside.run(&["master-key", "rotate"]).0, 0);
    assert_eq!(beside.run(&["project", "list"]).0, if master.is_some() { 3 } else { 0 });
    let master = master.map_or_else(kept, |_| next);
    learn(&mut finder, &program.path("portcullis-data/portcullis.db"), &master).await;
    let heard = program.heard();
    assert!(heard.contains("stopped") && heard.contains("prj_"), "nobody listened: {heard}");
    let leaks = program.leaks(finder);
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

/// A signing key out of the house and, in vain, in again.
fn carry_signing_keys(program: &Program) {
    let kid = rotated_kid(program);
    program.json(&["signing-key", "export", &kid, "private.pem"]);
    assert_eq!(program.run(&["signing-key", "import", "private.pem"]).0, 1, "it is here already");
    let pem = fs::read_to_string(program.path("private.pem")).unwrap();
    for (file, text) in
        [("cut.pem", &pem[..pem.len() - 40]), ("old.pem", &pem.replace("PRIVATE", "EC PRIVATE"))]
    {
        fs::write(program.path(file), text).unwrap();
        assert_eq!(program.run(&["signing-key", "import", file]).0, 1);
        fs::remove_file(program.path(file)).unwrap();
    }
    // Where it was asked to be, and only there.
    fs::remove_file(program.path("private.pem")).unwrap();
}

/// Each request on a connection of its own: some of them end theirs.
fn client() -> reqwest::Client {
    reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().tls_certs_only([]).build().unwrap()
}

/// The program's own client, with a good key and with a bad one.
fn be_a_client(program: &Program, caller: &Caller<'_>) {
    let mut client = program.beside();
    client.set("PORTCULLIS_KEY_ID", &caller.id);
    client.set("PORTCULLIS_KEY_SECRET", &caller.secret);
    let request = ["token", "request", "--server", &caller.url];
    let token = client.asked("a requested token", &request);
    fs::write(program.path("token.txt"), &token).unwrap();
    for more in [&["--json"][..], &["--server", &caller.url], &["--server", &caller.url, "--scope", "admin"]]
    {
        program.run(&[&["token", "inspect", "token.txt"], more].concat());
    }
    fs::remove_file(program.path("token.txt")).unwrap();
    assert_eq!(client.run(&["token", "request", "--server", "http://127.0.0.1:1"]).0, 4);
    client.set("PORTCULLIS_KEY_SECRET", &caller.secret[..caller.secret.len() - 1]);
    assert_eq!(client.run(&request).0, 1);
}

/// Keys from elsewhere, good and bad, with secrets in every column.
fn import(program: &Program, project: &str) {
    let secret =
        |name: &str, n: usize| program.is_secret(name, &format!("{n}imported9secret{n}of7others{n}"));
    let (good, other, bad) = (secret("imported", 1), secret("imported by its hash", 2), secret("refused", 3));
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, other.as_bytes());
    let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let good = format!(
        "{{\"id\":\"in-1\",\"secret\":\"{good}\"}}\n{{\"id\":\"in-2\",\"secret_sha256\":\"{hash}\"}}\n"
    );
    let spoilt = [
        "id",
        "secret_sha256",
        "permissions",
        "allowlist",
        "audiences",
        "expires_at",
        "live_tokens",
        "else",
        &bad,
    ]
    .map(|field| format!("{{\"id\":\"in-3\",\"secret\":\"{bad}\",\"{field}\":\" \\u0007{bad}:\"}}\n{bad}\n"));
    let lines = good.clone() + &spoilt.concat();
    let csv = format!("id,secret\n{bad},short\n\"{bad}\nin-4,{bad},{bad}\n");
    for (file, text, status) in [
        ("good.jsonl", good, 0),
        ("bad.jsonl", lines, 1),
        ("bad.csv", csv, 1),
        ("none.csv", format!("{bad},{bad}\nin-5,{bad}\n"), 1),
    ] {
        fs::write(program.path(file), text).unwrap();
        let import =
            ["key", "import", file, "--project", project, "--batch", "1", "--refused", "refused.jsonl"];
        assert_eq!(program.run(&import).0, status, "{file}");
        assert_eq!(program.run(&[&import[..], &["--json"]].concat()).0, status, "{file}");
        fs::remove_file(program.path(file)).unwrap();
    }
}

/// A webhook to a receiver that does not answer.
fn webhooks(program: &Program, project: &str) {
    let url = "http://127.0.0.1:1/hook";
    let made = program.shown(&["webhook", "create", "--project", project, "--url", url]);
    let id = made["webhook"].as_str().unwrap();
    program.shown(&["webhook", "rotate-secret", id]);
    program.json(&["webhook", "test", id]);
    program.json(&["webhook", "deliveries", id]);
    for wrong in ["http://u:p@127.0.0.1/", "file:///etc/passwd"] {
        assert_eq!(program.run(&["webhook", "edit", id, "--url", wrong]).0, 2);
    }
}

fn rotated_kid(program: &Program) -> String {
    let keys = program.json(&["signing-key", "list"]);
    let announced = keys["items"].as_array().unwrap().iter().find(|key| key["state"] == "announced");
    announced.unwrap()["kid"].as_str().unwrap().to_owned()
}

fn look_around(program: &Program, key: &str) {
    for command in [
        &["doctor"][..],
        &["key", "show", key],
        &["key", "secret", "list", key],
        &["token", "list", "--key", key],
        &["audit", "list"],
        &["audit", "verify"],
        &["signing-key", "list"],
        &["nodes"],
    ] {
        program.run(command);
        program.run(&[command, &["--json"]].concat());
    }
}

/// Everything that goes wrong before or beside a server.
fn fail(program: &Program, secret: &str) {
    for command in [
        &["serve", "--listen-public", "127.0.0.1:0"][..],
        &["serve", "--listen-public", "nowhere"],
        &["serve", "--data-dir", "/dev/null/x"],
        &["doctor", "--data-dir", "/dev/null/x"],
        &["init", "--issuer", "https://other.example"],
        &["restore", "portcullis-data/portcullis.db"],
        &["restore", "copy.db"],
        &["backup", "copy.db"],
        &["signing-key", "retire", "nobody", "--now"],
        &["key", "regenerate", "pk_live_nobody"],
    ] {
        let (status, said) = program.run(command);
        assert_ne!(status, 0, "{command:?}: {said}");
    }
    // Half of it: a key that somebody has copied badly is no less secret.
    let broken = "9c41e07ad35f2b86".repeat(4);
    program.is_secret("a master key that is none", &broken);
    let mut other = program.beside();
    other.set("PORTCULLIS_MASTER_KEY", &broken);
    assert_eq!(other.run(&["serve", "--listen-public", "127.0.0.1:0", "--data-dir", "portcullis-data"]).0, 4);
    assert_eq!(other.run(&["project", "list"]).0, 3);
    other.set("PORTCULLIS_MASTER_KEY", &broken[1..]);
    assert_eq!(other.run(&["doctor"]).0, 3);
    // A settings file is copied about: none of these belongs there, and none is repeated.
    for line in [
        format!("master_key = '{broken}'"),
        format!("[log]\nmaster_key = '{broken}'"),
        format!("secret = '{secret}"),
        secret.to_owned(),
    ] {
        fs::write(program.path("meant.well.txt"), line).unwrap();
        let (status, _) = program.run(&["doctor", "--config", "meant.well.txt"]);
        assert_eq!(status, 3);
    }
    fs::remove_file(program.path("meant.well.txt")).unwrap();
}
