//! Whatever widens kills nothing, and gives the tokens that are out nothing.

use std::time::Duration;

use portcullis::domain::{CatalogueScope, KeyDetails, Lifetime};
use portcullis::keys::acts::{Error, KeyAct, Why};

use super::{AUDIENCE, House, default_audience, furnish};
use crate::support::{App, Build, Key};

type Edit = fn(&mut KeyDetails);

#[tokio::test]
async fn an_edit_that_widens_a_key_leaves_its_tokens_as_they_are() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let edits: [(&str, Edit); 8] = [
        ("nothing", |_| {}),
        ("name", |key| key.name = "another".into()),
        ("permission added", |key| key.permissions = "api reports:*".parse().unwrap()),
        ("the same in other words", |key| key.permissions = "api orders:read orders:write".parse().unwrap()),
        ("allowlist widened", |key| key.allowlist = "192.0.2.0/23 198.51.100.0/24".parse().unwrap()),
        ("allowlist dropped", |key| key.allowlist = "".parse().unwrap()),
        ("lifetime lengthened", |key| key.token_lifetime = Lifetime::from_secs(300)),
        ("scope no longer required", |key| key.require_scope = false),
    ];
    for (what, edit) in edits {
        let key = shop.key("api").allow("192.0.2.0/24").with(|key| {
            key.token_lifetime = Lifetime::from_secs(60);
            key.require_scope = true;
        });
        let key = key.create().await;
        let token = key.token("api").await;
        let before = house.witness.introspect(&token).await.json();

        assert!(!key.edit(edit).await, "{what} was called narrowing");
        app.follow().await;

        assert!(house.admits(&token).await, "{what}");
        assert_eq!(house.witness.introspect(&token).await.json(), before, "{what}");
        assert_eq!(app.get("/v1/auth/verify").bearer(&token).from("198.51.100.1").send().await.status, 403);
        assert!(house.admits(&key.token("api").await).await, "{what}");
    }
}

#[tokio::test]
async fn an_edit_that_widens_a_project_leaves_its_tokens_as_they_are() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;
    let before = house.witness.introspect(&token).await.json();
    let id = &shop.project.id;
    let more = CatalogueScope { includes: "orders:* reports:read".parse().unwrap(), ..Default::default() };

    app.shell.set_scope(id, "api".parse().unwrap(), more).await.unwrap();
    app.shell.add_audience(id, "https://reports.example.com".parse().unwrap()).await.unwrap();
    app.shell.set_scope(id, "new".parse().unwrap(), CatalogueScope::default()).await.unwrap();
    app.follow().await;

    assert!(house.admits(&token).await);
    assert_eq!(house.witness.introspect(&token).await.json(), before);
    let new = house.witness.introspect(&key.token("").await).await.json();
    assert_eq!(new["scope"], "api orders:* reports:read");
}

#[tokio::test]
async fn unblocking_revives_no_token() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let old = key.token("").await;
    // Also when the node learns of both at once.
    for follows_between in [true, false] {
        key.act(KeyAct::Block).await;
        if follows_between {
            app.follow().await;
            assert_eq!(key.ask("").send().await.refusal(), (401, "invalid_client".into()));
        }
        key.act(KeyAct::Unblock).await;
        app.follow().await;

        assert!(!house.admits(&old).await);
        assert!(house.admits(&key.token("").await).await);
    }
    let twice = app.shell.act_on_key(&key.id, KeyAct::Unblock, &Why::default()).await;
    assert!(matches!(twice, Err(Error::Edit(_))));
}

async fn regenerate(key: &Key<'_>, overlap: Duration) -> String {
    let (done, secret) = key.app.shell.regenerate(&key.id, overlap, &Why::default()).await.unwrap();
    assert!(!done.narrowed);
    key.app.follow().await;
    secret.expose().to_owned()
}

