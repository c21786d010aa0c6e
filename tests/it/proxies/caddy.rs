//! `deploy/caddy`: Caddy asks about each request, and keeps no answer.

use portcullis::keys::acts::KeyAct;

use super::filled;
use super::programs::Program;
use super::scene::{FAR, Scene, asks_about_each_request, bearer};
use crate::support::{ISSUER, Tenant};

async fn caddy(scene: &Scene, shop: &Tenant<'_>) -> Program {
    Program::caddy(|port, _| {
        let places = [
            ("SITE", &*format!("http://127.0.0.1:{port}")),
            ("PORTCULLIS", &scene.wire.address().to_string()),
            ("API", &scene.api.address.to_string()),
            ("PROJECT", shop.project.id.as_str()),
            ("AUDIENCE", &format!("{ISSUER}/projects/{}", shop.project.id)),
        ];
        filled("caddy/Caddyfile", &places)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_asks_about_each_request() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let caddy = caddy(&scene, &shop).await;
    asks_about_each_request(&scene, &shop, &caddy.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_caddy_a_blocked_keys_token_is_refused_as_soon_as_portcullis_refuses_it() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let caddy = caddy(&scene, &shop).await;
    let key = shop.key("orders:read").create().await;
    let authorization = bearer(&key.token("").await);
    let ask = async || scene.ask(&caddy.url, FAR, &[("Authorization", &authorization)]).await;
    assert_eq!(ask().await.status, 200);
    key.act(KeyAct::Block).await;
    scene.app.follow().await;
    assert_eq!(ask().await.verdict(), (401, "revoked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_portcullis_caddy_admits_nobody() {
    let scene = Scene::start().await;
    let shop = scene.app.tenant("shop").await;
    let caddy = caddy(&scene, &shop).await;
    let authorization = bearer(&shop.key("orders:read").create().await.token("").await);
    let Scene { app, hand, api, wire } = scene;
    wire.stop().await;
    let gone = app.listen();
    let scene = Scene { app, hand, api, wire: gone };
    assert_eq!(scene.ask(&caddy.url, FAR, &[("Authorization", &authorization)]).await.status, 502);
}
