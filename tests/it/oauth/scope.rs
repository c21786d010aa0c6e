//! Scope at the token endpoint: threat S12. Nothing is granted that the key does not cover, and
//! what cannot be read never falls back to "everything".

use crate::support::{App, part};

#[tokio::test]
async fn no_request_gets_more_than_the_key_covers() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "vouchers reports:read").await;
    let key = shop.key("api campaign:* portcullis:introspect").create().await;
    let ten_thousand = vec!["vouchers"; 10_000].join("+");
    let too_many: Vec<String> = (0..257).map(|n| format!("campaign:{n}")).collect();
    let too_many = too_many.join("+");
    let refused: [(&str, &str); 40] = [
        ("unknown", "orders"),
        ("superset", "vouchers+orders"),
        ("superset of a wildcard", "campaign:*+orders"),
        ("other case", "Vouchers"),
        ("other case of a wildcard's prefix", "CAMPAIGN:x"),
        ("everything", "*"),
        ("everything, in parts", "*:*"),
        ("a wildcard that the key lacks", "reports:*"),
        ("a wildcard over a plain value", "vouchers:*"),
        ("wider than the wildcard", "campaign"),
        ("a value that begins alike", "vouchersX"),
        ("a prefix that begins alike", "campaigns:x"),
        ("a value below a plain one", "vouchers:read"),
        ("a prefix of a value", "vouch"),
        ("an empty last part", "vouchers:"),
        ("an empty part of a wildcard", "campaign:"),
        ("an empty middle part", "campaign::x"),
        ("an empty first part", ":vouchers"),
        ("only a colon", ":"),
        ("tab", "vouchers%09reports:read"),
        ("carriage return", "vouchers%0D"),
        ("line feed", "vouchers%0Aorders"),
        ("no-break space", "vouchers%C2%A0orders"),
        ("em space", "vouchers%E2%80%83orders"),
        ("zero-width space", "vouchers%E2%80%8B"),
        ("full-width letters", "%EF%BD%96ouchers"),
        ("NUL alone", "%00"),
        ("NUL at the end", "vouchers%00"),
        ("DEL", "vouchers%7F"),
        ("a space alone", "+"),
        ("spaces alone", "%20%20%20"),
        ("two spaces", "vouchers++reports:read"),
        ("comma instead of space", "vouchers,reports:read"),
        ("quoted", "%22vouchers%22"),
        ("backslash", "vouchers%5C"),
        ("escaped twice", "vouchers%2520orders"),
        ("10,000 values", &ten_thousand[..60_000]),
        ("257 values", &too_many),
        ("administrative", "portcullis:keys:write"),
        ("all that is administrative", "portcullis:*"),
    ];
    for (name, scope) in refused {
        let answer = key.ask(&format!("scope={scope}")).send().await;
        assert_eq!(answer.refusal(), (400, "invalid_scope".into()), "{name}: {}", answer.text());
    }
    let long = key.ask(&format!("scope=campaign:{}", "x".repeat(256))).send().await;
    assert_eq!(long.refusal(), (400, "invalid_scope".into()), "a value of 265 bytes");
    let too_long = key.ask(&format!("scope={ten_thousand}")).send().await;
    assert_eq!(too_long.refusal(), (400, "invalid_request".into()), "a body beyond 64 KiB");
}

#[tokio::test]
async fn what_is_covered_is_granted_as_asked_and_expanded_in_the_token() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "vouchers reports:read").await;
    shop.scope("campaign:admin", "audit:read").await;
    let key = shop.key("api campaign:* portcullis:introspect").create().await;
    let granted = [
        ("", "api campaign:*", "api audit:read campaign:* reports:read vouchers"),
        ("api", "api", "api reports:read vouchers"),
        ("vouchers", "vouchers", "vouchers"),
        ("vouchers+vouchers", "vouchers", "vouchers"),
        ("%76ouchers", "vouchers", "vouchers"),
        ("reports:read+vouchers", "reports:read vouchers", "reports:read vouchers"),
        ("campaign:*", "campaign:*", "audit:read campaign:*"),
        ("campaign:x", "campaign:x", "campaign:x"),
        ("campaign:x:*", "campaign:x:*", "campaign:x:*"),
        ("campaign:admin", "campaign:admin", "audit:read campaign:admin"),
        ("audit:read", "audit:read", "audit:read"),
        ("portcullis:introspect", "portcullis:introspect", "portcullis:introspect"),
        (
            "portcullis:introspect+api",
            "api portcullis:introspect",
            "api portcullis:introspect reports:read vouchers",
        ),
    ];
    for (asked, answered, in_token) in granted {
        let answer = key.ask(&format!("scope={asked}")).send().await;
        let token = answer.token();
        assert_eq!(answer.json()["scope"], answered, "{asked}");
        assert_eq!(part(&token, 1)["scope"], in_token, "{asked}");
    }
}

#[tokio::test]
async fn an_empty_scope_is_an_omitted_one_and_never_a_way_round_require_scope() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let free = shop.key("orders:read").create().await;
    let strict = shop.key("orders:read").with(|details| details.require_scope = true).create().await;
    for omitted in ["", "scope", "scope="] {
        assert_eq!(free.ask(omitted).send().await.json()["scope"], "orders:read", "{omitted:?}");
        assert_eq!(strict.ask(omitted).send().await.refusal(), (400, "invalid_scope".into()), "{omitted:?}");
    }
    for unreadable in ["scope=+", "scope=%00", "scope=%09", "scope=%C2%A0"] {
        assert_eq!(
            free.ask(unreadable).send().await.refusal(),
            (400, "invalid_scope".into()),
            "{unreadable}"
        );
        assert_eq!(
            strict.ask(unreadable).send().await.refusal(),
            (400, "invalid_scope".into()),
            "{unreadable}"
        );
    }
    assert_eq!(strict.ask("scope=orders:read").send().await.status, 200);
}

#[tokio::test]
async fn a_key_without_anything_to_give_unnamed_gives_nothing() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    for permissions in ["", "portcullis:introspect", "portcullis:introspect portcullis:revocations"] {
        let key = shop.key(permissions).create().await;
        assert_eq!(key.ask("").send().await.refusal(), (400, "invalid_scope".into()), "{permissions:?}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_values_beyond_the_key_and_no_others() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;

    let few = key.ask("scope=orders:read+b+a").send().await.json();
    let many = key.ask("scope=g+f+e+d+c+b+a").send().await.json();

    assert_eq!(few["error_description"], "the API key does not cover a, b");
    assert_eq!(many["error_description"], "the API key does not cover a, b, c, d, e and more");
}

#[tokio::test]
async fn an_administrators_token_holds_all_that_the_key_holds_by_name() {
    let app = App::start().await;
    let admin = app.admin();

    let granted = admin.ask("").send().await;

    let claims = part(&granted.token(), 1);
    assert_eq!(claims["prj"], admin.project.as_str());
    assert_eq!(claims["aud"], "https://tokens.example.com/admin");
    assert!(claims["scope"].as_str().unwrap().contains("portcullis:keys:write"));
    for beyond in ["portcullis:*", "*", "portcullis", "portcullis:introspect", "orders:read"] {
        let answer = admin.ask(&format!("scope={beyond}")).send().await;
        assert_eq!(answer.refusal(), (400, "invalid_scope".into()), "{beyond}");
    }
}
