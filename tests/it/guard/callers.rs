//! `portcullis_guard::TokenSource` with an endpoint that is away, busy, slow, or lies.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use portcullis_guard::client::Builder;
use portcullis_guard::{NoToken, SystemClock, Token, TokenSource, Wanted};
use tokio::time::timeout;

use super::endpoint::{Endpoint, granted, said};
use super::soon;
use crate::support::{DEADLINE, TestClock};

/// A source whose patience is shorter than any rest.
fn source(endpoint: &Endpoint, clock: &Arc<TestClock>) -> Builder {
    let source = TokenSource::at_endpoint(&format!("{}/oauth/token", endpoint.url)).key("id", "secret");
    source.clock(clock.clone()).patience(HASTY)
}

const HASTY: Duration = Duration::from_millis(900);

fn orders() -> Wanted {
    Wanted::scope("orders:read").unwrap()
}

/// What it says in the end, however slow this machine is.
async fn told(source: &TokenSource, wanted: &Wanted) -> Result<String, NoToken> {
    let patient = async {
        loop {
            match source.token(wanted).await {
                Err(NoToken::Late) => {}
                told => return told.map(|token: Token| token.expose().to_owned()),
            }
        }
    };
    timeout(DEADLINE, patient).await.expect("it waits for ever")
}

