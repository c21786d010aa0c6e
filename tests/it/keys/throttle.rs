//! Whoever guesses is slowed down, and nobody else is (threat S36).

use std::time::Duration;

use crate::support::{Answer, App, Build, Key, Send};

/// Of the 10,000 of the threat, as many as show it.
const TRIES: usize = 2_000;
const ADDRESSES: usize = 1_000;

fn guess(app: &App, id: &str, secret: &str) -> Send {
    app.post("/oauth/token", "grant_type=client_credentials").basic(id, secret)
}

fn assert_slowed(answer: &Answer) -> Duration {
    assert_eq!(answer.refusal(), (429, "temporarily_unavailable".into()));
    let wait = answer.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    Duration::from_secs(wait)
}

/// How many of the tries were answered, the rest being slowed down.
async fn answered(tries: impl Iterator<Item = Send>) -> usize {
    let mut answered = 0;
    for attempt in tries {
        let answer = attempt.send().await;
        match answer.status {
            401 => answered += 1,
            _ => drop(assert_slowed(&answer)),
        }
    }
    answered
}

#[tokio::test]
async fn many_wrong_secrets_from_one_address_are_slowed_down_and_the_right_one_passes() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let (key, other) = (shop.key("api").create().await, shop.key("api").create().await);
    let digests = app.server.authenticator.digests();
    let tries = (0..TRIES).map(|n| guess(&app, key.id.as_str(), &format!("wrong{n}")));

    assert_eq!(answered(tries).await, 10);

    let evaluated = app.server.authenticator.digests() - digests;
    assert_eq!(evaluated, TRIES as u64, "each secret is evaluated, or the right one could not pass");
    assert_eq!(key.ask("").send().await.status, 200);
    assert_eq!(key.ask("").from("198.51.100.9").send().await.status, 200);
    // Elsewhere, and for another key, a mistake is still a mistake; until the address has made 100.
    assert_eq!(guess(&app, key.id.as_str(), "wrong").from("198.51.100.9").send().await.status, 401);
    assert_eq!(guess(&app, other.id.as_str(), "wrong").send().await.status, 429, "100 from this address");
    assert_eq!(other.ask("").send().await.status, 200);
}

#[tokio::test]
async fn wrong_secrets_from_many_addresses_lock_nobody_out() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let address = |n: usize| format!("10.0.{}.{}", n / 250, n % 250);
    for round in 0..2 {
        let tries = (0..ADDRESSES).map(|n| guess(&app, key.id.as_str(), "wrong").from(&address(n)));
        assert_eq!(answered(tries).await, ADDRESSES, "round {round}");
    }
    assert_eq!(key.ask("").send().await.status, 200);
    assert_eq!(key.ask("").from(&address(3)).send().await.status, 200);
    let from_one = (0..20).map(|_| guess(&app, key.id.as_str(), "wrong").from(&address(5)));
    assert_eq!(answered(from_one).await, 8, "two were made before");
}

#[tokio::test]
async fn unknown_ids_are_slowed_down_by_their_address() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let tries = (0..TRIES).map(|n| guess(&app, &format!("pk_live_{n:016}"), "wrong"));
    assert_eq!(answered(tries).await, 100);
    let by_secret = (0..20).map(|n| app.post("/oauth/introspect", "token=x").bearer(&format!("imported{n}")));
    assert_eq!(answered(by_secret).await, 0, "the same address");
    assert_eq!(key.ask("").send().await.status, 200);
    // What a stranger is told first, whoever has run out of patience is told as well.
    let refused = guess(&app, key.id.as_str(), "wrong").send().await;
    assert_slowed(&refused);
    assert_eq!(refused.header("www-authenticate"), "");
}

#[tokio::test]
async fn an_ipv6_network_is_one_guesser() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("api").create().await;
    let within =
        (0..50).map(|n| guess(&app, key.id.as_str(), "wrong").from(&format!("2001:db8:1:2:{n:x}::1")));
    assert_eq!(answered(within).await, 10);
    assert_eq!(guess(&app, key.id.as_str(), "wrong").from("2001:db8:1:3::1").send().await.status, 401);
    // Mapped or not, an IPv4 address is itself.
    let mapped = (0..20).map(|n| {
        let address = if n % 2 == 0 { "192.0.2.50" } else { "::ffff:192.0.2.50" };
        guess(&app, key.id.as_str(), "wrong").from(address)
    });
    assert_eq!(answered(mapped).await, 10);
    let nowhere = (0..20).map(|_| guess(&app, key.id.as_str(), "wrong").without_address());
    assert_eq!(answered(nowhere).await, 10);
}

#[tokio::test]
async fn patience_comes_back_with_time_and_retry_after_says_when() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key: Key<'_> = shop.key("api").create().await;
    let again = || guess(&app, key.id.as_str(), "wrong");
    assert_eq!(answered((0..15).map(|_| again())).await, 10);
    let wait = assert_slowed(&again().send().await);
    app.pass(wait).await;
    assert_eq!(again().send().await.status, 401, "as promised");
    assert_slowed(&again().send().await);
    // A wall clock that is set changes nothing.
    app.clock.step_wall_forward(Duration::from_hours(1));
    app.follow().await;
    assert_slowed(&again().send().await);
    app.pass(Duration::from_mins(1)).await;
    assert_eq!(answered((0..15).map(|_| again())).await, 10);
}

/// Places are counted, not guessers: however many come, memory is bounded.
#[tokio::test]
async fn the_memory_of_failures_is_bounded() {
    let app = App::start().await;
    for n in 0..1_000_u32 {
        let address = std::net::Ipv4Addr::from_bits(n.wrapping_mul(0x9E37_79B9));
        guess(&app, &format!("k{n}"), "wrong").from(&address.to_string()).send().await;
    }
    let counted = places(&app.server.authenticator);
    assert_eq!(counted.len(), 2);
    assert!(counted.iter().all(|places| (900..=1_000).contains(places)), "{counted:?}");

    let one = std::num::NonZeroU32::MIN;
    let limits = portcullis::keys::ThrottleLimits { per_key: one, per_address: one };
    let clock: std::sync::Arc<dyn portcullis::time::Clock> = app.clock.clone();
    let throttle = portcullis::keys::Throttle::new(limits, &clock);
    for n in 0..150_000_u32 {
        throttle.failed(&n.to_string(), Some(std::net::Ipv4Addr::from_bits(n).into())).ok();
    }
    let counted = places(&throttle);
    assert!(counted.iter().all(|places| (50_000..=65_536).contains(places)), "{counted:?}");
}

/// How many places are taken, as the throttle shows it: by key, and by address.
fn places(throttle: &impl std::fmt::Debug) -> Vec<usize> {
    let shown = format!("{throttle:?}");
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    shown.split("places: ").skip(1).map(|rest| digits(rest).parse().unwrap()).collect()
}

#[tokio::test]
async fn the_limits_are_settings() {
    let app = Build::default()
        .set("PORTCULLIS_THROTTLE_KEY_FAILURES", "2")
        .set("PORTCULLIS_THROTTLE_ADDRESS_FAILURES", "3")
        .start()
        .await;
    assert_eq!(answered((0..5).map(|_| guess(&app, "a", "wrong"))).await, 2);
    assert_eq!(answered((0..5).map(|_| guess(&app, "b", "wrong").from("10.0.0.1"))).await, 2);
    assert_eq!(answered((0..5).map(|n| guess(&app, &format!("c{n}"), "wrong").from("10.0.0.2"))).await, 3);
}
