use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use super::{Home, redacted, shape};

#[test]
fn a_project_is_created_listed_and_shown() {
    let home = Home::founded();

    let created = home.done(&["project", "create", "Café Shop"]);

    assert_snapshot!(redacted(&created), @r"
    project           [project]
    name              Café Shop
    kind              live
    algorithm         ES256
    live tokens       unlimited
    raw keys          do not pass
    on leak           block the key
    created           [time]
    default audience  http://127.0.0.1:8080/projects/[project]
    audiences         none but the default
    ");
    assert_snapshot!(redacted(&home.done(&["project", "list"])), @r"
    PROJECT               NAME            KIND  CREATED
    portcullis            Administrators  live  [time]
    [project]  Café Shop       live  [time]
    ");
    let listed = home.json(&["project", "list"]);
    assert_json_snapshot!(shape(&listed), @r#"
    {
      "items": [
        {
          "algorithm": "ES256",
          "created_at": "[at]",
          "kind": "live",
          "live_tokens": null,
          "name": "Administrators",
          "on_leak": "block",
          "position": 1,
          "project": "portcullis",
          "raw_keys": false
        },
        {
          "algorithm": "ES256",
          "created_at": "[at]",
          "kind": "live",
          "live_tokens": null,
          "name": "Café Shop",
          "on_leak": "block",
          "position": 2,
          "project": "[project]",
          "raw_keys": false
        }
      ],
      "next": null
    }
    "#);
    let id = listed["items"][1]["project"].as_str().unwrap();
    assert_eq!(home.done(&["project", "show", id]), created);
}

#[test]
fn a_project_by_itself_tells_its_audiences() {
    let home = Home::founded();
    let created = home.json(&["project", "create", "Café Shop"]);
    let id = created["project"].as_str().unwrap();
    assert_json_snapshot!(shape(&home.json(&["project", "show", id])), @r#"
    {
      "algorithm": "ES256",
      "audiences": [],
      "created_at": "[at]",
      "default_audience": "http://127.0.0.1:8080/projects/[project]",
      "kind": "live",
      "live_tokens": null,
      "name": "Café Shop",
      "on_leak": "block",
      "position": 2,
      "project": "[project]",
      "raw_keys": false
    }
    "#);
}

#[test]
fn a_sandbox_says_test_in_its_keys() {
    let home = Home::founded();
    let project = home.json(&["project", "create", "Trial", "--sandbox"]);
    assert_eq!(project["kind"], "sandbox");
    let id = project["project"].as_str().unwrap();

    let ran = home.run(&["key", "create", "--project", id, "--name", "k", "--json"]);

    let key: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(key["key_id"].as_str().unwrap().starts_with("pk_test_"));
    assert!(key["secret"].as_str().unwrap().starts_with("psk_test_"));
}

#[test]
fn a_project_gets_a_limit_of_live_tokens_and_loses_it() {
    let home = Home::founded();
    let project = home.json(&["project", "create", "Shop", "--live-tokens", "1000"]);
    assert_eq!(project["live_tokens"], 1000);
    let id = project["project"].as_str().unwrap();
    let shown = || home.json(&["project", "show", id])["live_tokens"].clone();

    let said = home.done(&["project", "edit", id, "--live-tokens", "2"]);

    assert_eq!(
        redacted(&said),
        "project      [project]\nlive tokens  2\nThe project's outstanding tokens live on.\n"
    );
    assert_eq!(shown(), 2);
    let lifted = home.json(&["project", "edit", id, "--live-tokens", "unlimited"]);
    assert_eq!(lifted, json!({ "project": id, "live_tokens": null, "position": 4, "tokens_revoked": false }));
    assert_eq!(shown(), json!(null));
    let acts = home.json(&["audit", "list"]);
    let last = acts["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["act"], &last["detail"]),
        (&json!("project.edit"), &json!({ "live_tokens": null, "was": { "live_tokens": 2 } }))
    );
    for wrong in ["0", "-1", "4294967296", "none", ""] {
        let ran = home.run(&["project", "edit", id, "--live-tokens", wrong]);
        assert_eq!(ran.status, 2, "{wrong}: {}", ran.stderr);
    }
    assert_eq!(
        home.run(&["project", "edit", "portcullis", "--live-tokens", "1"]).status,
        1,
        "it is built in"
    );
}

#[test]
fn a_project_lets_its_raw_keys_pass_and_no_longer() {
    let home = Home::founded();
    let id = home.project("Shop");
    let shown = || home.json(&["project", "show", &id])["raw_keys"].clone();
    assert_eq!(shown(), json!(false));

    let said = home.done(&["project", "edit", &id, "--raw-keys", "true"]);

    assert_eq!(
        redacted(&said),
        "project   [project]\nraw keys  pass\nThe project's outstanding tokens live on.\n"
    );
    assert_eq!(shown(), json!(true));
    let edit = |word: &str| home.json(&["project", "edit", &id, "--raw-keys", word]);
    assert_eq!(edit("true")["tokens_revoked"], false);
    assert_eq!(
        edit("false"),
        json!({ "project": id, "raw_keys": false, "position": 5, "tokens_revoked": true })
    );
    assert_eq!((edit("false")["tokens_revoked"].clone(), shown()), (json!(false), json!(false)));
    let last = home.json(&["audit", "list"])["items"].as_array().unwrap().last().unwrap().clone();
    let told = (&last["act"], &last["detail"]);
    assert_eq!(told, (&json!("project.edit"), &json!({ "raw_keys": false, "was": { "raw_keys": false } })));
    for arguments in [&["project", "edit", &id][..], &["project", "edit", &id, "--raw-keys", "maybe"]] {
        assert_eq!(home.run(arguments).status, 2);
    }
    assert_eq!(
        home.run(&["project", "edit", "portcullis", "--raw-keys", "true"]).status,
        1,
        "it is built in"
    );
}

#[test]
fn lists_come_in_parts_that_name_the_next() {
    let home = Home::founded();
    let mut made: Vec<_> = ["a", "b", "c"].map(|name| home.project(name)).into();
    made.push("portcullis".to_owned());
    made.sort();

    let mut seen = Vec::new();
    let mut arguments = vec!["project".to_owned(), "list".into(), "--limit".into(), "3".into()];
    loop {
        let page = home.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["project"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(items.len(), 3);
        assert_eq!(Some(next), seen.last().map(String::as_str));
        arguments.extend(["--after".to_owned(), next.to_owned()]);
    }

    assert_eq!(seen, made);
    let first = home.done(&["project", "list", "--limit", "1"]);
    assert!(first.ends_with(&format!("\nThere is more: --after {}\n", made[0])), "{first}");
}

#[test]
fn audiences_are_added_listed_and_removed() {
    let home = Home::founded();
    let project = home.project("Shop");
    let of_project = ["--project", &project];
    let run = |arguments: &[&str]| home.done(&[&["audience"], arguments, &of_project].concat());
    assert_eq!(run(&["list"]), "The project has no audiences but its default.\n");

    let added = run(&["add", "https://api.example.com"]);

    assert_eq!(added, "Added audience https://api.example.com.\nThe project's outstanding tokens live on.\n");
    assert_eq!(run(&["list"]), "AUDIENCE\nhttps://api.example.com\n");
    let listed = home.json(&["audience", "list", "--project", &project]);
    assert_eq!(listed, json!({ "items": [{ "audience": "https://api.example.com" }], "next": null }));
    assert_eq!(home.json(&["project", "show", &project])["audiences"], json!(["https://api.example.com"]));
    let removed = home.json(&["audience", "remove", "https://api.example.com", "--project", &project]);
    assert_eq!(
        removed,
        json!({
            "project": project,
            "audience": "https://api.example.com",
            "position": 4,
            "tokens_revoked": true,
        })
    );
    assert_eq!(run(&["list"]), "The project has no audiences but its default.\n");
}

#[test]
fn a_scope_keeps_what_is_not_given() {
    let home = Home::founded();
    let project = home.project("Shop");
    let run = |arguments: &[&str]| home.json(&[&["scope"], arguments, &["--project", &project]].concat());
    let api = || run(&["list"])["items"][0].clone();

    run(&["set", "api", "--include", "orders:read,orders:write", "--include", "a b", "--description", "All"]);
    let includes = json!(["a", "b", "orders:read", "orders:write"]);
    assert_eq!(api(), json!({ "scope": "api", "description": "All", "includes": includes }));

    assert_eq!(run(&["set", "api", "--description", "Everything"])["tokens_revoked"], false);
    assert_eq!(api(), json!({ "scope": "api", "description": "Everything", "includes": includes }));

    assert_eq!(run(&["set", "api", "--include", "a", "--include", "a"])["tokens_revoked"], true);
    assert_eq!(api(), json!({ "scope": "api", "description": "Everything", "includes": ["a"] }));

    assert_eq!(run(&["set", "api", "--no-includes"])["tokens_revoked"], true);
    assert_eq!(api()["includes"], json!([]));
}

#[test]
fn scopes_are_listed_for_people_and_removed() {
    let home = Home::founded();
    let project = home.project("Shop");
    let run = |arguments: &[&str]| home.done(&[&["scope"], arguments, &["--project", &project]].concat());
    assert_eq!(run(&["list"]), "The project's catalogue is empty.\n");

    let set = run(&["set", "api", "--include", "orders:read", "--description", "All"]);
    run(&["set", "orders:read"]);

    assert_eq!(set, "Set scope api.\nThe project's outstanding tokens live on.\n");
    assert_snapshot!(run(&["list"]), @r"
    SCOPE        INCLUDES     DESCRIPTION
    api          orders:read  All
    orders:read  -
    ");
    let removed = run(&["remove", "api"]);
    assert_eq!(removed, "Removed scope api.\nThe project's outstanding tokens are revoked.\n");
}