/// How long the source rests, and what it says of why.
fn rest(error: NoToken) -> (Duration, String) {
    match error {
        NoToken::Unavailable { wait, why } => (wait, why.to_string()),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_at_once_are_one_exchange_though_the_first_goes_away() {
    let (endpoint, clock) = (Endpoint::start().await, TestClock::shared());
    let source = source(&endpoint, &clock).build().unwrap();
    endpoint.opens(false);
    let first = tokio::spawn({
        let source = source.clone();
        async move { source.token(&orders()).await.is_ok() }
    });
    soon("the first one asks", || endpoint.asked() == 1).await;
    let callers = tokio::spawn({
        let source = source.clone();
        async move { join_all((0..1000).map(async |_| told(&source, &orders()).await.unwrap())).await }
    });
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    endpoint.opens(true);
    let tokens = timeout(DEADLINE, callers).await.expect("they are stranded").unwrap();
    assert_eq!(tokens.len(), 1000);
    assert!(tokens.iter().all(|token| token == "token-1"));
    assert_eq!(endpoint.asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_whose_callers_have_all_gone_away_serves_the_next_one() {
    let (endpoint, clock) = (Endpoint::start().await, TestClock::shared());
    let source = source(&endpoint, &clock).patience(Duration::from_millis(50)).build().unwrap();
    endpoint.opens(false);
    let late = source.token(&orders()).await.unwrap_err();
    assert!(matches!(late, NoToken::Late) && late.code() == "temporarily_unavailable");
    soon("it is asked for", || endpoint.asked() == 1).await;
    endpoint.opens(true);
    assert_eq!((told(&source, &orders()).await.unwrap().as_str(), endpoint.asked()), ("token-1", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_busy_is_left_alone_as_long_as_it_says_and_what_is_remembered_serves() {
    let (endpoint, clock) = (Endpoint::start().await, TestClock::shared());
    let source = source(&endpoint, &clock).build().unwrap();
    assert_eq!(told(&source, &orders()).await.unwrap(), "token-1");
    let other = Wanted::scope("orders:write").unwrap();
    let date = |after: i64| {
        let stamp = |secs: i64| format!("Sun, 22 Nov 2026 06:{:02}:{:02} GMT", secs / 60, secs % 60);
        (stamp(after), stamp(0))
    };
    for (status, form, least) in [
        (503, Some("30".to_owned()), 30),
        (429, Some("20".to_owned()), 20),
        (503, Some(date(40).0), 40),
        (503, Some("86400".to_owned()), 300),
        (503, None, 10),
    ] {
        let asked = endpoint.asked();
        let headers: Vec<_> = match form.clone() {
            Some(form) => vec![("retry-after", form), ("date", date(0).1)],
            None => Vec::new(),
        };
        endpoint.answers(move |_, _| said(status, &headers, r#"{"error":"temporarily_unavailable"}"#));
        if form.is_none() {
            // Unless told, it rests for 1, 2, 4, 8, 16 seconds.
            for secs in [1, 2, 4, 8] {
                let (wait, _) = rest(unavailable(&source, &other).await);
                assert!(wait >= Duration::from_secs(secs), "{wait:?} after {secs}");
                clock.advance(wait);
            }
        }
        let (wait, why) = rest(unavailable(&source, &other).await);
        assert_eq!(why, format!("the token server answered with status {status}"));
        let least = Duration::from_secs(least);
        assert!(least <= wait && wait <= least * 2, "{form:?}: {wait:?}");
        let asked_now = endpoint.asked();
        assert!(asked_now > asked);
        clock.advance(wait.saturating_sub(Duration::from_secs(1)));
        for wanted in [&other, &Wanted::everything()] {
            assert!(told(&source, wanted).await.is_err());
        }
        assert_eq!(endpoint.asked(), asked_now, "left alone, whatever is wanted");
        endpoint.answers(granted);
        clock.advance(Duration::from_secs(1));
        told(&source, &Wanted::everything().living(least)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_not_noticed_while_the_remembered_token_serves() {
    let (endpoint, clock) = (Endpoint::start().await, TestClock::shared());
    let source = source(&endpoint, &clock).build().unwrap();
    assert_eq!(told(&source, &orders()).await.unwrap(), "token-1");
    clock.advance(Duration::from_mins(14));
    endpoint.answers(|_, _| said(502, &[], "<html>"));
    for _ in 0..44 {
        assert_eq!(told(&source, &orders()).await.unwrap(), "token-1");
        clock.advance(Duration::from_secs(1));
    }
    soon("it was asked for", || endpoint.asked() > 1).await;
    assert!(endpoint.asked() < 10, "and not hammered");
    clock.advance(Duration::from_secs(1));
    // The rest may have begun a moment before: whoever waits for its end needs a clock that goes on.
    let late = async || loop {
        match source.token(&orders()).await {
            Err(NoToken::Late) => clock.advance(HASTY),
            told => return told,
        }
    };
    let refused = timeout(DEADLINE, late()).await.expect("it waits for ever");
    assert!(matches!(refused, Err(NoToken::Unavailable { .. })), "too little of it is left");
    endpoint.answers(granted);
    clock.advance(Duration::from_mins(1));
    assert!(told(&source, &orders()).await.unwrap().starts_with("token-"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_rest_is_waited_for() {
    let endpoint = Endpoint::start().await;
    let source = source(&endpoint, &TestClock::shared())
        .clock(SystemClock::shared())
        .patience(DEADLINE)
        .build()
        .unwrap();
    endpoint.answers(|times, form| match times {
        1 => said(503, &[("retry-after", "1".to_owned())], "{}"),
        _ => granted(times, form),
    });
    let wanted = orders();
    let tokens = timeout(DEADLINE, join_all((0..50).map(|_| source.token(&wanted)))).await.unwrap();
    assert!(tokens.into_iter().all(|token| token.unwrap().expose() == "token-2"));
    assert_eq!(endpoint.asked(), 2);
}

/// Status, headers and body of an answer, and what is said of it.
type Case = (u16, Vec<(&'static str, String)>, String, &'static str);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_that_is_none_of_a_token_endpoint_is_believed() {
    let token = r#"{"access_token":"a","token_type":"Bearer","expires_in":900,"scope":""#;
    let padding = " ".repeat(20_000);
    let elsewhere = vec![("location", "https://b.example/".to_owned())];
    let cases: Vec<Case> = vec![
        (200, vec![], String::new(), "not that of a token endpoint"),
        (200, vec![], "<html>".to_owned(), "not that of a token endpoint"),
        (200, vec![], format!("{token}orders:*\"}}"), "scope is not what was asked for"),
        (200, vec![], format!("{token}orders:read orders:write\"}}"), "scope is not what was asked for"),
        (200, vec![], format!("{token}orders:read\"}}").replace("900", "901"), "lifetime is not"),
        (200, vec![], format!("{token}orders:read\"}}").replace("Bearer", "mac"), "another type than Bearer"),
        (200, vec![], format!("{token}orders:read\"{padding}}}"), "answer is too long"),
        (307, elsewhere.clone(), String::new(), "leads elsewhere"),
        (302, elsewhere, String::new(), "leads elsewhere"),
        (404, vec![], "{}".to_owned(), "not that of a token endpoint"),
        (403, vec![], "<html>".to_owned(), "not that of a token endpoint"),
        (500, vec![], r#"{"error":"server_error"}"#.to_owned(), "status 500"),
    ];
    for (status, headers, body, why) in cases {
        let (endpoint, clock) = (Endpoint::start().await, TestClock::shared());
        let source = source(&endpoint, &clock).build().unwrap();
        endpoint.answers(move |_, _| said(status, &headers, &body));
        let (_, said) = rest(unavailable(&source, &orders()).await);
        assert!(said.contains(why), "{status}: {said}");
        assert!(!said.contains("secret"));
        assert_eq!(endpoint.asked(), 1);
    }
}

/// An answer that never ends, a redirection that the client follows, metadata of somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_a_server_that_never_ends_and_nobody_believes_one_that_was_not_asked() {
    let (endpoint, clock) = (Endpoint::start().await, TestClock::shared());
    let hasty = |builder: Builder| builder.patience(Duration::from_millis(100)).build().unwrap();
    let slow = hasty(source(&endpoint, &clock));
    endpoint.answers(|_, _| {
        let piece = futures_util::stream::iter([Ok::<_, std::io::Error>("{")]);
        Response::new(Body::from_stream(piece.chain(futures_util::stream::pending())))
    });
    assert!(matches!(slow.token(&orders()).await, Err(NoToken::Late)));

    let (other, clock) = (Endpoint::start().await, TestClock::shared());
    let there = format!("{}/oauth/token", other.url);
    endpoint.answers(move |_, _| said(307, &[("location", there.clone())], ""));
    let follows = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let followed = source(&endpoint, &clock).http_client(follows);
    let followed = followed.build().unwrap();
    assert!(rest(unavailable(&followed, &orders()).await).1.contains("comes from elsewhere"));

    let issuer = endpoint.url.clone();
    endpoint.answers(move |_, _| {
        said(200, &[], &format!(r#"{{"issuer":"{issuer}","token_endpoint":"https://b.example/x"}}"#))
    });
    let builder = TokenSource::builder(&endpoint.url).key("id", "secret");
    let lured = builder.clock(clock).patience(HASTY).build().unwrap();
    assert!(rest(unavailable(&lured, &orders()).await).1.contains("another host"));
}

/// Why it gives no token.
async fn unavailable(source: &TokenSource, wanted: &Wanted) -> NoToken {
    told(source, wanted).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_asked_now_and_then() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let clock = TestClock::shared();
    let builder = TokenSource::builder(&url).key("id", "secret").clock(clock.clone());
    let source = builder.patience(HASTY).build().unwrap();
    for secs in [1, 2, 4] {
        let (wait, why) = rest(unavailable(&source, &orders()).await);
        assert!(wait >= Duration::from_secs(secs) && why.contains("cannot be reached"), "{wait:?} {why}");
        clock.advance(wait);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_before_a_token_was_forgotten_is_not_used_after() {
    let (endpoint, clock) = (Endpoint::start().await, TestClock::shared());
    let source = source(&endpoint, &clock).build().unwrap();
    let first = source.token(&orders()).await.unwrap();
    clock.advance(Duration::from_secs(850));
    endpoint.opens(false);
    assert_eq!(told(&source, &orders()).await.unwrap(), "token-1");
    soon("another one is asked for", || endpoint.asked() == 2).await;
    source.forget(&first);
    let next = tokio::spawn({
        let source = source.clone();
        async move { told(&source, &orders()).await.unwrap() }
    });
    soon("yet another one is asked for", || endpoint.asked() == 3).await;
    endpoint.opens(true);
    assert_eq!(next.await.unwrap(), "token-3");
    assert_eq!(told(&source, &orders()).await.unwrap(), "token-3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_remembers_so_many_tokens_and_not_more() {
    let (endpoint, clock) = (Endpoint::start().await, TestClock::shared());
    let source = source(&endpoint, &clock).remembering(10).build().unwrap();
    for _ in 0..2 {
        for number in 0..200 {
            let wanted = Wanted::scope(&format!("orders:{number}")).unwrap();
            told(&source, &wanted).await.unwrap();
        }
    }
    assert!(endpoint.asked() > 300, "{}", endpoint.asked());
    let forms = endpoint.forms();
    assert!(forms[7].contains("scope=orders%3A7"), "{}", forms[7]);
}
