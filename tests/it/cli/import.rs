//! `key import`: what a file may be, what becomes of it, and that it goes on where it stopped.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use super::{Home, Ran, terminal};
use crate::support::Serving;

/// Of which SHA-256 is [`SHA256`].
pub(super) const SECRET: &str = "correct horse battery staple";
pub(super) const SHA256: &str = "c4bbcb1fbec99d65bf59d85c8cb62ee2db963f0fe106f483d9afa73bd4e39a8a";

impl Home {
    pub(super) fn with_shop() -> (Self, String) {
        let home = Self::founded();
        let project = home.project("Shop");
        home.done(&["scope", "set", "orders:read", "--project", &project]);
        home.done(&["audience", "add", "https://api.example.com", "--project", &project]);
        (home, project)
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn import(&self, project: &str, more: &[&str]) -> Ran {
        self.run(&[&["key", "import", "--project", project, "--json"], more].concat())
    }

    /// What was imported, was there already, and is refused of a file of this text.
    fn counts(&self, project: &str, name: &str, text: impl AsRef<[u8]>) -> [u64; 3] {
        self.write(name, text);
        let answer = self.import(project, &[name]).answer();
        ["imported", "already", "refused_lines"].map(|count| answer[count].as_u64().unwrap())
    }

    pub(super) fn count_of_keys(&self, project: &str) -> usize {
        let keys = self.json(&["key", "list", "--project", project, "--limit", "1000"]);
        keys["items"].as_array().unwrap().len()
    }
}

impl Ran {
    pub(super) fn answer(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

pub(super) fn keys(range: std::ops::Range<usize>) -> String {
    range.map(|n| format!("{}\n", json!({ "id": format!("app-{n}"), "secret": format!("{SECRET} {n}"), "permissions": "orders:read" }))).collect::<Vec<_>>().concat()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a flat list")]
fn a_line_of_either_form_makes_a_key_with_everything_set() {
    let (home, project) = Home::with_shop();
    home.done(&["role", "create", "support", "--project", &project]);
    home.write(
        "a.csv",
        format!(
            "\u{FEFF}id,name,secret,permissions,role,allowlist,audiences,token_lifetime,require_scope,live_tokens,auth_methods,expires_at\r\n\
             app:1,\"billing, \"\"EU\"\"\",{SECRET},orders:read,support,\"10.0.0.0/8, fd00::/8\",https://api.example.com,5m,true,100,\"bearer client_secret_basic\",2100-01-01\r\n"
        ),
    );
    home.write(
        "b.jsonl",
        format!(
            "{}\n",
            json!({
                "id": "app:2", "name": "billing, \"EU\"", "secret_sha256": SHA256.to_uppercase(),
                "permissions": ["orders:read"], "role": "support", "allowlist": ["10.0.0.0/8", "fd00::/8"],
                "audiences": ["https://api.example.com"], "token_lifetime": 300, "require_scope": true,
                "live_tokens": 100, "auth_methods": ["client_secret_basic", "bearer"], "expires_at": 4_102_444_800_u32,
            })
        ),
    );

    let (csv, jsonl) = (home.import(&project, &["a.csv"]), home.import(&project, &["b.jsonl"]));

    assert_eq!((csv.status, csv.stderr.as_str()), (0, ""));
    // The same secret, and a secret finds its key: two keys cannot have it.
    assert_eq!(
        (jsonl.status, &jsonl.answer()["refused"][0]["reason"]),
        (1, &json!("its secret is that of another key"))
    );
    home.write("b.jsonl", home.read("b.jsonl").replace(&SHA256.to_uppercase(), &"0f".repeat(32)));
    assert_eq!(home.import(&project, &["b.jsonl"]).answer()["imported"], 1);
    let shown = |id: &str| {
        let mut key = home.json(&["key", "show", id]);
        for own in ["key_id", "project", "position", "created_at", "secrets"] {
            key[own] = Value::Null;
        }
        key
    };
    assert_eq!(shown("app:1"), shown("app:2"));
    assert_json_snapshot!(shown("app:1"), @r#"
    {
      "allowlist": [
        "10.0.0.0/8",
        "fd00::/8"
      ],
      "audiences": [
        "https://api.example.com"
      ],
      "auth_methods": [
        "client_secret_basic",
        "bearer"
      ],
      "created_at": null,
      "expires_at": 4102444800,
      "flags": [],
      "key_id": null,
      "live_tokens": 100,
      "name": "billing, \"EU\"",
      "permissions": [
        "orders:read"
      ],
      "position": null,
      "project": null,
      "require_scope": true,
      "role": "support",
      "role_permissions": [],
      "secrets": null,
      "state": "active",
      "token_lifetime": 300
    }
    "#);
}

#[test]
fn what_is_not_given_is_as_with_key_create_and_the_name_is_the_id() {
    let (home, project) = Home::with_shop();
    home.write("a.csv", format!("id,secret,permissions,allowlist,name\napp,{SECRET},orders:read,,\n"));
    home.done(&["key", "import", "a.csv", "--project", &project]);
    let created =
        home.json(&["key", "create", "--project", &project, "--name", "app", "--permission", "orders:read"]);
    let (mut imported, mut created) = (
        home.json(&["key", "show", "app"]),
        home.json(&["key", "show", created["key_id"].as_str().unwrap()]),
    );
    for own in ["key_id", "position", "created_at", "secrets"] {
        imported[own] = Value::Null;
        created[own] = Value::Null;
    }
    assert_eq!(imported, created);
}

#[test]
fn a_rehearsal_says_what_would_be_done_and_does_nothing() {
    let (home, project) = Home::with_shop();
    home.write("old.jsonl", keys(0..3));
    home.done(&["key", "import", "old.jsonl", "--project", &project]);
    let audit = home.json(&["audit", "list"]);
    // Twice the same, the same id with another secret, the same secret under another id: each in a
    // batch of its own and in one.
    let odd = keys(5..6) + &keys(6..7).replace("app-6", "app-5") + &keys(5..6).replace("app-5", "app-x");
    home.write("keys.jsonl", keys(0..10) + &odd);
    let mut reasons = Vec::new();
    for batch in ["1", "100"] {
        let rehearsed = home.import(&project, &["keys.jsonl", "--batch", batch, "--dry-run"]);
        assert_eq!(rehearsed.status, 1);
        assert_eq!(home.count_of_keys(&project), 3);
        assert_eq!(home.json(&["audit", "list"]), audit);
        let answer = rehearsed.answer();
        assert_eq!(answer["dry_run"], true);
        reasons.push(answer["refused"].clone());
        assert_eq!(["imported", "already", "refused_lines"].map(|n| answer[n].as_u64().unwrap()), [7, 3, 3]);
    }
    let done = home.import(&project, &["keys.jsonl", "--batch", "1"]).answer();
    assert_eq!(reasons, [done["refused"].clone(), done["refused"].clone()]);
    assert_eq!(done["imported"], 7);
    assert_eq!(home.count_of_keys(&project), 10);
}

#[test]
fn each_batch_that_brought_something_has_one_audit_row_and_the_chain_holds() {
    let (home, project) = Home::with_shop();
    let acts = || {
        let rows = home.json(&["audit", "list"]);
        let rows = rows["items"].as_array().unwrap().clone();
        rows.into_iter().filter(|row| row["act"] == "key.import").collect::<Vec<_>>()
    };
    home.write("keys.jsonl", keys(0..25));
    let import = ["key", "import", "keys.jsonl", "--project", &project, "--batch", "10"];
    home.done(&import);
    let lines: Vec<_> = acts()
        .iter()
        .map(|row| {
            let detail = &row["detail"];
            assert_eq!((&row["target"], &row["project"]), (&json!(project), &json!(project)));
            [&detail["imported"], &detail["first_line"], &detail["last_line"]].map(|n| n.as_u64().unwrap())
        })
        .collect();
    assert_eq!(lines, [[10, 1, 10], [10, 11, 20], [5, 21, 25]]);
    home.done(&import);
    assert_eq!(acts().len(), 3);
    home.done(&["audit", "verify"]);
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_stopped() {
    let (home, project) = Home::with_shop();
    home.write("keys.jsonl", keys(0..300));
    let mut command =
        home.command(&["key", "import", "-", "--format", "jsonl", "--project", &project, "--batch", "2"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // The file does not end, so neither does the import: it is killed in the middle for certain.
    input.write_all(keys(0..201).as_bytes()).unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "100 imported, 0 already there, 0 refused");
    assert_eq!(said.next().unwrap().unwrap(), "200 imported, 0 already there, 0 refused");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(home.count_of_keys(&project), 200);

    let again = home.import(&project, &["keys.jsonl"]);

    let answer = again.answer();
    assert_eq!((again.status, &answer["imported"], &answer["already"]), (0, &json!(100), &json!(200)));
    assert_eq!(home.count_of_keys(&project), 300);
    home.done(&["audit", "verify"]);
}

#[tokio::test]
async fn a_running_server_accepts_an_imported_key_at_once_even_if_it_has_refused_it_before() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path());
    let project = serving.shell(&["project", "create", "shop"])["project"].as_str().unwrap().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/oauth/token", serving.url);
    let request = || {
        http.post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials")
    };
    let named =
        async || request().basic_auth("shop-app", Some(SECRET)).send().await.unwrap().status().as_u16();
    let alone =
        async || request().bearer_auth("another0secret0of0shop").send().await.unwrap().status().as_u16();
    assert_eq!((named().await, alone().await), (401, 401));
    let lines = format!(
        "id,secret,secret_sha256,permissions\nshop-app,,{SHA256},orders:read\nother-app,another0secret0of0shop,,orders:read\n"
    );
    fs::write(folder.path().join("keys.csv"), lines).unwrap();

    serving.shell(&["key", "import", "keys.csv", "--project", &project]);

    assert_eq!((named().await, alone().await), (200, 200));
}

#[test]
fn a_bar_shows_on_a_terminal_and_leaves_only_the_answer() {
    let (home, project) = Home::with_shop();
    home.write("keys.jsonl", keys(0..40));
    let (status, screen) = terminal::run(
        home.command(&["key", "import", "keys.jsonl", "--project", &project, "--batch", "1"]),
        "",
    );
    assert_eq!(status, 0, "{screen}");
    assert!(screen.ends_with("40 imported, 0 already there, 0 refused.\n"), "{screen:?}");
    assert!(!screen.contains("horse"));
}

#[test]
fn many_keys_are_imported_and_imported_again() {
    let (home, project) = Home::with_shop();
    assert_eq!(home.counts(&project, "keys.jsonl", keys(0..20_000)), [20_000, 0, 0]);
    assert_eq!(home.counts(&project, "keys.jsonl", keys(0..20_001)), [1, 20_000, 0]);
    home.done(&["audit", "verify"]);
    assert_eq!(home.json(&["key", "show", "app-19999"])["name"], "app-19999");
}
