//! `deploy/haproxy`: HAProxy judges tokens by itself, and sees no revocation.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use portcullis::domain::SigningAlgorithm;
use portcullis::domain::signing_key::Line;
use portcullis::keys::acts::{KeyAct, Why};
use portcullis::time::SystemClock;

use super::programs::{Program, debians};
use super::scene::{FAR, FORGED, NEAR, Scene, assert_named, bearer};
use super::{DEADLINE, PAUSE, filled, now};
use crate::support::{ISSUER, Key, Tenant, part, signed_by};

/// How long a signing key is announced before it signs.
const ANNOUNCED: Duration = Duration::from_mins(10);

/// Brings the published keys to HAProxy's folder, and runs `command` if they have changed.
fn keys(jwks: &str, folder: &Path, command: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/haproxy/portcullis-keys");
    Command::new(script).arg(jwks).arg(folder.join("site")).arg(folder).args(command).output().unwrap()
}

fn bring(scene: &Scene, folder: &Path) -> bool {
    let jwks = format!("http://{}/.well-known/jwks.json", scene.wire.address());
    let ran = keys(&jwks, folder, &["echo", "changed"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap() == "changed\n"
}

async fn haproxy(scene: &Scene, shop: &Tenant<'_>, audience: &str) -> Program {
    let site = |port: u16, _: &Path| {
        let places = [
            ("AUDIENCE", audience),
            ("BIND", &format!("127.0.0.1:{port}")),
            ("API", &scene.api.address.to_string()),
            ("ISSUER", ISSUER),
            ("PROJECT", shop.project.id.as_str()),
        ];
        filled("haproxy/haproxy.cfg", &places)
    };
    Program::haproxy(site, |folder| assert!(bring(scene, folder))).await
}

fn default_audience(shop: &Tenant<'_>) -> String {
    format!("{ISSUER}/projects/{}", shop.project.id)
}

async fn status(scene: &Scene, proxy: &Program, token: &str) -> u16 {
    scene.ask(&proxy.url, FAR, &[("Authorization", &bearer(token))]).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_judges_a_token_by_what_it_says() {
    let scene = Scene::start().await;
    let (shop, rival) = (scene.app.tenant("shop").await, scene.app.tenant("rival").await);
    let proxy = haproxy(&scene, &shop, &default_audience(&shop)).await;
    let key: Key<'_> = shop.key("orders:read vouchers").create().await;
    let token = key.token("").await;

    let seen = scene.ask(&proxy.url, FAR, &[("Authorization", &bearer(&token))]).await;

    assert_eq!(seen.status, 200, "{seen:?} {}", proxy.told());
    assert_named(&seen, &key, &token);
    assert!(!seen.sent.to_string().contains(&token), "credentials end at the gate");
    let wide = shop.key("orders:*").create().await.token("").await;
    assert_eq!(status(&scene, &proxy, &wide).await, 200, "a wildcard covers");
    for scope in ["vouchers", "orders:reader", "xorders:read", "orders"] {
        let narrow = shop.key(scope).create().await.token("").await;
        let seen = scene.ask(&proxy.url, FAR, &[("Authorization", &bearer(&narrow))]).await;
        assert_eq!(seen.status, 403, "{scope}");
        assert!(seen.challenge.contains("error=\"insufficient_scope\""), "{}", seen.challenge);
    }
    let foreign = rival.key("orders:read").create().await.token("").await;
    assert_eq!(status(&scene, &proxy, &foreign).await, 401);
    // The signature covers every byte; and header, claims and signature are all there.
    let parts: Vec<&str> = token.split('.').collect();
    let (head, claims, signature) = (parts[0], parts[1], parts[2]);
    let wide_claims = wide.split('.').nth(1).unwrap();
    for altered in [
        format!("{head}.{wide_claims}.{signature}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{head}.{claims}.{}", &signature[..signature.len() - 2]),
        format!("{head}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{head}.{claims}.{signature}.{signature}"),
        format!("eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJub25lIn0.{claims}."),
        "nonsense".to_owned(),
        "a".repeat(5000),
    ] {
        assert_eq!(status(&scene, &proxy, &altered).await, 401, "{altered}");
    }
    let seen = scene.ask(&proxy.url, FAR, &[]).await;
    assert_eq!((seen.status, &*seen.challenge), (401, "Bearer realm=\"portcullis\""));
    let two = [("Authorization", &*bearer(&token)), ("Authorization", &*bearer(&wide))];
    assert_eq!(scene.ask(&proxy.url, FAR, &two).await.status, 401);
    let mut forged = FORGED.to_vec();
    let authorization = bearer(&token);
    forged.push(("Authorization", &authorization));
    let seen = scene.ask(&proxy.url, FAR, &forged).await;
    assert_named(&seen, &key, &token);
    assert!(!seen.sent.to_string().contains("forged"), "{}", seen.sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_refuses_what_is_meant_for_others_and_what_it_cannot_judge() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let (ours, other) = ("https://orders.example.com", "https://orders.example.com/v2");
    shop.audience(ours).await;
    shop.audience(other).await;
    let proxy = haproxy(&scene, &shop, ours).await;
    let all = [&default_audience(&shop), ours, other];
    let key = shop.key("orders:read").audiences(&all).create().await;
    for (named, passes) in [
        (&[][..], false),
        (&[ours][..], true),
        (&[other], false),
        (&[ours, other], true),
        (&[other, all[0]], false),
        (&all, true),
    ] {
        let form: Vec<String> = named.iter().map(|name| format!("audience={name}")).collect();
        let token = key.ask(&form.join("&")).send().await.token();
        assert_eq!(status(&scene, &proxy, &token).await, if passes { 200 } else { 401 }, "{named:?}");
    }
    // Bound to an address: also the right one passes nowhere, whatever the client says of itself.
    let bound = shop.key("orders:read").audiences(&[ours]).allow(&format!("{NEAR}/32")).create().await;
    let token = bound.ask("").from(NEAR).send().await.token();
    assert!(part(&token, 1)["ips"].is_array());
    for from in [NEAR, FAR] {
        let headers = [("Authorization", &*bearer(&token)), ("X-Forwarded-For", NEAR)];
        assert_eq!(scene.ask(&proxy.url, from, &headers).await.status, 403);
    }
}

/// What is claimed: a token passes until its `exp`, and not after, whatever became of its key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_haproxy_a_blocked_keys_token_passes_until_it_expires() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let proxy = haproxy(&scene, &shop, &default_audience(&shop)).await;
    let key = shop.key("orders:read").create().await;
    let now_there = SystemClock::shared().now().secs();
    // The clock of Portcullis stands where the scene began; HAProxy's goes on.
    let behind = u64::try_from(now_there - scene.app.now()).unwrap();
    let token = key.ask(&format!("expires_in={}", behind + 4)).send().await.token();
    let ends = part(&token, 1)["exp"].as_i64().unwrap();
    key.act(KeyAct::Block).await;
    scene.app.follow().await;
    let direct = scene.app.get(&format!("/verify?project={}", shop.project.id)).bearer(&token).send().await;
    assert_eq!(direct.status, 401);
    let begun = now();
    let mut passed = 0;
    loop {
        let before = SystemClock::shared().now();
        if status(&scene, &proxy, &token).await != 200 {
            assert!(SystemClock::shared().now().secs() >= ends, "refused before its time");
            break;
        }
        assert!(before.secs() < ends, "passes {} after its end", before.secs() - ends);
        passed += 1;
        assert!(begun.elapsed() < DEADLINE);
        tokio::time::sleep(PAUSE).await;
    }
    assert!(passed > 0, "it sees no revocation, and says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_keys_come_to_haproxy_before_they_sign_and_leave_it_when_they_are_retired() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let mut proxy = haproxy(&scene, &shop, &default_audience(&shop)).await;
    let key = shop.key("orders:read").create().await;
    let old = key.token("").await;
    assert!(!bring(&scene, proxy.folder()), "nothing is new, so nothing is reloaded");

    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa] {
        scene.app.shell.rotate_signing_key(Line::tokens(algorithm)).await.unwrap();
    }
    scene.app.follow().await;
    assert!(bring(&scene, proxy.folder()));
    reload(&mut proxy).await;
    scene.app.pass(ANNOUNCED).await;
    let new = key.token("").await;
    assert_ne!(part(&new, 0)["kid"], part(&old, 0)["kid"]);
    assert_eq!((status(&scene, &proxy, &old).await, status(&scene, &proxy, &new).await), (200, 200));
    scene.app.shell.edit_project(&shop.project.id, signed_by(SigningAlgorithm::Rs256)).await.unwrap();
    scene.app.follow().await;
    let rsa = key.token("").await;
    assert_eq!(part(&rsa, 0)["alg"], "RS256");
    assert_eq!(status(&scene, &proxy, &rsa).await, 200);
    // Not one that HAProxy verifies: it is left out, and said so.
    scene.app.shell.edit_project(&shop.project.id, signed_by(SigningAlgorithm::EdDsa)).await.unwrap();
    scene.app.follow().await;
    let edwards = key.token("").await;
    assert_eq!(part(&edwards, 0)["alg"], "EdDSA");
    assert_eq!(status(&scene, &proxy, &edwards).await, 401);

    let kid = part(&new, 0)["kid"].as_str().unwrap().parse().unwrap();
    scene.app.shell.retire_signing_key(&kid, &Why::default()).await.unwrap().unwrap();
    scene.app.follow().await;
    assert!(bring(&scene, proxy.folder()));
    reload(&mut proxy).await;
    // A worker of before may take a last connection.
    let begun = now();
    while status(&scene, &proxy, &new).await != 401 {
        assert!(begun.elapsed() < DEADLINE, "a retired signing key's token passes: {}", proxy.told());
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(status(&scene, &proxy, &rsa).await, 200);
}

/// Tells HAProxy to read its configuration, and waits until the one that answers has read it.
async fn reload(proxy: &mut Program) {
    let config = proxy.folder().join("haproxy.cfg");
    let check = Command::new(debians("haproxy")).args(["-c", "-f"]).arg(&config).output().unwrap();
    assert!(check.status.success(), "{check:?}");
    let reloads = |proxy: &Program| proxy.told().matches("Loading success").count();
    let before = reloads(proxy);
    proxy.reload();
    proxy.until("it is reloaded", |proxy| reloads(proxy) > before).await;
}

/// A `kid` is base64url, so one of 64 begins with a hyphen, as flags do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signing_key_may_be_called_like_a_flag() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let proxy = haproxy(&scene, &shop, &default_audience(&shop)).await;
    let jwks = scene.app.get("/.well-known/jwks.json").send().await;
    let kid = jwks.json()["keys"][0]["kid"].to_string();
    let (config, set) = (proxy.folder().join("haproxy.cfg"), proxy.folder().join("jwks.json"));
    let (url, program) = (format!("file://{}", set.display()), debians("haproxy"));
    let check = [program.to_str().unwrap(), "-c", "-f", config.to_str().unwrap()];
    for (called, taken) in
        [("-i", true), ("--", true), ("_-x", true), ("a b", false), ("../x", false), ("", false)]
    {
        fs::write(&set, jwks.text().replace(&kid, &format!("\"{called}\""))).unwrap();
        let ran = keys(&url, proxy.folder(), &check);
        assert_eq!(ran.status.success(), taken, "{called}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_cannot_be_fetched_leave_haproxy_as_it_is() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let proxy = haproxy(&scene, &shop, &default_audience(&shop)).await;
    let config = || fs::read(proxy.folder().join("haproxy.cfg")).unwrap();
    let before = config();
    let Scene { app, hand, api, wire } = scene;
    wire.stop().await;
    // A port that somebody else has by now answers with anything but keys.
    let wire = app.listen();
    for url in ["http://127.0.0.1:1/", &format!("http://{}/healthz", wire.address())] {
        let ran = keys(url, proxy.folder(), &["echo", "changed"]);
        assert_eq!((ran.status.code(), &*ran.stdout), (Some(1), &b""[..]));
        assert!(String::from_utf8_lossy(&ran.stderr).starts_with("portcullis-keys: "));
        assert_eq!(config(), before);
    }
    drop((app, hand, api));
}
