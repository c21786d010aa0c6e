//! Whatever narrows kills the tokens that are out, the next time the node looks.

use portcullis::domain::{CatalogueScope, KeyDetails, Lifetime, Timestamp};
use portcullis::keys::acts::KeyAct;

use super::{AUDIENCE, House, default_audience, furnish};
use crate::support::App;

type Edit = fn(&mut KeyDetails);

#[tokio::test]
async fn an_edit_that_narrows_a_key_kills_its_tokens() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let default = default_audience(&shop);
    let edits: [(&str, Edit); 9] = [
        ("permission removed", |key| key.permissions = "orders:read orders:write".parse().unwrap()),
        ("permissions all removed", |key| key.permissions = "".parse().unwrap()),
        ("allowlist tightened", |key| key.allowlist = "192.0.2.0/25".parse().unwrap()),
        ("allowlist moved", |key| key.allowlist = "198.51.100.0/24".parse().unwrap()),
        ("audience removed", |key| key.audiences.truncate(1)),
        ("default audience changed", |key| key.audiences.reverse()),
        ("scope required", |key| key.require_scope = true),
        ("lifetime shortened", |key| key.token_lifetime = Lifetime::from_secs(899)),
        ("end set", |key| key.expires_at = Some(Timestamp::from_secs(4_000_000_000))),
    ];
    for (what, edit) in edits {
        let key = shop.key("api reports:read").allow("192.0.2.0/24").audiences(&[&default, AUDIENCE]);
        let key = key.create().await;
        let (token, narrow) = (key.token("").await, key.token("orders:read").await);
        assert!(house.admits(&token).await && house.admits(&narrow).await, "{what}");

        assert!(key.edit(edit).await, "{what} was not called narrowing");
        app.follow().await;

        assert!(!house.admits(&token).await, "{what}");
        // Not even the one that asked for no more than what is left: nobody tells them apart.
        assert!(!house.admits(&narrow).await, "{what}");
    }
}

#[tokio::test]
async fn block_delete_and_revoke_kill_the_tokens() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    for act in [KeyAct::Block, KeyAct::Delete, KeyAct::RevokeTokens] {
        let (key, neighbour) = (shop.key("api").create().await, shop.key("api").create().await);
        let (token, other) = (key.token("").await, neighbour.token("").await);

        key.act(act).await;
        app.follow().await;

        assert!(!house.admits(&token).await, "{act:?}");
        assert!(house.admits(&other).await, "{act:?} of another key");
        let again = key.ask("").send().await;
        match act {
            KeyAct::RevokeTokens => assert!(house.admits(&again.token()).await),
            _ => assert_eq!(again.refusal(), (401, "invalid_client".into()), "{act:?}"),
        }
    }
}

#[tokio::test]
async fn an_edit_that_narrows_a_project_kills_all_its_tokens_and_no_others() {
    let app = App::start().await;
    let (shop, other) = (furnish(&app).await, app.tenant("other").await);
    let house = House::of(&shop).await;
    let default = default_audience(&shop);
    let key = shop.key("api").audiences(&[&default, AUDIENCE]).create().await;
    let unconcerned = shop.key("reports:read").create().await;
    let abroad = other.key("api").create().await;
    let stays = abroad.token("").await;
    let (id, api) = (&shop.project.id, || "api".parse().unwrap());
    let less = CatalogueScope { includes: "orders:read".parse().unwrap(), ..Default::default() };
    for turn in 0..3 {
        let tokens = [key.token("").await, unconcerned.token("").await];
        for token in &tokens {
            assert!(house.admits(token).await, "turn {turn}");
        }

        match turn {
            0 => app.shell.set_scope(id, api(), less.clone()).await,
            1 => app.shell.remove_scope(id, api()).await,
            _ => app.shell.remove_audience(id, AUDIENCE.parse().unwrap()).await,
        }
        .unwrap();
        app.follow().await;

        for token in &tokens {
            assert!(!house.admits(token).await, "turn {turn}");
        }
        assert!(abroad.introspect(&stays).await.is_active(), "turn {turn}");
        assert!(house.admits(&key.token("").await).await, "turn {turn}");
    }
    // And what the includes gave is gone.
    assert_eq!(key.ask("scope=orders:read").send().await.refusal(), (400, "invalid_scope".into()));
}

/// Threat S21.
#[tokio::test]
async fn a_token_minted_before_its_allowlist_was_tightened_is_dead_even_where_it_would_still_fit() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let house = House::of(&shop).await;
    let key = shop.key("api").allow("192.0.2.0/24").create().await;
    let token = key.token("").await;
    assert_eq!(app.get("/v1/auth/verify").bearer(&token).from("198.51.100.1").send().await.status, 403);

    assert!(key.edit(|key| key.allowlist = "192.0.2.1".parse().unwrap()).await);
    app.follow().await;

    assert!(!house.admits(&token).await);
    let new = key.token("").await;
    assert!(house.admits(&new).await);
    assert_eq!(app.get("/v1/auth/verify").bearer(&new).from("192.0.2.2").send().await.status, 403);
    assert_eq!(key.ask("").from("192.0.2.2").send().await.refusal(), (400, "unauthorized_client".into()));
}
