//! Signing keys across their lives: algorithms, rotation, the emergency.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::domain::signing_key::{Line, SigningPurpose};
use portcullis::domain::{SigningAlgorithm, SigningKeyId, TokenRefusal};
use portcullis::keys::acts::{Error, Why};
use portcullis::signing::PrivateKey;
use portcullis::store::Error as StoreError;
use portcullis::time::Clock as _;
use portcullis_guard::{KeySet, Unverified, Verifier};
use serde_json::Value;

use crate::support::{App, Build, ISSUER, Key, signed_by};

/// What stands in a token's header.
fn header(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}

fn kid(token: &str) -> SigningKeyId {
    header(token)["kid"].as_str().unwrap().parse().unwrap()
}

async fn published(app: &App) -> Vec<String> {
    let keys = app.get("/.well-known/jwks.json").send().await.json();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Time passes in steps that keep the copy of the feed fresh.
async fn pass(app: &App, span: Duration) {
    for _ in 0..span.as_secs() / 20 {
        app.pass(Duration::from_secs(20)).await;
    }
}

async fn is_active(key: &Key<'_>, token: &str) -> bool {
    key.introspect(token).await.is_active()
}

#[tokio::test]
async fn a_project_signs_by_the_algorithm_that_it_chose_once_the_key_was_announced_long_enough() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    for (algorithm, name) in [(SigningAlgorithm::EdDsa, "EdDSA"), (SigningAlgorithm::Rs256, "RS256")] {
        app.shell.edit_project(&shop.project.id, signed_by(algorithm)).await.unwrap();
        app.follow().await;
        let before = key.token("").await;
        assert_ne!(header(&before)["alg"], name, "not before everybody can know the key");

        pass(&app, Duration::from_mins(10)).await;

        let token = key.token("").await;
        assert_eq!(header(&token)["alg"], name);
        assert!(published(&app).await.contains(&kid(&token).to_string()));
        assert!(is_active(&key, &token).await && is_active(&key, &before).await, "{name}");
    }
}

#[tokio::test]
async fn tokens_live_through_a_rotation_and_the_old_key_goes_when_its_last_one_is_dead() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let old = kid(&key.token("").await);
    let new = app.shell.rotate_signing_key(Line::tokens(SigningAlgorithm::Es256)).await.unwrap().kid;
    app.follow().await;
    assert_eq!(published(&app).await.len(), 2, "announced at once");

    pass(&app, Duration::from_secs(580)).await;
    let last = key.token("").await;
    assert_eq!(kid(&last), old);
    pass(&app, Duration::from_secs(20)).await;
    assert_eq!(kid(&key.token("").await), new);
    assert!(is_active(&key, &last).await);

    pass(&app, Duration::from_secs(860)).await;
    assert!(is_active(&key, &last).await, "to its last minute");
    assert!(published(&app).await.contains(&old.to_string()));
    pass(&app, Duration::from_secs(40)).await;
    assert!(!is_active(&key, &last).await);
    assert_eq!(published(&app).await, [new.to_string()]);
}

#[tokio::test]
async fn a_leaked_signing_key_is_worth_nothing_at_once_and_minting_goes_on() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let key = shop.key("orders:read").create().await;
    let token = key.token("").await;
    let leaked = kid(&token);
    assert!(is_active(&key, &token).await);

    let new = app.shell.retire_signing_key(&leaked, &Why::default()).await.unwrap().unwrap();
    app.follow().await;

    assert!(!is_active(&key, &token).await);
    let verdict = app.get("/v1/auth/verify").bearer(&token).send().await;
    assert_eq!((verdict.status, verdict.json()["reason"].as_str()), (401, Some("unknown_signing_key")));
    assert_eq!(published(&app).await, [new.kid.to_string()]);
    let next = key.token("").await;
    assert_eq!(kid(&next), new.kid);
    assert!(is_active(&key, &next).await);
    let again = app.shell.retire_signing_key(&leaked, &Why::default()).await;
    assert!(matches!(again, Err(Error::Store(StoreError::Missing("signing key")))));
}

#[tokio::test]
async fn a_signing_key_that_is_old_enough_gets_one_successor_whoever_looks() {
    let app = Build::default().set("PORTCULLIS_SIGNING_ROTATE_EVERY", "2h").start().await;
    let other = app.second_node(Build::default().set("PORTCULLIS_SIGNING_ROTATE_EVERY", "2h")).await;
    let count = async || {
        let stored = app.server.store.signing_keys().await.unwrap();
        [SigningPurpose::Tokens, SigningPurpose::Feed]
            .map(|purpose| stored.iter().filter(|key| key.purpose == purpose).count())
    };
    app.server.rotate_what_is_due().await.unwrap();
    assert_eq!(count().await, [1, 1]);

    app.clock.advance(Duration::from_hours(2));
    for node in [&app, &other, &app] {
        node.server.rotate_what_is_due().await.unwrap();
        node.follow().await;
    }

    assert_eq!(count().await, [2, 2], "one of each line");
    let (ours, theirs) = (published(&app).await, published(&other).await);
    assert_eq!((ours.len(), &ours), (2, &theirs));
}

/// An installation that moves takes its tokens with it.
#[tokio::test]
async fn what_one_installation_has_signed_verifies_at_another_that_imported_its_key() {
    for (algorithm, name) in [
        (SigningAlgorithm::Es256, "ES256"),
        (SigningAlgorithm::EdDsa, "EdDSA"),
        (SigningAlgorithm::Rs256, "RS256"),
    ] {
        let (app, other) = (App::start().await, App::start().await);
        let shop = app.tenant("shop").await;
        let key = shop.key("orders:read").create().await;
        app.shell.edit_project(&shop.project.id, signed_by(algorithm)).await.unwrap();
        app.follow().await;
        pass(&app, Duration::from_mins(10)).await;
        let token = key.token("").await;
        assert_eq!(header(&token)["alg"], name);
        let judge = async || {
            let keys = KeySet::from_json(&other.get("/.well-known/jwks.json").send().await.text()).unwrap();
            let verifier = Verifier::new(ISSUER.into(), shop.project.id.clone(), Arc::new(keys));
            let verified = verifier.check_signature(&Unverified::read(&token).unwrap());
            verified.map(|token| token.claims().scope.to_string())
        };
        assert_eq!(judge().await, Err(TokenRefusal::UnknownSigningKey));

        let pem = app.shell.export_signing_key(&kid(&token), &Why::default()).await.unwrap().to_pem();
        let moved = PrivateKey::from_pem(&pem).unwrap();
        let imported = other.shell.import_signing_key(&moved, &Why::default()).await.unwrap();
        other.follow().await;

        assert_eq!(imported.kid, kid(&token));
        assert_eq!(judge().await.unwrap(), "orders:read", "{name}");
        let (there, signs) = (other.tenant("shop").await, imported.times.signs_from);
        other.shell.edit_project(&there.project.id, signed_by(algorithm)).await.unwrap();
        let theirs = there.key("orders:read").create().await;
        assert_ne!(kid(&theirs.token("").await), imported.kid, "announced, and not signing yet");
        pass(&other, Duration::from_mins(10)).await;
        assert!(other.clock.now() >= signs);
        assert_eq!(kid(&theirs.token("").await), imported.kid);
    }
}
