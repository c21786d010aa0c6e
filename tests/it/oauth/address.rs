//! From where a key may be used: threats S19 and S22, at each endpoint.

use crate::support::{Answer, App, Build, Key, Send};

const FORM: &str = "grant_type=client_credentials&token=x";
const ENDPOINTS: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];

async fn everywhere(key: &Key<'_>, place: impl Fn(Send) -> Send) -> Vec<Answer> {
    let mut answers = Vec::new();
    for path in ENDPOINTS {
        answers.push(place(key.post(path, FORM)).send().await);
    }
    answers
}

#[tokio::test]
async fn a_key_is_used_from_its_allowlist_and_without_address_else() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let plain = shop.key("orders:read").allow("10.0.0.0/8, 192.0.2.7, 2001:db8::/32").create().await;
    let mapped =
        shop.key("orders:read").allow("::ffff:10.0.0.0/104 ::ffff:c000:207 2001:db8::/32").create().await;
    let rows = [
        ("10.0.0.0", true),
        ("10.255.255.255", true),
        ("11.0.0.0", false),
        ("9.255.255.255", false),
        ("192.0.2.7", true),
        ("192.0.2.8", false),
        ("::ffff:10.1.2.3", true),
        ("::ffff:a01:203", true),
        ("::ffff:11.0.0.0", false),
        ("::ffff:192.0.2.7", true),
        ("::ffff:192.0.2.6", false),
        ("::10.1.2.3", false),
        ("64:ff9b::10.1.2.3", false),
        ("2001:db8:ffff::1", true),
        ("2001:db9::", false),
        ("::1", false),
    ];
    for (address, admitted) in rows {
        for key in [&plain, &mapped] {
            for answer in everywhere(key, |request| request.from(address)).await {
                let expected =
                    if admitted { (200, String::new()) } else { (400, "unauthorized_client".to_owned()) };
                assert_eq!(answer.refusal(), expected, "{address}");
            }
        }
    }
}

#[tokio::test]
async fn without_an_address_only_a_key_for_everywhere_is_used() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let free = shop.key("orders:read").create().await;
    let restricted = shop.key("orders:read").allow("0.0.0.0/0 ::/0").create().await;
    for answer in everywhere(&free, Send::without_address).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    for answer in everywhere(&restricted, Send::without_address).await {
        assert_eq!(answer.refusal(), (400, "unauthorized_client".into()));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_refused_address_does_not_use_up_the_patience_for_failures() {
    // S22: a refused address consumes no quota. Ten failures of a key in a minute are too many.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").allow("10.0.0.0/8").create().await;
    for _ in 0..50 {
        assert_eq!(key.ask("").send().await.refusal(), (400, "unauthorized_client".into()));
    }
    let wrong = app.post("/oauth/token", FORM).basic(key.id.as_str(), "wrong").send().await;
    assert_eq!(wrong.refusal(), (401, "invalid_client".into()));
}

#[tokio::test]
async fn a_header_moves_nobody_into_an_allowlist_unless_a_proxy_of_ours_set_it() {
    let headers =
        ["x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip", "cf-connecting-ip", "true-client-ip"];
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").allow("10.0.0.0/8").create().await;
    for header in headers {
        let value = if header == "forwarded" { "for=10.1.2.3" } else { "10.1.2.3" };
        for answer in everywhere(&key, |request| request.header(header, value)).await {
            assert_eq!(answer.refusal(), (400, "unauthorized_client".into()), "{header}");
        }
    }

    let build = Build::default().set("PORTCULLIS_CLIENT_ADDRESS_TRUSTED_PROXIES", "192.0.2.1");
    let behind = app.second_node(build).await;
    let ask = async |peer: &str, hops: &str| {
        let request = behind.post("/oauth/token", FORM).basic(key.id.as_str(), &key.secret);
        request.from(peer).header("x-forwarded-for", hops).send().await.status
    };
    assert_eq!(ask("192.0.2.1", "10.1.2.3").await, 200);
    assert_eq!(ask("::ffff:192.0.2.1", "::ffff:10.1.2.3").await, 200);
    assert_eq!(ask("192.0.2.2", "10.1.2.3").await, 400, "not a proxy of ours");
    assert_eq!(
        ask("192.0.2.1", "10.1.2.3, 198.51.100.1").await,
        400,
        "the leftmost is the client's to write"
    );
    assert_eq!(ask("192.0.2.1", "10.1.2.3, unknown").await, 400, "a hop that counts and cannot be read");
}

#[tokio::test]
async fn a_tightened_allowlist_kills_the_tokens_and_a_loosened_one_gives_them_nothing() {
    // S21, on one node.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").allow("10.0.0.0/8").create().await;
    let mint = async |place: &str| key.ask("").from(place).send().await.token();
    let verify = async |token: &str, place: &str| {
        app.get("/v1/auth/verify").bearer(token).from(place).send().await.status
    };
    let narrow = mint("10.1.2.3").await;

    assert!(!key.edit(|details| details.allowlist = "10.0.0.0/8 192.0.2.0/24".parse().unwrap()).await);
    app.follow().await;

    assert_eq!((verify(&narrow, "10.1.2.3").await, verify(&narrow, "192.0.2.1").await), (200, 403));
    let wide = mint("192.0.2.1").await;
    assert_eq!(verify(&wide, "192.0.2.1").await, 200);

    assert!(key.edit(|details| details.allowlist = "10.0.0.0/9 192.0.2.0/24".parse().unwrap()).await);
    app.follow().await;

    assert_eq!((verify(&narrow, "10.1.2.3").await, verify(&wide, "192.0.2.1").await), (401, 401));
    assert_eq!(key.ask("").from("10.200.0.1").send().await.refusal(), (400, "unauthorized_client".into()));
}
