use insta::assert_snapshot;
use serde_json::json;

use super::{Home, redacted};

#[tokio::test]
async fn the_servers_and_how_far_they_follow_are_listed() {
    let home = Home::founded();
    assert_eq!(home.done(&["nodes"]), "No server has run on this installation yet.\n");
    home.tamper("INSERT INTO nodes VALUES ('n1', 1795305600000, 1795305605000, 1, 205, 30000)").await;
    home.project("Shop");

    let listed = home.done(&["nodes"]);

    assert_snapshot!(redacted(&listed), @r"
    NODE  STARTED               SEEN                  APPLIED  OF  AGE
    n1    [time]  [time]  1        2   205 ms
    ");
    assert_eq!(
        home.json(&["nodes"]),
        json!({
            "items": [{
                "node": "n1",
                "started_at": 1_795_305_600,
                "seen_at": 1_795_305_605,
                "applied": 1,
                "position": 2,
                "age_ms": 205,
            }],
            "next": null,
        })
    );
}
