//! `portcullis_guard::TokenSource` against the real server: narrow tokens, remembered, renewed, given up.

use std::time::Duration;

use portcullis::keys::acts::KeyAct;
use portcullis_guard::client::Builder;
use portcullis_guard::{NoToken, SourceError, Token, TokenSource, Wanted};

use super::resource::Api;
use super::{House, fresh, judge, refusal, resource, soon};
use crate::support::{Key, is_secret, part, plain_client};

#[path = "../../../guard/examples/caller.rs"]
#[expect(dead_code, reason = "it is a program, too")]
mod caller;

impl House {
    fn tokens(&self, key: &Key<'_>) -> Builder {
        TokenSource::builder(&self.app.server.issuer)
            .key(key.id.as_str(), &key.secret)
            .http_client(plain_client())
            .clock(self.app.clock.clone())
    }

    fn exchanges(&self) -> usize {
        self.between.asked("/oauth/token")
    }
}

fn wanted(scope: &str) -> Wanted {
    Wanted::scope(scope).unwrap()
}

fn is_same(one: &Token, other: &Token) -> bool {
    one.expose() == other.expose()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_becomes_a_token_for_each_thing_that_is_wanted_and_one_only() {
    let house = House::start().await;
    let shop = house.app.tenant("shop").await;
    shop.audience("https://api.example.com/?a=b&c=d").await;
    let key = shop.key("orders:read orders:write").audiences(&["https://api.example.com/?a=b&c=d"]);
    let key = key.create().await;
    let source = house.tokens(&key).build().unwrap();
    let api = "https://api.example.com/?a=b&c=d".parse().unwrap();
    let every = [
        wanted("orders:read"),
        wanted("orders:write orders:read"),
        wanted("orders:read").living(Duration::from_mins(5)),
        wanted("orders:read").at(api),
        Wanted::everything(),
    ];
    let mut tokens = Vec::new();
    for wanted in &every {
        let token = source.token(wanted).await.unwrap();
        is_secret("a token of a source", token.expose());
        assert_eq!(format!("{token:?}"), "Token(..)");
        tokens.push(token);
    }
    let claims: Vec<_> = tokens.iter().map(|token| part(token.expose(), 1)).collect();
    let scopes: Vec<_> = claims.iter().map(|claims| claims["scope"].as_str().unwrap()).collect();
    let both = "orders:read orders:write";
    assert_eq!(scopes, ["orders:read", both, "orders:read", "orders:read", both]);
    assert_eq!(tokens.iter().map(|token| token.scope().to_string()).collect::<Vec<_>>(), scopes);
    assert_eq!(claims[2]["exp"].as_i64().unwrap() - claims[2]["iat"].as_i64().unwrap(), 300);
    assert_eq!(claims[3]["aud"], "https://api.example.com/?a=b&c=d");
    assert_eq!(house.exchanges(), 5);
    for (wanted, token) in every.iter().zip(&tokens) {
        assert!(is_same(&source.token(wanted).await.unwrap(), token), "{wanted:?}");
    }
    assert_eq!(house.exchanges(), 5, "remembered");
    assert_eq!(house.between.asked("/.well-known/oauth-authorization-server"), 1);

    let url = format!("{}/oauth/token", house.app.server.issuer);
    let direct = TokenSource::at_endpoint(&url).key(key.id.as_str(), &key.secret).http_client(plain_client());
    direct.build().unwrap().token(&Wanted::everything()).await.unwrap();
    assert_eq!(house.between.asked("/.well-known/oauth-authorization-server"), 1);
}

/// RFC 6749 §2.3.1: both halves of Basic are form-encoded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_of_an_imported_key_may_have_any_letters() {
    let house = House::start().await;
    let shop = house.app.tenant("shop").await;
    let key = shop.import("till:7%3A", "a:b%25c+d é&f=\"g\" %zz", "orders:read").await;
    house.tokens(&key).build().unwrap().token(&wanted("orders:read")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_renewed_before_its_end_while_the_old_one_serves() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let source = house.tokens(&key).build().unwrap();
    let first = source.token(&wanted("orders:read")).await.unwrap();
    app.pass(Duration::from_secs(839)).await;
    assert!(is_same(&source.token(&wanted("orders:read")).await.unwrap(), &first));
    assert_eq!(house.exchanges(), 1);

    app.pass(Duration::from_secs(1)).await;
    assert!(is_same(&source.token(&wanted("orders:read")).await.unwrap(), &first), "nobody waits");
    let mut second = first.clone();
    while is_same(&second, &first) {
        second = source.token(&wanted("orders:read")).await.unwrap();
    }
    assert_eq!(house.exchanges(), 2);

    // Nobody asked for a while: what is over is not given out.
    app.pass(Duration::from_secs(885)).await;
    let third = source.token(&wanted("orders:read")).await.unwrap();
    assert!(!is_same(&third, &second));
    // The machine was suspended.
    app.clock.step_wall_forward(Duration::from_secs(885));
    app.follow().await;
    assert!(!is_same(&source.token(&wanted("orders:read")).await.unwrap(), &third));
    assert_eq!(house.exchanges(), 4);
}

/// Threats S10 and S23 at the caller: the key lives on, its tokens do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_revoked_is_replaced_once_however_many_say_so() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let (watcher, key) = (shop.key("portcullis:revocations").create().await, shop.key("orders:read"));
    let key = key.create().await;
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    let source = house.tokens(&key).build().unwrap();
    let first = source.token(&wanted("orders:read")).await.unwrap();
    source.forget(&first);
    assert!(is_same(&source.token(&wanted("orders:read")).await.unwrap(), &first), "just made");

    app.pass(Duration::from_secs(1)).await;
    key.act(KeyAct::RevokeTokens).await;
    app.follow().await;
    soon("the guard follows", || refusal(&guard, first.expose()).is_some()).await;
    source.forget(&first);
    source.forget(&first.clone());
    let second = source.token(&wanted("orders:read")).await.unwrap();
    assert!(judge(&guard, second.expose(), "orders:read").is_ok());
    app.pass(Duration::from_secs(1)).await;
    source.forget(&first);
    assert!(is_same(&source.token(&wanted("orders:read")).await.unwrap(), &second), "that was the old one");
    assert_eq!(house.exchanges(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_has_its_code_and_is_not_asked_for_again_at_once() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let source = house.tokens(&key).build().unwrap();
    for _ in 0..5 {
        let refused = source.token(&wanted("orders:write")).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_scope");
        assert!(refused.to_string().contains("orders:write"), "{refused}");
    }
    assert_eq!(house.exchanges(), 1);
    let refused = source.token(&wanted("orders:read").at("https://b.example".parse().unwrap())).await;
    assert_eq!(refused.unwrap_err().code(), "invalid_target");
    let token = source.token(&wanted("orders:read")).await.unwrap();
    assert_eq!(house.exchanges(), 3, "other things are");

    app.pass(Duration::from_secs(10)).await;
    key.edit(|details| details.permissions = "orders:read orders:write".parse().unwrap()).await;
    app.follow().await;
    source.token(&wanted("orders:write")).await.unwrap();

    key.act(KeyAct::Block).await;
    app.follow().await;
    source.forget(&token);
    for scope in ["orders:read", "orders:read orders:write"] {
        let refused = source.token(&wanted(scope)).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_client");
        assert!(refused.to_string().contains("blocked"), "{refused}");
    }
    assert_eq!(house.exchanges(), 5, "the key is refused, whatever it wants");
    key.act(KeyAct::Unblock).await;
    app.pass(Duration::from_secs(10)).await;
    source.token(&wanted("orders:read")).await.unwrap();
}

/// There is no place for more tokens: the server says when there will be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_quota_is_waited_for_as_long_as_the_server_says() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let one = std::num::NonZeroU32::new(1);
    let key = shop.key("orders:read").with(|details| details.live_tokens = one).create().await;
    let source = house.tokens(&key).patience(Duration::from_millis(900)).build().unwrap();
    let short = wanted("orders:read").living(Duration::from_mins(2));
    source.token(&short).await.unwrap();
    let error = source.token(&wanted("orders:read")).await.unwrap_err();
    let NoToken::Unavailable { wait, why } = &error else { panic!("{error}") };
    assert!((60..=225).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(
        (error.code(), why.to_string().as_str()),
        ("temporarily_unavailable", "the token server answered with status 429",)
    );
    app.pass(wait.saturating_sub(Duration::from_secs(1))).await;
    assert!(source.token(&wanted("orders:read")).await.is_err());
    assert_eq!(house.exchanges(), 2);
    app.pass(Duration::from_secs(1)).await;
    source.token(&wanted("orders:read")).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_sent_nowhere_where_others_could_read_it_and_never_shown() {
    for place in ["http://auth.example.com", "http://10.0.0.1/", "ftp://a", "https://a@b.example", "", "/x"] {
        for builder in [TokenSource::builder(place), TokenSource::at_endpoint(place)] {
            let refused = builder.key("id", "secret").build();
            assert!(matches!(refused, Err(SourceError::Issuer(_))), "{place}");
        }
    }
    let local = "http://127.0.0.1:9";
    assert!(matches!(TokenSource::builder(local).build(), Err(SourceError::NoKey)));
    let builder = TokenSource::builder(local).key("id", "a secret nobody sees");
    let shown = format!("{builder:?}");
    let shown = format!("{shown} {:?}", builder.build().unwrap());
    assert!(shown.contains("127.0.0.1:9") && !shown.contains("nobody"), "{shown}");
}

/// The two examples, one calling the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_caller_goes_on_after_its_token_was_revoked() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let (watcher, key) = (shop.key("portcullis:revocations").create().await, shop.key("orders:read"));
    let key = key.create().await;
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    let api = Api::of(resource::api(&guard)).await;
    let (source, http) = (house.tokens(&key).build().unwrap(), plain_client());
    let first = source.token(&wanted("orders:read")).await.unwrap();
    assert!(caller::orders(&source, &http, &api.0).await.unwrap().contains("orders:read"));
    app.pass(Duration::from_secs(2)).await;
    key.act(KeyAct::RevokeTokens).await;
    app.follow().await;
    soon("the guard follows", || refusal(&guard, first.expose()).is_some()).await;
    assert!(caller::orders(&source, &http, &api.0).await.unwrap().contains("orders:read"));
    assert_eq!(house.exchanges(), 2);
    key.act(KeyAct::Block).await;
    app.pass(Duration::from_secs(2)).await;
    let second = source.token(&wanted("orders:read")).await.unwrap();
    soon("the guard follows", || refusal(&guard, second.expose()).is_some()).await;
    let refused = caller::orders(&source, &http, &api.0).await.unwrap_err();
    assert!(refused.to_string().contains("invalid_client"), "{refused}");
}
