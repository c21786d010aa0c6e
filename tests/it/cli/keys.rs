use std::process::Command;

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

use super::{Home, redacted, shape, terminal};

/// The arguments that make a key of this project with everything set.
fn everything(project: &str) -> String {
    format!(
        "key create --project {project} --name billing --permission orders:read --allow 192.0.2.7 \
         --allow 10.0.0.0/8,fd00::/8 --audience https://api.example.com --token-lifetime 5m \
         --require-scope --live-tokens 100 --auth-method bearer --auth-method client_secret_basic --expires 30d"
    )
}

fn with_a_project() -> (Home, String) {
    let home = Home::founded();
    let (project, _) = home.project_and_key();
    home.done(&["audience", "add", "https://api.example.com", "--project", &project]);
    (home, project)
}

#[test]
fn a_key_is_created_as_it_was_asked_for() {
    let (home, project) = with_a_project();

    let key = home.json(&everything(&project).split(' ').collect::<Vec<_>>());

    assert_json_snapshot!(shape(&key), @r#"
    {
      "allowlist": [
        "10.0.0.0/8",
        "192.0.2.7/32",
        "fd00::/8"
      ],
      "audiences": [
        "https://api.example.com"
      ],
      "auth_methods": [
        "client_secret_basic",
        "bearer"
      ],
      "created_at": "[at]",
      "expires_at": "[at]",
      "flags": [],
      "key_id": "[key]",
      "live_tokens": 100,
      "name": "billing",
      "permissions": [
        "orders:read"
      ],
      "position": 6,
      "project": "[project]",
      "require_scope": true,
      "role": null,
      "secret": "[secret]",
      "state": "active",
      "token_lifetime": 300
    }
    "#);
    let span = key["expires_at"].as_i64().unwrap() - key["created_at"].as_i64().unwrap();
    assert!((2_591_999..=2_592_000).contains(&span), "{span}");
}

#[test]
fn a_secret_is_shown_once() {
    let (home, project) = with_a_project();

    let created = home.done(&everything(&project).split(' ').collect::<Vec<_>>());

    assert_snapshot!(redacted(&created), @r"
    key_id  [key]
    secret  [secret]

    The secret is shown this once and kept nowhere: store it now.
    ");
    let key = created.split_whitespace().nth(1).unwrap();
    let shown = home.done(&["key", "show", key]);
    assert!(!shown.contains("psk_") && !home.done(&["audit", "list"]).contains("psk_"));
    assert_snapshot!(redacted(&shown), @r"
    key_id          [key]
    project         [project]
    name            billing
    state           active
    permissions     orders:read
    role            none
    allowlist       10.0.0.0/8 192.0.2.7/32 fd00::/8
    auth methods    client_secret_basic bearer
    audiences       https://api.example.com
    token lifetime  300 s
    require scope   yes
    live tokens     100
    created         [time]
    expires         [time]
    secret          [secret_id], made [time]
    ");
}

#[test]
fn keys_are_listed_and_shown() {
    let home = Home::founded();
    let (project, key) = home.project_and_key();

    let listed = home.done(&["key", "list", "--project", &project]);

    assert_snapshot!(redacted(&listed), @r"
    KEY_ID                    PROJECT               NAME  STATE   PERMISSIONS  ROLE  ALLOWLIST  LAST USED  ENDS
    [key]  [project]  k     active  orders:read  -     any        never      never
    ");
    let mut of_list = home.json(&["key", "list", "--project", &project])["items"][0].clone();
    let shown = home.json(&["key", "show", &key]);
    for name in ["secrets", "role_permissions"] {
        of_list[name] = shown[name].clone();
    }
    for name in ["last_used_at", "ends_at"] {
        assert_eq!(of_list.as_object_mut().unwrap().remove(name), Some(Value::Null));
    }
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(of_list, shown);
    let other = home.project("Other");
    assert_eq!(home.done(&["key", "list", "--project", &other]), "There are no such API keys.\n");
}

#[test]
fn what_may_not_have_been_meant_is_warned_of() {
    let home = Home::founded();
    let (project, key) = home.project_and_key();
    let create = ["key", "create", "--project", &project, "--name", "k"];

    let ran = home.run(
        &[&create[..], &["--permission", "orders:reed orders:read nope", "--allow", "0.0.0.0/0"]].concat(),
    );

    assert_eq!(ran.status, 0);
    assert_snapshot!(ran.stderr, @r"
    warning: not in the project's scope catalogue: nope orders:reed; is it spelt as meant?
    warning: the allowlist names every address of IPv4 or IPv6, so it keeps nobody out
    ");
    let none = home.run(&create);
    assert_eq!((none.status, none.stderr.starts_with("warning: the key has no permissions")), (0, true));
    let fine = ["--permission", "orders:*", "--permission", "portcullis:introspect"];
    assert_eq!(home.run(&[&create[..], &fine].concat()).stderr, "");
    assert!(home.run(&["key", "edit", &key, "--add-permission", "nope"]).stderr.contains("catalogue: nope;"));
    assert_eq!(home.run(&["key", "edit", &key, "--name", "x"]).stderr, "");
}

#[test]
fn a_lost_administrators_key_is_replaced_without_being_asked_for_more() {
    let home = Home::founded();
    let lost: Value = serde_json::from_str(&home.read("portcullis-data/admin-key.json")).unwrap();

    let key = home.json(&["key", "create", "--project", "portcullis"]);

    let before = home.json(&["key", "show", lost["key_id"].as_str().unwrap()]);
    assert_eq!(key["permissions"], before["permissions"]);
    assert_eq!(key["name"], "administrator");
}

#[test]
fn an_edit_changes_what_is_given_and_nothing_else() {
    let (home, project) = with_a_project();
    let key = home.json(&["key", "list", "--project", &project])["items"][0]["key_id"].clone();
    let key = key.as_str().unwrap();
    home.done(&["scope", "set", "orders:write", "--project", &project]);
    home.done(&["role", "create", "idle", "--project", &project]);
    let mut expected = home.json(&["key", "show", key]);
    for (arguments, field, value, revoked) in [
        (&["--name", "billing"][..], "name", json!("billing"), false),
        (&["--add-permission", "orders:write"], "permissions", json!(["orders:read", "orders:write"]), false),
        (&["--remove-permission", "orders:read"], "permissions", json!(["orders:write"]), true),
        (&["--permission", "orders:read"], "permissions", json!(["orders:read"]), true),
        (
            &["--allow", "10.0.0.0/8", "--allow", "fd00::/8"],
            "allowlist",
            json!(["10.0.0.0/8", "fd00::/8"]),
            true,
        ),
        (&["--allow", "10.0.0.0/8"], "allowlist", json!(["10.0.0.0/8"]), true),
        (&["--allow-any"], "allowlist", json!([]), false),
        (&["--role", "idle"], "role", json!("idle"), false),
        (&["--no-role"], "role", json!(null), false),
        (&["--audience", "https://api.example.com"], "audiences", json!(["https://api.example.com"]), true),
        (&["--default-audience"], "audiences", json!([]), true),
        (&["--token-lifetime", "60"], "token_lifetime", json!(60), true),
        (&["--token-lifetime", "15m"], "token_lifetime", json!(900), false),
        (&["--require-scope", "true"], "require_scope", json!(true), true),
        (&["--live-tokens", "3"], "live_tokens", json!(3), false),
        (&["--unlimited-live-tokens"], "live_tokens", json!(null), false),
        (&["--require-scope", "false"], "require_scope", json!(false), false),
        (&["--auth-method", "bearer"], "auth_methods", json!(["bearer"]), true),
        (
            &["--auth-method", "bearer", "--auth-method", "app_headers"],
            "auth_methods",
            json!(["app_headers", "bearer"]),
            false,
        ),
        (&["--any-auth-method"], "auth_methods", json!([]), false),
        (&["--expires", "2100-01-01"], "expires_at", json!(4_102_444_800_u32), true),
        (&["--never-expires"], "expires_at", json!(null), false),
    ] {
        let edited = home.json(&[&["key", "edit", key], arguments].concat());

        expected[field] = value;
        expected["position"] = edited["position"].clone();
        assert_eq!(home.json(&["key", "show", key]), expected, "{arguments:?}");
        let answer = json!({ "key_id": key, "project": project, "position": edited["position"], "tokens_revoked": revoked });
        assert_eq!(edited, answer, "{arguments:?}");
    }
}

#[test]
fn an_act_says_what_becomes_of_the_tokens() {
    let home = Home::founded();
    let (_, key) = home.project_and_key();
    let run = |arguments: &[&str]| redacted(&home.done(&[&["key"], arguments, &[&key]].concat()));
    let state = || home.json(&["key", "show", &key])["state"].clone();

    assert_eq!(
        run(&["block", "--reason", "key_compromise", "--note", "on a forum"]),
        "Blocked [key].\nIts outstanding tokens are revoked.\n"
    );
    assert_eq!(state(), "blocked");
    assert_eq!(run(&["unblock"]), "Unblocked [key].\nTokens that were revoked stay dead; mint new ones.\n");
    assert_eq!(state(), "active");
    assert_eq!(
        run(&["revoke-tokens"]),
        "Revoked the tokens of [key].\nThe key works on: it can mint new ones.\n"
    );
    assert_eq!(run(&["edit", "--name", "x"]), "Edited [key].\nIts outstanding tokens live on.\n");
    assert_snapshot!(run(&["regenerate", "--overlap", "24h"]), @r"
    key_id  [key]
    secret  [secret]

    The secret is shown this once and kept nowhere: store it now.
    Its outstanding tokens live on.
    ");
    assert_eq!(run(&["delete", "--yes"]), "Deleted [key].\nIts outstanding tokens are revoked.\n");
    assert_eq!(state(), "deleted");
    let rows = home.json(&["audit", "list"]);
    let block = rows["items"].as_array().unwrap().iter().find(|row| row["act"] == "key.block").unwrap();
    assert_eq!(block["detail"], json!({ "reason": "key_compromise", "note": "on a forum" }));
}

#[test]
fn an_old_secret_ends_with_the_overlap() {
    let home = Home::founded();
    let (_, key) = home.project_and_key();
    let secrets = || home.json(&["key", "show", &key])["secrets"].clone();

    let made = home.json(&["key", "regenerate", &key, "--overlap", "24h"]);

    assert_eq!(made["tokens_revoked"], false);
    assert!(made["secret"].as_str().unwrap().starts_with("psk_live_"));
    assert_json_snapshot!(shape(&secrets()), @r#"
    [
      {
        "created_at": "[at]",
        "expires_at": "[at]",
        "last_used_at": null,
        "last_used_from": null,
        "secret_id": "[secret_id]"
      },
      {
        "created_at": "[at]",
        "expires_at": null,
        "last_used_at": null,
        "last_used_from": null,
        "secret_id": "[secret_id]"
      }
    ]
    "#);
    home.json(&["key", "regenerate", &key]);
    assert_eq!(secrets().as_array().unwrap().len(), 1, "without an overlap the old ones end now");
}

#[test]
fn whoever_sits_at_a_terminal_is_asked_before_a_key_is_deleted() {
    let home = Home::founded();
    let (_, key) = home.project_and_key();
    let delete = || -> Command { home.command(&["key", "delete", &key]) };

    for typed in ["no\n", "\n", "y\n", "\u{4}"] {
        let (status, screen) = terminal::run(delete(), typed);
        assert_eq!(status, 1, "{screen}");
        assert!(screen.ends_with("error: nothing was deleted\n"), "{screen}");
    }
    assert_eq!(home.json(&["key", "show", &key])["state"], "active");

    let (status, screen) = terminal::run(delete(), "yes\n");
    assert_eq!(status, 0, "{screen}");
    assert!(
        redacted(&screen).contains("Delete [key] (k) for ever, and revoke its tokens? Type yes: "),
        "{screen}"
    );
    assert_eq!(home.json(&["key", "show", &key])["state"], "deleted");
}
