use insta::{assert_json_snapshot, assert_snapshot};

use super::{Home, redacted, shape};

#[test]
fn a_secret_is_added_listed_and_ended() {
    let home = Home::founded();
    let (_, key) = home.project_and_key();

    let added = home.json(&["key", "secret", "add", &key, "--expires", "30d"]);

    assert_json_snapshot!(shape(&added), @r#"
    {
      "expires_at": "[at]",
      "key_id": "[key]",
      "position": 5,
      "project": "[project]",
      "secret": "[secret]",
      "secret_id": "[secret_id]",
      "tokens_revoked": false
    }
    "#);
    let id = added["secret_id"].as_str().unwrap();
    let listed = home.json(&["key", "secret", "list", &key]);
    assert_eq!(listed["items"], home.json(&["key", "show", &key])["secrets"]);
    assert_eq!(listed["items"][1]["secret_id"], id);
    assert_snapshot!(redacted(&home.done(&["key", "secret", "list", &key])), @r"
    SECRET_ID         CREATED               EXPIRES               LAST USED
    [secret_id]  [time]  never                 never
    [secret_id]  [time]  [time]  never
    ");
    let sooner = home.json(&["key", "secret", "expire", &key, id, "--in", "1h"]);
    assert!(sooner["expires_at"].as_i64() < added["expires_at"].as_i64());
    assert_eq!(
        redacted(&home.done(&["key", "secret", "expire", &key, id])),
        "Ended [secret_id] of [key].\nThe key's outstanding tokens live on.\n"
    );
    let left = home.json(&["key", "secret", "list", &key]);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
    let (status, code, message) = home.failed(&["key", "secret", "expire", &key, id]);
    assert_eq!((status, code.as_str()), (1, "not_found"));
    assert!(message.contains("`portcullis key secret list ID` names those"), "{message}");
}

#[test]
fn a_further_secret_is_shown_once() {
    let home = Home::founded();
    let (_, key) = home.project_and_key();
    assert_snapshot!(redacted(&home.done(&["key", "secret", "add", &key])), @r"
    key_id  [key]
    secret  [secret]

    The secret is shown this once and kept nowhere: store it now.
    It is called [secret_id].
    The key's other secrets work on; its outstanding tokens live on.
    ");
    for _ in 0..3 {
        home.done(&["key", "secret", "add", &key]);
    }
    let (status, code, message) = home.failed(&["key", "secret", "add", &key]);
    assert_eq!((status, code.as_str()), (1, "refused"));
    assert!(message.contains("more than 5 live secrets"), "{message}");
}

#[test]
fn whoever_ends_the_last_secret_is_told_what_that_means() {
    let home = Home::founded();
    let (_, key) = home.project_and_key();
    let secrets = home.json(&["key", "secret", "list", &key]);
    let id = secrets["items"][0]["secret_id"].as_str().unwrap();
    let ran = home.run(&["key", "secret", "expire", &key, id, "--reason", "key_compromise"]);
    assert_eq!(ran.status, 0);
    assert!(ran.stderr.starts_with("warning: the key has no secret left"), "{}", ran.stderr);
    assert_eq!(home.done(&["key", "secret", "list", &key]), "The key has no secret.\n");
    // The secret itself is no name for it.
    let (status, code, _) = home.failed(&["key", "secret", "expire", &key, "psk_live_x"]);
    assert_eq!((status, code.as_str()), (2, "usage"));
}
