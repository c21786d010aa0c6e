//! What judging costs a resource server: `Guard::judge`, warm and cold, beside one bare signature
//! verification of the same token a moment before or after. Single-threaded, wall clock: the median of all
//! tokens for what is cold, the best of some rounds for what is warm.
//!
//! `scripts/measure guards` starts a server, mints tokens and calls this with issuer, project, key id and
//! secret of a guard's key; tokens (ES256) come on the standard input, one a line.
#![expect(clippy::print_stdout, reason = "it tells its figures")]
#![expect(clippy::unwrap_used, reason = "whatever is wrong, there is nothing to measure")]

use std::hint::black_box;
use std::io::BufRead as _;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_guard::{Clock, Guard, Place, Required, ScopeSet, SystemClock};
use serde_json::{Value, json};

/// The smallest of so many is taken: noise only adds.
const ROUNDS: usize = 5;
/// How often the warm token is judged in a round.
const WARM: usize = 100_000;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, project, id, secret] = arguments.as_slice() else {
        panic!("judge ISSUER PROJECT KEY_ID KEY_SECRET < TOKENS")
    };
    let tokens: Vec<String> = std::io::stdin().lock().lines().map(Result::unwrap).collect();
    let scope: ScopeSet = "orders:read".parse().unwrap();
    let clock = SystemClock::shared();
    let bare = Verification::new(issuer, &tokens).await;
    let mut warm = Duration::MAX;
    let (mut cold, mut verified) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // A guard that has met none of them.
        let guard = Guard::builder(issuer, project).key(id, secret).build().unwrap();
        guard.until_fresh().await;
        let judge = |token: &str| {
            let address = Place::From(Some([192, 0, 2, 7].into()));
            let audience = guard.audience();
            let required = Required { scope: &scope, audience, address, origin: None };
            black_box(guard.judge(black_box(token), &required)).unwrap();
        };
        for (number, token) in tokens.iter().enumerate() {
            // Side by side, because a shared machine is not as fast from one second to the next; each first
            // as often as the other, because the second finds the processor's caches filled.
            let mut judge = || cold.push(each(clock.as_ref(), 1, |_| judge(token)));
            let mut verify = || verified.push(each(clock.as_ref(), 1, |_| bare.of(number)));
            if number % 2 == 0 {
                judge();
                verify();
            } else {
                verify();
                judge();
            }
        }
        warm = warm.min(each(clock.as_ref(), WARM, |_| judge(&tokens[0])));
    }
    let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap();
    let (cold, verified) = (median(cold), median(verified));
    println!("{}", json!({ "warm_ns": nanos(warm), "cold_ns": nanos(cold), "verify_ns": nanos(verified) }));
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort_unstable();
    spans[spans.len() / 2]
}

/// How long one of so many takes.
fn each(clock: &dyn Clock, count: usize, mut act: impl FnMut(usize)) -> Duration {
    let began = clock.monotonic();
    (0..count).for_each(&mut act);
    clock.monotonic().saturating_sub(began) / u32::try_from(count).unwrap()
}

/// Nothing but the signatures, with a parsed key and decoded signatures.
struct Verification {
    key: ParsedPublicKey,
    parts: Vec<(String, Vec<u8>)>,
}

impl Verification {
    async fn new(issuer: &str, tokens: &[String]) -> Self {
        let keys = reqwest::get(format!("{issuer}/.well-known/jwks.json")).await.unwrap();
        let keys: Value = serde_json::from_slice(&keys.bytes().await.unwrap()).unwrap();
        let decoded = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
        let es256 = keys["keys"].as_array().unwrap().iter().find(|key| key["alg"] == "ES256").unwrap();
        let point = [vec![4], decoded(&es256["x"]), decoded(&es256["y"])].concat();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).unwrap();
        let parts = tokens.iter().map(|token| {
            let (signed, signature) = token.rsplit_once('.').unwrap();
            (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
        });
        Self { key, parts: parts.collect() }
    }

    fn of(&self, number: usize) {
        let (signed, signature) = &self.parts[number];
        self.key.verify_sig(black_box(signed.as_bytes()), signature).unwrap();
    }
}
