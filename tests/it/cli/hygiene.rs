//! `key list` by the life of keys, and `key hygiene`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::afar::far_of;
use super::{Home, redacted};
use sqlx::Connection as _;

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

/// More than one answer of the API reads; the newest first: of many tokens of another key, and one of each of these
/// keys on either side of them.
#[tokio::test]
async fn a_log_that_is_longer_than_one_answer_reads_is_read_to_its_end_from_afar() {
    const READ: i64 = 500_000;
    const MANY: i64 = 600_000;
    const DAY: i64 = 86_400;
    let home = Home::founded();
    let project = home.project("Shop");
    for scope in ["orders", "refunds", "vouchers"] {
        home.done(&["scope", "set", scope, "--project", &project]);
    }
    let key = |name: &str, more: &[&str]| {
        let create =
            ["key", "create", "--project", &project, "--name", name, "--permission", "orders,refunds"];
        home.json(&[&create[..], more].concat())["key_id"].as_str().unwrap().to_owned()
    };
    let [broad, whole] = ["broad", "whole"].map(|name| key(name, &["--permission", "vouchers"]));
    let ending = key("ending", &["--expires", "10d"]);
    let busy = key("busy", &[]);
    home.tamper("UPDATE api_keys SET created_at = created_at - 864000000 WHERE project <> 'portcullis'")
        .await;
    let now = std::process::Command::new("date").arg("+%s").output().unwrap().stdout;
    let now: i64 = String::from_utf8(now).unwrap().trim().parse().unwrap();
    let mut database = home.database().await;
    let mut rows = 0_i64;
    let mut put = async |key: &str, scope: &str, at: i64, many: i64| {
        rows += 1;
        let statement = "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < $5 - 1) \
             INSERT INTO issued_tokens (jti, key, project, subject, scope, audience, issued_at, expires_at) \
             SELECT unhex(printf('%012x%04x%016x', ($4 + n / 100) * 1000, $6, n)), \
             $1, $2, $1, $3, 'https://api.example', $4, $4 + 900 FROM n";
        let put = sqlx::query(statement).bind(key).bind(&project).bind(scope).bind(at).bind(many).bind(rows);
        put.execute(&mut database).await.unwrap();
    };
    for key in [&broad, &whole, &ending] {
        put(key, "orders", now - 60, 1).await;
    }
    // In the second in the midst of which the first answer ends, and before that.
    put(&whole, "vouchers", now - DAY + (MANY - READ) / 100, 1).await;
    put(&busy, "orders refunds", now - DAY, MANY).await;
    for key in [&broad, &whole, &ending] {
        put(key, "refunds", now - 9 * DAY, 1).await;
    }
    database.close().await.unwrap();
    let (home, _serving, elsewhere) = far_of(home, &[]);

    let line = ["key", "hygiene", "--project", &project];
    let [here, afar] = [&home, &elsewhere].map(|folder| folder.json(&line));

    let row = |name: &str| here["items"].as_array().unwrap().iter().find(|row| row["name"] == name);
    let findings = |name: &str| row(name).map(|row| (&row["findings"], &row["unused_permissions"]));
    assert_eq!(findings("broad"), Some((&json!(["over_broad"]), &json!(["vouchers"]))));
    assert_eq!((findings("whole"), findings("busy")), (None, None), "all of it was used");
    assert_eq!(findings("ending"), Some((&json!(["expiring"]), &json!([]))));
    assert_eq!(here, afar);
}
