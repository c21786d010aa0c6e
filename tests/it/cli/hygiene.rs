//! `key list` by the life of keys, and `key hygiene`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{Home, redacted};

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn keys_are_found_by_their_life_and_what_they_do_not_use_is_told() {
    let home = Home::founded();
    let (project, key) = home.project_and_key();
    let of_project = ["--project", project.as_str()];
    let list = |more: &[&str]| home.json(&[&["key", "list"], &of_project[..], more].concat());
    let hygiene = |more: &[&str]| home.json(&[&["key", "hygiene"], &of_project[..], more].concat());
    assert_eq!(names(&list(&["--never-used"])), ["k"]);
    assert_eq!(names(&list(&["--unused", "90d"])), [""; 0], "it was made a moment ago");
    assert_eq!(names(&list(&["--expiring", "14d"])), [""; 0]);
    home.done(&["key", "edit", &key, "--expires", "10d"]);
    assert_eq!(names(&list(&["--expiring", "14", "--never-used"])), ["k"]);
    let page = hygiene(&[]);
    assert_eq!(page["items"][0]["findings"], json!(["expiring", "over_broad"]));
    assert_eq!(page["items"][0]["unused_permissions"], json!(["orders:read"]));
    assert_eq!(hygiene(&["--key", "pk_live_0000000000000000"]), json!({ "items": [], "next": null }));

    home.tamper(
        "UPDATE api_keys SET created_at = created_at - 8640000000, expires_at = NULL WHERE name = 'k'",
    )
    .await;
    assert_eq!(names(&list(&["--unused", "90d"])), ["k"]);
    assert_eq!(names(&list(&["--unused", "101d"])), [""; 0]);
    let told = home.done(&[&["key", "hygiene"], &of_project[..]].concat());
    assert_snapshot!(redacted(&told), @r"
    KEY_ID                    NAME  FINDINGS               LAST USED  ENDS   UNUSED PERMISSIONS  SINCE
    [key]  k     never_used over_broad  never      never  orders:read         [time]
    ");
    let nothing = home.done(&["key", "hygiene", "--project", &home.project("Other")]);
    assert_eq!(nothing, "There is nothing to say of these API keys.\n");
    for wrong in ["0", "0d", "", "90h", "1.5d", "36526d", "-1"] {
        let argument = format!("--unused={wrong}");
        assert_eq!(home.failed(&[&["key", "list", &argument], &of_project[..]].concat()).0, 2, "{wrong}");
    }
}
