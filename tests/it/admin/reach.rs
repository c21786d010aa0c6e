//! No administrator makes a key worth more than their own (threats S16, S50).

use serde_json::{Value, json};

use super::{Administrator, key_of, no};
use crate::support::{App, Build, Hand, Key, keys_of};

struct Scene<'a> {
    /// Holds keys, everywhere, from two networks and for an hour.
    keeper: Administrator<'a>,
    /// A key that may also rotate signing keys.
    above: Key<'a>,
    whole: Administrator<'a>,
}

impl<'a> Scene<'a> {
    async fn set(app: &'a App) -> Self {
        let whole = app.administrator("").await;
        let mut keeper = key_of(&"portcullis", "keeper", &["portcullis:keys:write"]);
        keeper["allowlist"] = json!(["192.0.2.0/24", "198.51.100.0/24"]);
        keeper["expires_at"] = json!(app.now() + 3600);
        let keeper = whole.make_key(&keeper).await;
        let above = key_of(&"portcullis", "above", &["portcullis:keys:write", "portcullis:signing:write"]);
        let above = whole.make_key(&above).await;
        app.follow().await;
        Self { keeper: Administrator::with(&keeper).await, above, whole }
    }
}

/// As much as the keeper may give.
fn within(app: &App) -> Value {
    let mut body = key_of(&"portcullis", "deputy", &["portcullis:keys:read", "portcullis:tokens:revoke"]);
    body["allowlist"] = json!(["192.0.2.0/25"]);
    body["expires_at"] = json!(app.now() + 3600);
    body
}

#[tokio::test]
async fn a_key_is_made_within_its_makers_reach_or_not_at_all() {
    let app = App::start().await;
    let scene = Scene::set(&app).await;
    assert_eq!(scene.keeper.post("/admin/v1/keys", &within(&app)).await.status, 201);
    for (field, beyond) in [
        ("permissions", json!(["portcullis:signing:write"])),
        ("permissions", json!(["portcullis:keys:read", "portcullis:audit:read"])),
        ("permissions", json!(["portcullis:project:prj_x:projects:read"])),
        ("allowlist", json!([])),
        ("allowlist", json!(["0.0.0.0/0"])),
        ("allowlist", json!(["192.0.2.0/23"])),
        ("expires_at", json!(app.now() + 3601)),
        ("expires_at", Value::Null),
    ] {
        let mut body = within(&app);
        body[field] = beyond.clone();
        let refused = scene.keeper.post("/admin/v1/keys", &body).await;
        assert_eq!(refused.problem(), no(403, "insufficient_scope"), "{field} {beyond}");
        assert_eq!(scene.whole.post("/admin/v1/keys", &body).await.status, 201, "{field} {beyond}");
    }
}

#[tokio::test]
async fn a_key_is_raised_within_the_reach_of_whoever_raises_it_or_not_at_all() {
    let app = App::start().await;
    let scene = Scene::set(&app).await;
    let deputy = scene.keeper.make_key(&within(&app)).await;
    let path = format!("/admin/v1/keys/{}", deputy.id);
    for beyond in [
        json!({ "permissions": ["portcullis:signing:read"] }),
        json!({ "allowlist": null }),
        json!({ "allowlist": ["10.0.0.0/8"] }),
        json!({ "expires_at": null }),
    ] {
        let refused = scene.keeper.patch(&path, &beyond).await;
        assert_eq!(refused.problem(), no(403, "insufficient_scope"), "{beyond}");
    }
    let raised = json!({ "permissions": ["portcullis:keys:write"], "allowlist": ["192.0.2.0/24"] });
    assert_eq!(scene.keeper.patch(&path, &raised).await.status, 200);
}

#[tokio::test]
async fn nobody_comes_by_a_secret_of_a_key_above_them_but_anybody_who_may_stop_keys_stops_it() {
    let app = App::start().await;
    let scene = Scene::set(&app).await;
    let path = format!("/admin/v1/keys/{}", scene.above.id);
    for act in ["regenerate", "secrets"] {
        let refused = scene.keeper.post(&format!("{path}/{act}"), &json!({})).await;
        assert_eq!(refused.problem(), no(403, "insufficient_scope"), "{act}");
        assert!(!refused.text().contains("psk_"));
    }
    assert_eq!(scene.keeper.patch(&path, &json!({ "name": "mine" })).await.status, 403);
    assert_eq!(scene.keeper.post(&format!("{path}/block"), &json!({})).await.status, 200);
    assert_eq!(scene.keeper.post(&format!("{path}/unblock"), &json!({})).await.status, 403);
    assert_eq!(scene.above.ask("").send().await.status, 401);
    assert_eq!(scene.whole.post(&format!("{path}/unblock"), &json!({})).await.status, 200);
    assert_eq!(scene.above.ask("").send().await.status, 200);
}

#[tokio::test]
async fn a_narrowed_token_reaches_no_further_than_it_is_narrowed() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let limited = app.administrator(&format!("portcullis:project:{}:keys:write", shop.project.id)).await;
    let administrators = key_of(&"portcullis", "me", &["portcullis:keys:write"]);
    assert_eq!(
        limited.post("/admin/v1/keys", &administrators).await.problem(),
        no(403, "insufficient_scope")
    );
    let first = format!("/admin/v1/keys/{}", app.admin().id);
    assert_eq!(limited.get(&first).await.status, 404);
    assert_eq!(limited.post(&format!("{first}/secrets"), &json!({})).await.status, 404);
    // What a tenant's key may do is the tenant's affair; that it administers nothing is ours.
    for (permission, status) in [
        ("orders:*", 201),
        ("portcullis:introspect", 201),
        ("portcullis:keys:read", 422),
        ("portcullis:*", 422),
    ] {
        let made = limited.post("/admin/v1/keys", &key_of(&shop.project.id, "k", &[permission])).await;
        assert_eq!(made.status, status, "{permission}");
    }
}

#[tokio::test]
async fn a_role_that_is_raised_while_somebody_gives_it_to_a_new_key_is_beyond_them_as_it_is_then() {
    let hand = Hand::new();
    let app = Build::default().store(hand.wrap()).start().await;
    let whole = app.administrator("").await;
    let keeper = whole.make_key(&key_of(&"portcullis", "keeper", &["portcullis:keys:write"])).await;
    app.follow().await;
    let keeper = Administrator::with(&keeper).await;
    let roles = "/admin/v1/projects/portcullis/roles";
    assert_eq!(whole.post(roles, &json!({ "role": "nights" })).await.status, 201);
    let before = keys_of(app.shell.store.as_ref(), &app.admin().project).await.unwrap();
    let mut body = key_of(&"portcullis", "mine", &[]);
    body["role"] = json!("nights");

    hand.roles.close();
    let raised = async {
        hand.roles.until_came(1).await;
        // By another process: it waits at no door.
        let role = "nights".parse().unwrap();
        let raise = |before| portcullis::domain::RoleDetails {
            permissions: "portcullis:signing:write".parse().unwrap(),
            ..before
        };
        let project = app.admin().project;
        app.shell.edit_role(&project, &role, raise, &portcullis::keys::acts::Why::default()).await.unwrap();
        hand.roles.release();
    };
    let (made, ()) = tokio::join!(keeper.post("/admin/v1/keys", &body), raised);

    assert_eq!(made.problem(), no(403, "insufficient_scope"), "{}", made.text());
    assert_eq!(keys_of(app.shell.store.as_ref(), &app.admin().project).await.unwrap(), before);
}
