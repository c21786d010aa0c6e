//! Threat S31 at the guard: keys that come, and keys that nobody ever had.

use portcullis::keys::acts::Why;
use portcullis_guard::{Place, Refusal, Required, ScopeSet};
use serde_json::json;
use tokio::time::timeout;

use super::between::Way;
use super::{House, fresh, refusal};
use crate::support::{DEADLINE, part};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const JWKS: &str = "/.well-known/jwks.json";

fn required(scope: &ScopeSet) -> Required<'_> {
    Required { scope, audience: portcullis_guard::Whose::Any, address: Place::NotJudged, origin: None }
}

/// The same token, as if another key had signed it.
fn by_unknown_key(token: &str, kid: usize) -> String {
    let mut header = part(token, 0);
    header["kid"] = json!(format!("unknown-{kid}"));
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_keys_causes_one_refresh() {
    let house = House::start().await;
    let shop = house.app.tenant("shop").await;
    let (watcher, key) =
        (shop.key("portcullis:revocations").create().await, shop.key("orders:read").create().await);
    let token = key.token("").await;
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    assert_eq!(house.between.asked(JWKS), 1);
    let flood = (0..1000).map(|kid| by_unknown_key(&token, kid));
    let mut asking = tokio::task::JoinSet::new();
    for forged in flood {
        let guard = guard.clone();
        asking.spawn(async move {
            let scope = ScopeSet::default();
            guard.judge_after_keys(&forged, &required(&scope)).await.err()
        });
    }
    let answered = timeout(DEADLINE, asking.join_all()).await.expect("a flood holds them up");
    assert!(answered.iter().all(|refusal| *refusal == Some(Refusal::UnknownSigningKey)));
    assert_eq!(house.between.asked(JWKS), 2);
    assert_eq!(refusal(&guard, &token), None, "and whoever is known passes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_key_that_came_in_an_emergency_passes_at_its_first_request() {
    let house = House::start().await;
    let app = &house.app;
    let shop = app.tenant("shop").await;
    let (watcher, key) =
        (shop.key("portcullis:revocations").create().await, shop.key("orders:read").create().await);
    let token = key.token("").await;
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    let leaked = part(&token, 0)["kid"].as_str().unwrap().parse().unwrap();
    app.shell.retire_signing_key(&leaked, &Why::default()).await.unwrap();
    app.follow().await;
    let new = key.token("").await;
    timeout(DEADLINE, guard.until_position(app.server.copy.applied())).await.unwrap();
    assert_eq!(refusal(&guard, &token), Some(Refusal::SigningKeyRevoked), "although it knows the key");

    let scope = ScopeSet::default();
    assert!(guard.judge_after_keys(&new, &required(&scope)).await.is_ok());
    assert_eq!(refusal(&guard, &token), Some(Refusal::UnknownSigningKey));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_good_keys_are_kept_while_there_are_no_others() {
    let house = House::start().await;
    let shop = house.app.tenant("shop").await;
    let (watcher, key) =
        (shop.key("portcullis:revocations").create().await, shop.key("orders:read").create().await);
    let token = key.token("").await;
    let guard = house.guard(&shop, &watcher).build().unwrap();
    fresh(&guard).await;
    house.between.goes(Way::Cut);
    let scope = ScopeSet::default();
    let forged = by_unknown_key(&token, 1);
    let refused = guard.judge_after_keys(&forged, &required(&scope)).await;
    assert_eq!(refused.err(), Some(Refusal::UnknownSigningKey));
    assert_eq!(house.between.asked(JWKS), 2);
    assert_eq!(refusal(&guard, &token), None);
}