/// Promise P3.
#[tokio::test]
async fn a_new_secret_ends_the_old_one_and_disturbs_no_token() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;

    let secret = regenerate(&key, Duration::ZERO).await;

    assert!(house.admits(&token).await);
    assert_eq!(key.ask("").send().await.refusal(), (401, "invalid_client".into()));
    let renewed = Key { secret, project: key.project.clone(), id: key.id.clone(), app: &app };
    assert!(house.admits(&renewed.token("").await).await);
    assert!(renewed.introspect(&token).await.is_active());
}

/// Threat S11.
#[tokio::test]
async fn an_overlap_ends_at_its_deadline_on_every_node() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let old = shop.key("api").create().await;
    let token = old.token("").await;
    let secret = regenerate(&old, Duration::from_secs(20)).await;
    let node = app.second_node(Build::default()).await;
    let renewed = Key { secret, project: old.project.clone(), id: old.id.clone(), app: &app };
    let there = |key: &Key<'_>| {
        node.post("/oauth/token", "grant_type=client_credentials").basic(key.id.as_str(), &key.secret)
    };

    // Remembered records as well: time passes, and nothing is published.
    app.pass(Duration::from_millis(19_999)).await;
    node.follow().await;
    assert_eq!((old.ask("").send().await.status, there(&old).send().await.status), (200, 200));
    app.pass(Duration::from_millis(1)).await;
    assert_eq!((old.ask("").send().await.status, there(&old).send().await.status), (401, 401));
    assert_eq!((renewed.ask("").send().await.status, there(&renewed).send().await.status), (200, 200));
    assert!(house.admits(&token).await);
}

#[tokio::test]
async fn a_key_has_five_live_secrets_at_most() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let key = shop.key("api").create().await;
    let hour = Duration::from_hours(1);
    for _ in 0..4 {
        regenerate(&key, hour).await;
    }
    let sixth = app.shell.regenerate(&key.id, hour, &Why::default()).await;
    assert!(matches!(sixth, Err(Error::Edit(_))));
    assert_eq!(key.ask("").send().await.status, 200, "the first still overlaps");
    // Whoever ends the old ones at once may always.
    regenerate(&key, Duration::ZERO).await;
    assert_eq!(key.ask("").send().await.status, 401);
}

/// A default audience is the key's own list or the project's, and stays what it was.
#[tokio::test]
async fn an_audience_added_to_a_key_changes_no_default() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let default = default_audience(&shop);
    let key = shop.key("api").audiences(&[&default]).create().await;
    let token = key.token("").await;
    assert!(!key.edit(|key| key.audiences.push(AUDIENCE.parse().unwrap())).await);
    app.follow().await;
    assert_eq!(key.introspect(&token).await.json()["aud"], default.as_str());
    assert_eq!(key.introspect(&key.token("").await).await.json()["aud"], default.as_str());
}

/// What was acknowledged counts at once, whatever is remembered: a mint after it is not decided on
/// the state before it (promise P2).
#[tokio::test]
async fn a_new_key_or_secret_works_before_the_node_has_followed() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let key = shop.key("api").create().await;
    let token = key.token("").await;
    let ask = |secret: &str| {
        app.post("/oauth/token", "grant_type=client_credentials").basic(key.id.as_str(), secret)
    };
    let (_, secret) = app.shell.regenerate(&key.id, Duration::ZERO, &Why::default()).await.unwrap();
    assert_eq!(ask(secret.expose()).send().await.status, 200);
    let introspect = app.post("/oauth/introspect", &format!("token={token}"));
    assert!(introspect.bearer(secret.expose()).send().await.is_active());
    assert_eq!(ask(&key.secret).send().await.status, 401);

    // Looked for before it was there.
    let details = KeyDetails { name: "early".into(), ..shop.key("api").details };
    let elsewhere = app.second_node_unread(Build::default()).await;
    let (early, secret) = elsewhere.shell.create_key(&shop.project.id, details).await.unwrap();
    let ask = |secret: &str| {
        app.post("/oauth/token", "grant_type=client_credentials").basic(early.id.as_str(), secret)
    };
    assert_eq!(ask("wrong").send().await.status, 401);
    assert_eq!(ask(secret.expose()).send().await.status, 200);
}
