//! Roles: made, given to keys, edited for all of them at once.

use insta::assert_snapshot;
use serde_json::json;

use super::{Home, redacted};

fn role<'a>(arguments: &[&'a str], of_project: &[&'a str]) -> Vec<&'a str> {
    [&["role"], arguments, of_project].concat()
}

#[test]
fn a_role_is_made_listed_shown_edited_and_deleted() {
    let home = Home::founded();
    let project = home.project("Shop");
    for scope in ["orders:read", "refunds", "vouchers"] {
        home.done(&["scope", "set", scope, "--project", &project]);
    }
    let run = |arguments: &[&str]| home.done(&[&["role"], arguments, &["--project", &project]].concat());
    let json = |arguments: &[&str]| home.json(&[&["role"], arguments, &["--project", &project]].concat());
    assert_eq!(run(&["list"]), "The project has no roles.\n");

    let made = json(&["create", "support", "--permission", "orders:read,refunds", "--description", "people"]);
    assert_eq!(
        (&made["role"], &made["permissions"]),
        (&json!("support"), &json!(["orders:read", "refunds"]))
    );
    run(&["create", "idle"]);
    assert_snapshot!(run(&["list"]), @r"
    ROLE     PERMISSIONS          DESCRIPTION
    idle     -
    support  orders:read refunds  people
    ");
    let page = json(&["list", "--limit", "1"]);
    assert_eq!((&page["items"][0]["role"], &page["next"]), (&json!("idle"), &json!("idle")));
    assert_eq!(json(&["list", "--after", "idle"])["items"][0], made);

    let edited = run(&["edit", "support", "--add-permission", "vouchers"]);
    assert_eq!(edited, "Edited role support.\nThe project's outstanding tokens live on.\n");
    let edited = json(&["edit", "support", "--remove-permission", "refunds", "--reason", "superseded"]);
    assert_eq!((&edited["role"], &edited["tokens_revoked"]), (&json!("support"), &json!(true)));
    let shown = json(&["show", "support"]);
    assert_eq!(shown["permissions"], json!(["orders:read", "vouchers"]));
    assert_eq!((&shown["description"], &shown["keys"]), (&json!("people"), &json!(0)));
    assert_snapshot!(redacted(&run(&["show", "support"])), @r"
    role         support
    project      [project]
    description  people
    permissions  orders:read vouchers
    created      [time]
    keys         0
    ");
    assert_eq!(
        run(&["delete", "support"]),
        "Deleted role support.\nThe project's outstanding tokens live on.\n"
    );
    let (status, _, error) = home.failed(&["role", "show", "support", "--project", &project]);
    assert_eq!(status, 1);
    assert!(error.contains("there is no such role; `portcullis role list --project ID`"), "{error}");
}

#[test]
fn a_key_gets_a_role_and_loses_it_and_no_role_goes_that_a_key_has() {
    let home = Home::founded();
    let project = home.project("Shop");
    for scope in ["orders:read", "refunds", "vouchers"] {
        home.done(&["scope", "set", scope, "--project", &project]);
    }
    let of_project = ["--project", project.as_str()];
    home.done(&role(&["create", "support", "--permission", "orders:read"], &of_project));
    home.done(&role(&["create", "wider", "--permission", "orders:*"], &of_project));
    let create = [&["key", "create", "--name", "desk", "--role", "support"], &of_project[..]].concat();
    let made = home.json(&create);
    let id = made["key_id"].as_str().unwrap();
    assert_eq!((&made["role"], &made["permissions"]), (&json!("support"), &json!([])));
    let shown = home.done(&["key", "show", id]);
    assert!(shown.contains("role            support: orders:read\n"), "{shown}");
    assert_eq!(home.json(&["key", "show", id])["role_permissions"], json!(["orders:read"]));

    let (status, code, error) = home.failed(&role(&["delete", "support"], &of_project));
    assert_eq!((status, code.as_str()), (1, "in_use"));
    assert!(error.contains("the role is that of 1 API key; take it from them first"), "{error}");
    assert_eq!(home.json(&["key", "edit", id, "--role", "wider"])["tokens_revoked"], false);
    home.done(&role(&["delete", "support"], &of_project));
    assert_eq!(home.json(&["key", "edit", id, "--no-role"])["tokens_revoked"], true);
    assert_eq!(home.json(&["key", "show", id])["role"], json!(null));
    home.done(&role(&["delete", "wider"], &of_project));

    let (status, ..) = home.failed(&["key", "edit", id, "--role", "none"]);
    assert_eq!(status, 1);
    for wrong in [&["--role", "a", "--no-role"][..], &["--role", ""], &["--role", "a b"]] {
        assert_eq!(home.failed(&[&["key", "edit", id], wrong].concat()).0, 2, "{wrong:?}");
    }
    assert_eq!(home.failed(&role(&["edit", "wider"], &of_project)).0, 2, "nothing is changed");
}
