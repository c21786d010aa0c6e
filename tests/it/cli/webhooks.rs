//! `portcullis webhook …`

use serde_json::json;

use super::Home;

const LOOPBACK: &str = "127.0.0.0/8";

#[test]
fn a_webhook_is_made_listed_edited_tested_and_deleted() {
    let mut home = Home::founded();
    home.set("PORTCULLIS_WEBHOOKS_ALLOW_NETWORKS", LOOPBACK);
    let (project, key) = home.project_and_key();
    let made = home.json(&[
        "webhook",
        "create",
        "--project",
        &project,
        "--url",
        "http://127.0.0.1:9/in",
        "--event",
        "key.block",
        "--event",
        "leak.*",
        "--description",
        "to the desk",
    ]);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let id = text("webhook");
    assert!(text("secret").starts_with("whsec_"));
    assert_eq!((&made["events"], &made["state"]), (&json!(["key.block", "leak.*"]), &json!("active")));
    let shown = home.json(&["webhook", "show", &id]);
    assert_eq!((&shown["url"], shown.get("secret")), (&json!("http://127.0.0.1:9/in"), None));
    home.done(&["key", "block", &key]);
    let list = home.json(&["webhook", "deliveries", &id]);
    let message = list["items"][0]["message"].as_str().unwrap().to_owned();
    assert_eq!(
        (&list["items"][0]["event"], &list["items"][0]["state"]),
        (&json!("key.block"), &json!("waiting"))
    );
    assert_eq!(home.json(&["webhook", "redeliver", &id, &message])["webhook"], id.as_str());
    home.json(&["webhook", "test", &id]);
    assert!(home.json(&["webhook", "deliveries", &id, "--limit", "1"])["next"].is_string());
    let rotated = home.json(&["webhook", "rotate-secret", &id, "--overlap", "1h"]);
    assert_ne!(rotated["secret"], made["secret"]);
    let edited = home.json(&["webhook", "edit", &id, "--all-events", "--state", "disabled"]);
    assert_eq!((&edited["events"], &edited["state"]), (&json!([]), &json!("disabled")));
    assert_eq!(home.failed(&["webhook", "test", &id]).0, 1);
    assert_eq!(home.json(&["webhook", "list", "--project", &project])["items"].as_array().unwrap().len(), 1);
    for command in [
        &["webhook", "list"][..],
        &["webhook", "show", &id],
        &["webhook", "deliveries", &id],
        &["webhook", "edit", &id, "--state", "paused"],
        &["webhook", "delete", &id],
        &["webhook", "list"],
    ] {
        assert!(!home.done(command).is_empty(), "{command:?}");
    }
    let (status, code, message) = home.failed(&["webhook", "show", &id]);
    assert_eq!((status, code.as_str()), (1, "not_found"), "{message}");
    assert!(message.contains("webhook list"), "{message}");
}

#[test]
fn a_webhook_that_would_not_do_what_is_meant_is_refused() {
    let home = Home::founded();
    let (project, _) = home.project_and_key();
    let create = |more: &[&str]| home.failed(&[&["webhook", "create"], more].concat()).0;
    let to = ["--project", project.as_str(), "--url", "https://hooks.example/"];
    assert_eq!(create(&["--url", "https://hooks.example/"]), 2, "whose?");
    assert_eq!(create(&[&to[..], &["--all-projects"]].concat()), 2);
    assert_eq!(create(&[&to[..], &["--event", "key.blocked"]].concat()), 2);
    for url in ["file:///etc/passwd", "https://u:p@hooks.example/", "https://hooks.example/#x"] {
        assert_eq!(create(&["--project", &project, "--url", url]), 2, "{url}");
    }
    for url in ["http://hooks.example/", "https://127.0.0.1/", "https://169.254.169.254/"] {
        assert_eq!(create(&["--project", &project, "--url", url]), 1, "{url}");
    }
}
