//! `deploy/nginx`: nginx asks about each request, and keeps what it may for as long as it may.

use std::time::Duration;

use portcullis::keys::acts::KeyAct;

use super::programs::Program;
use super::scene::{FAR, NEAR, Scene, asks_about_each_request, bearer, client};
use super::{DEADLINE, PAUSE, filled, now};
use crate::support::{ISSUER, Tenant};

/// A busy machine, and a request that was under way.
const SLACK: Duration = Duration::from_secs(5);

async fn nginx(scene: &Scene, shop: &Tenant<'_>) -> Program {
    Program::nginx(|port, folder| {
        let places = [
            ("LISTEN", &*format!("127.0.0.1:{port}")),
            ("PORTCULLIS", &scene.wire.address().to_string()),
            ("API", &scene.api.address.to_string()),
            ("PROJECT", shop.project.id.as_str()),
            ("AUDIENCE", &format!("{ISSUER}/projects/{}", shop.project.id)),
            ("CACHE", &folder.join("cache").display().to_string()),
        ];
        filled("nginx/portcullis.conf", &places)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_asks_about_each_request() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let nginx = nginx(&scene, &shop).await;
    asks_about_each_request(&scene, &shop, &nginx.url).await;
    // The place where nginx asks is its own.
    let status = client(FAR).get(format!("{}/.portcullis", nginx.url)).send().await.unwrap().status();
    assert_eq!(status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_a_blocked_keys_token_is_refused_once_the_answer_may_not_be_kept_any_longer() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let nginx = nginx(&scene, &shop).await;
    let key = shop.key("orders:read").create().await;
    // By the clock of Portcullis, which stands still, it has always a little more than 2 s left.
    let token = key.ask("expires_in=4").send().await.token();
    let question = format!("/verify?project={}", shop.project.id);
    let direct = || scene.app.get(&question).bearer(&token).send();
    let kept: u64 = direct().await.header("x-accel-expires").parse().unwrap();
    assert!((1..=3).contains(&kept), "{kept}");
    let authorization = bearer(&token);
    let ask = async || scene.ask(&nginx.url, FAR, &[("Authorization", &authorization)]).await;
    assert_eq!(ask().await.status, 200);

    key.act(KeyAct::Block).await;
    scene.app.follow().await;
    let begun = now();

    assert_eq!(direct().await.status, 401);
    let refused = loop {
        let seen = ask().await;
        if seen.status != 200 {
            break seen;
        }
        assert!(begun.elapsed() < DEADLINE, "nginx keeps it for ever");
        tokio::time::sleep(PAUSE).await;
    };
    assert_eq!(refused.verdict(), (401, "revoked"));
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(kept + 1) + SLACK, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_keeps_an_answer_for_the_same_question_alone() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let nginx = nginx(&scene, &shop).await;
    let key = shop.key("orders:read").allow(&format!("{NEAR}/32")).create().await;
    let token = key.ask("").from(NEAR).send().await.token();
    let authorization = bearer(&token);
    let authorization = ("Authorization", &*authorization);
    let ask = async |from: &str, headers: &[(&str, &str)]| scene.ask(&nginx.url, from, headers).await.status;
    assert_eq!(ask(NEAR, &[authorization]).await, 200);
    key.act(KeyAct::Block).await;
    scene.app.follow().await;

    assert_eq!(ask(NEAR, &[authorization]).await, 200, "kept: Portcullis would refuse it");

    // Everything that differs in one thing is asked anew: the address, the origin, the credentials.
    assert_eq!(ask(FAR, &[authorization]).await, 401);
    assert_eq!(ask(NEAR, &[authorization, ("Origin", "https://a.example.com")]).await, 401);
    assert_eq!(ask(NEAR, &[authorization, ("X-App-Id", "x")]).await, 401);
    assert_eq!(ask(NEAR, &[("Authorization", &bearer(&token[..token.len() - 1]))]).await, 401);
    assert_eq!(ask(NEAR, &[("X-App-Token", &bearer(&token))]).await, 401);
    assert_eq!(ask(NEAR, &[]).await, 401);
    assert_eq!(ask(NEAR, &[authorization]).await, 200, "and still kept for the one that it was given to");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_portcullis_nginx_admits_whom_it_may_keep_and_nobody_else() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let nginx = nginx(&scene, &shop).await;
    let key = shop.key("orders:read").create().await;
    let (known, new) = (bearer(&key.token("").await), bearer(&key.token("").await));
    assert_eq!(scene.ask(&nginx.url, FAR, &[("Authorization", &known)]).await.status, 200);
    let Scene { app, hand, api, wire } = scene;
    wire.stop().await;
    let gone = app.listen();
    let scene = Scene { app, hand, api, wire: gone };
    assert_eq!(scene.ask(&nginx.url, FAR, &[("Authorization", &known)]).await.status, 200);
    let seen = scene.ask(&nginx.url, FAR, &[("Authorization", &new)]).await;
    assert_eq!((seen.status, &*seen.retry_after), (503, "1"));
}
