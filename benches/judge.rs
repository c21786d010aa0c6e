//! What judging costs a resource server: `Guard::judge`, warm and cold, beside one bare signature
//! verification of the same tokens. Single-threaded, wall clock, the best of some rounds.
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
    let [mut warm, mut cold, mut bare] = [Duration::MAX; 3];
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
        cold = cold.min(each(clock.as_ref(), tokens.len(), |n| judge(&tokens[n])));
        warm = warm.min(each(clock.as_ref(), WARM, |_| judge(&tokens[0])));
        bare = bare.min(verifications(clock.as_ref(), issuer, &tokens).await);
    }
    let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap();
    println!("{}", json!({ "warm_ns": nanos(warm), "cold_ns": nanos(cold), "verify_ns": nanos(bare) }));
}

/// How long one of so many takes.
fn each(clock: &dyn Clock, count: usize, mut act: impl FnMut(usize)) -> Duration {
    let began = clock.monotonic();
    (0..count).for_each(&mut act);
    clock.monotonic().saturating_sub(began) / u32::try_from(count).unwrap()
}

/// Nothing but the signatures, with parsed keys and decoded signatures.
async fn verifications(clock: &dyn Clock, issuer: &str, tokens: &[String]) -> Duration {
    let keys = reqwest::get(format!("{issuer}/.well-known/jwks.json")).await.unwrap();
    let keys: Value = serde_json::from_slice(&keys.bytes().await.unwrap()).unwrap();
    let decoded = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
    let es256 = keys["keys"].as_array().unwrap().iter().find(|key| key["alg"] == "ES256").unwrap();
    let point = [vec![4], decoded(&es256["x"]), decoded(&es256["y"])].concat();
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).unwrap();
    let parts: Vec<(&str, Vec<u8>)> = tokens
        .iter()
        .map(|token| {
            let (signed, signature) = token.rsplit_once('.').unwrap();
            (signed, URL_SAFE_NO_PAD.decode(signature).unwrap())
        })
        .collect();
    each(clock, parts.len(), |n| key.verify_sig(parts[n].0.as_bytes(), &parts[n].1).unwrap())
}
