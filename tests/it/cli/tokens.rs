use insta::{assert_json_snapshot, assert_snapshot};

use super::Home;

/// Tokens of a key in the log: minted long ago, and a second before and after 2026-11-22.
async fn with_tokens() -> (Home, String) {
    let home = Home::founded();
    let (_, key) = home.project_and_key();
    home.tamper(
        "INSERT INTO issued_tokens \
         SELECT unhex(m.value || '00000000000000000001'), k.id, 'prj_x', k.id, 'orders:read orders:write', \
           'https://a.example', '192.0.2.7', m.key, m.key + 900000, NULL \
         FROM api_keys AS k CROSS JOIN (\
           SELECT 1795305599000 AS key, '01a2008d7018' AS value UNION ALL SELECT 1795305601000, '01a2008d77e8' \
           UNION ALL SELECT 86400000, '000005265c00') AS m \
         WHERE k.name = 'k'",
    )
    .await;
    (home, key)
}

fn issued(listed: &serde_json::Value) -> Vec<i64> {
    listed["items"].as_array().unwrap().iter().map(|token| token["issued_at"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn the_tokens_of_a_key_are_listed_newest_first() {
    let (home, key) = with_tokens().await;
    let list = |more: &[&str]| home.json(&[&["token", "list", "--key", &key], more].concat());

    let all = list(&[]);

    assert_eq!(issued(&all), [1_795_305_601, 1_795_305_599, 86_400]);
    assert_eq!(issued(&list(&["--since", "2026-11-22"])), [1_795_305_601]);
    assert_eq!(issued(&list(&["--since", "1795305599"])), [1_795_305_601, 1_795_305_599]);
    assert_eq!(issued(&list(&["--since", "36500d"])).len(), 3);
    let page = list(&["--limit", "2"]);
    let next = page["next"].as_str().unwrap();
    assert_eq!((issued(&page).len(), issued(&list(&["--after", next]))), (2, vec![86_400]));
    let mut first = all["items"][0].clone();
    assert_eq!(first["key_id"].take(), key.as_str());
    assert_eq!(first["sub"].take(), key.as_str());
    assert_json_snapshot!(first, @r#"
    {
      "address": "192.0.2.7",
      "aud": [
        "https://a.example"
      ],
      "expires_at": 1795306501,
      "issued_at": 1795305601,
      "jti": "AaIAjXfoAAAAAAAAAAAAAQ",
      "key_id": null,
      "parent": null,
      "project": "prj_x",
      "scope": [
        "orders:read",
        "orders:write"
      ],
      "sub": null
    }
    "#);
    let shown = home.done(&["token", "list", "--key", &key, "--limit", "1"]);
    assert_snapshot!(shown.replace(&key, "[key]"), @r"
    JTI                     KEY_ID                    ISSUED                EXPIRES               SCOPE                     AUDIENCE           ADDRESS
    AaIAjXfoAAAAAAAAAAAAAQ  [key]  2026-11-22T00:00:01Z  2026-11-22T00:15:01Z  orders:read orders:write  https://a.example  192.0.2.7

    There is more: --after AaIAjXfoAAAAAAAAAAAAAQ
    ");
}

#[test]
fn a_key_without_tokens_is_told_from_no_key() {
    let home = Home::founded();
    let (_, key) = home.project_and_key();
    let nothing = "The issuance log holds no such tokens.\n";
    assert_eq!(home.done(&["token", "list", "--key", &key]), nothing);
    let (status, code, _) = home.failed(&["token", "list", "--key", "pk_live_nobody"]);
    assert_eq!((status, code.as_str()), (1, "not_found"));
}
