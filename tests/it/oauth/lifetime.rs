//! How long a token lives: threat S48, promise P4.

use std::time::Duration;

use portcullis::domain::Lifetime;
use serde_json::Value;

use crate::support::{Answer, App, part};

/// The three places that tell the end of a token; they must tell the same.
fn lifetime(app: &App, answer: &Answer) -> i64 {
    let claims = part(&answer.token(), 1);
    let body = answer.json();
    let number = |value: &Value| value.as_i64().unwrap();
    let secs = number(&body["expires_in"]);
    assert_eq!(number(&claims["iat"]), app.now(), "minted in this second");
    assert_eq!(number(&claims["exp"]) - number(&claims["iat"]), secs);
    assert_eq!(body["expires_at"], claims["exp"]);
    secs
}

#[tokio::test]
async fn a_token_lives_as_long_as_key_and_request_allow_and_never_beyond_fifteen_minutes() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let free = shop.key("orders:read").create().await;
    let short = shop.key("orders:read").with(|d| d.token_lifetime = Lifetime::from_secs(300)).create().await;
    let rows = [
        (&free, "", 900),
        (&free, "expires_in=", 900),
        (&free, "expires_in=1", 1),
        (&free, "expires_in=0060", 60),
        (&free, "expires_in=900", 900),
        (&free, "expires_in=901", 900),
        (&free, "expires_in=4294967296", 900),
        (&free, "expires_in=99999999999999999999999999999999999999", 900),
        (&short, "", 300),
        (&short, "expires_in=299", 299),
        (&short, "expires_in=900", 300),
    ];
    for (key, asked, secs) in rows {
        assert_eq!(lifetime(&app, &key.ask(asked).send().await), secs, "{asked}");
    }
}

#[tokio::test]
async fn a_lifetime_that_is_no_positive_whole_number_is_refused() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let wrong = [
        "0",
        "000",
        "-1",
        "-0",
        "+60",
        "%2B60",
        "1.0",
        "60.5",
        "1e2",
        "0x10",
        "soon",
        "60s",
        "6%200",
        "%2060",
        "60%00",
        "%D9%A6%D9%A0",
        "NaN",
        "null",
        "[60]",
    ];
    for raw in wrong {
        let answer = key.ask(&format!("expires_in={raw}")).send().await;
        assert_eq!(answer.refusal(), (400, "invalid_request".into()), "{raw}");
    }
}

#[tokio::test]
async fn a_token_ends_with_its_key() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let end = app.server.clock.now().after(Duration::from_mins(1));
    let key = shop.key("orders:read").with(|details| details.expires_at = Some(end)).create().await;
    assert_eq!(lifetime(&app, &key.ask("").send().await), 60);
    assert_eq!(lifetime(&app, &key.ask("expires_in=10").send().await), 10);
    app.pass(Duration::from_secs(59)).await;
    assert_eq!(lifetime(&app, &key.ask("").send().await), 1);
    app.pass(Duration::from_millis(999)).await;
    // A millisecond is left of the key: too little for a token, and for nobody to be told more.
    assert_eq!(key.ask("").send().await.refusal(), (401, "invalid_client".into()));
    app.pass(Duration::from_millis(1)).await;
    assert_eq!(key.ask("").send().await.refusal(), (401, "invalid_client".into()));
}

#[tokio::test]
async fn a_token_is_good_to_the_last_millisecond_before_exp_and_not_in_the_first_of_it() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let verify = async || app.get("/v1/auth/verify").bearer(&token).send().await.status;
    // The clock stands a quarter of a second into the second that `iat` names.
    app.pass(Duration::from_millis(899_749)).await;
    assert_eq!((key.introspect(&token).await.is_active(), verify().await), (true, 200));
    app.pass(Duration::from_millis(1)).await;
    assert_eq!((key.introspect(&token).await.is_active(), verify().await), (false, 401));
    assert_eq!(part(&token, 1)["exp"], app.now());
}

#[tokio::test]
async fn a_clock_that_is_set_back_revives_no_revoked_token_and_confuses_no_new_one() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    app.pass(Duration::from_hours(2)).await;
    let token = key.token("").await;
    key.post("/oauth/revoke", &format!("token={token}")).send().await;
    assert!(!key.introspect(&token).await.is_active());

    app.clock.step_wall_back(Duration::from_mins(50));
    app.follow().await;

    assert!(!key.introspect(&token).await.is_active());
    assert_eq!(lifetime(&app, &key.ask("").send().await), 900, "by the clock as it is now");
}

#[tokio::test]
async fn a_clock_before_the_first_signing_key_is_no_failure_of_the_server() {
    // It was a 500: an installation just made, and a clock that is then set right.
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    app.clock.step_wall_back(Duration::from_secs(10));
    app.follow().await;
    assert_eq!(key.ask("").send().await.refusal(), (503, "temporarily_unavailable".into()));
    app.pass(Duration::from_secs(10)).await;
    assert_eq!(key.ask("").send().await.status, 200);
}

#[tokio::test]
async fn a_machine_that_slept_admits_nobody_until_it_has_looked_again() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let verify = async || app.get("/v1/auth/verify").bearer(&token).send().await.status;
    app.clock.step_wall_forward(Duration::from_mins(5));
    assert_eq!((verify().await, key.ask("").send().await.status), (503, 503));
    app.follow().await;
    assert_eq!((verify().await, key.ask("").send().await.status), (200, 200));
    app.clock.step_wall_forward(Duration::from_mins(10));
    assert_eq!(verify().await, 401, "expired is expired, whatever the list is worth");
}
