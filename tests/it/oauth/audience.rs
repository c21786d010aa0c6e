//! Where a token may be used: RFC 8707, and threat S49: one project's names are no other's.

use portcullis::keys::acts::Error as ActError;
use portcullis::store::Error as StoreError;

use crate::support::{App, escape, part};

const A: &str = "https://a.example.com";
const B: &str = "urn:b";

#[tokio::test]
async fn a_token_is_meant_for_what_was_asked_within_what_the_key_may() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.audience(A).await;
    shop.audience(B).await;
    let key = shop.key("orders:read").audiences(&[B, A]).create().await;
    let a = "https%3A%2F%2Fa.example.com";
    let granted = [
        (String::new(), serde_json::json!(B)),
        ("resource=&audience=".to_owned(), serde_json::json!(B)),
        (format!("resource={a}"), serde_json::json!(A)),
        (format!("audience={a}"), serde_json::json!(A)),
        (format!("resource={a}&resource={a}&audience={a}"), serde_json::json!(A)),
        (format!("resource={a}&audience=urn%3Ab"), serde_json::json!([A, B])),
    ];
    for (asked, aud) in granted {
        let answer = key.ask(&asked).send().await;
        assert_eq!(part(&answer.token(), 1)["aud"], aud, "{asked}");
    }
    let default = format!("https://tokens.example.com/projects/{}", shop.project.id);
    let refused = [
        "resource=https%3A%2F%2Fa.example.com%2F",
        "resource=HTTPS%3A%2F%2Fa.example.com",
        "resource=https%3A%2F%2Fa.example.com%23",
        "resource=https%3A%2F%2Fa.example.com%20urn%3Ab",
        "resource=a.example.com",
        "resource=%3A",
        "resource=urn%3A",
        "resource=%00",
        "audience=urn%3Ab%0D",
        "audience=%C3%A9",
        "audience=*",
        "audience=https%3A%2F%2Ftokens.example.com",
        "audience=https%3A%2F%2Ftokens.example.com%2Fadmin",
        "audience=https%3A%2F%2Ftokens.example.com%2Ffeed",
        &format!("audience={default}"),
        &format!("resource={a}&resource=urn%3Ac"),
    ];
    for asked in refused {
        assert_eq!(key.ask(asked).send().await.refusal(), (400, "invalid_target".into()), "{asked}");
    }
    let many = "audience=urn%3Ab&".repeat(100);
    assert_eq!(key.ask(&many).send().await.refusal(), (400, "invalid_request".into()), "100 audiences");
}

#[tokio::test]
async fn a_resource_is_an_absolute_uri_even_where_the_key_has_that_audience() {
    // RFC 8707 §2; `audience` (RFC 8693 §2.1) may be any name.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let names = ["warehouse", "urn:", ":x", "1a:b", "a_b:c", "/orders", "//host/path"];
    for name in names {
        shop.audience(name).await;
    }
    let key = shop.key("orders:read").audiences(&names).create().await;
    for name in names {
        let escaped = escape(name);
        assert_eq!(part(&key.ask(&format!("audience={escaped}")).send().await.token(), 1)["aud"], name);
        let as_resource = key.ask(&format!("resource={escaped}")).send().await;
        assert_eq!(as_resource.refusal(), (400, "invalid_target".into()), "{name}");
    }
}

#[tokio::test]
async fn an_audience_belongs_to_one_project_and_the_issuers_own_to_none() {
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    shop.audience(A).await;
    let add =
        async |audience: &str| app.shell.add_audience(&rival.project.id, audience.parse().unwrap()).await;
    assert!(matches!(add(A).await, Err(ActError::Store(StoreError::Taken(_)))));
    for own in ["", "/admin", "/feed", &format!("/projects/{}", shop.project.id)] {
        let own = format!("https://tokens.example.com{own}");
        assert!(matches!(add(&own).await, Err(ActError::OwnAudience)), "{own}");
    }
    let key = rival.key("orders:read").create().await;
    let default = format!("audience=https%3A%2F%2Ftokens.example.com%2Fprojects%2F{}", shop.project.id);
    for asked in ["resource=https%3A%2F%2Fa.example.com", &default] {
        assert_eq!(key.ask(asked).send().await.refusal(), (400, "invalid_target".into()), "{asked}");
    }
}

#[tokio::test]
async fn an_audience_that_changed_hands_takes_no_old_token_along() {
    // S49: the name is the first project's, then the second's; no token of either passes for both.
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    shop.audience(A).await;
    let shops = shop.key("orders:read portcullis:introspect").audiences(&[A]).create().await;
    let old = shops.token("orders:read").await;
    app.shell.remove_audience(&shop.project.id, A.parse().unwrap()).await.unwrap();
    rival.audience(A).await;
    let rivals = rival.key("orders:read portcullis:introspect").audiences(&[A]).create().await;
    let new = rivals.token("orders:read").await;

    assert_eq!(part(&old, 1)["aud"], part(&new, 1)["aud"]);
    for (asker, token, active) in
        [(&shops, &old, false), (&rivals, &old, false), (&shops, &new, false), (&rivals, &new, true)]
    {
        assert_eq!(asker.introspect(token).await.is_active(), active);
    }
    assert_eq!(
        shops.ask("").send().await.refusal(),
        (400, "invalid_target".into()),
        "nothing is left to be meant for"
    );
}
