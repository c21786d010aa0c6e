//! Scopes that administrators alone hold cannot be had by a tenant, by no detour (threat S50).

use portcullis::domain::CatalogueScope;
use portcullis::keys::acts::{Error, Why};

use super::furnish;
use crate::support::{App, part};

const ADMINISTRATIVE: [&str; 6] = [
    "portcullis:keys:write",
    "portcullis:keys:read",
    "portcullis:signing:write",
    "portcullis:project:prj_x:keys:write",
    "portcullis:*",
    "portcullis:keys:*",
];

#[tokio::test]
async fn no_key_of_a_tenant_is_made_or_edited_to_hold_one() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let key = shop.key("api").create().await;
    for scope in ADMINISTRATIVE {
        let mut details = shop.key(scope).details;
        details.permissions.extend(["api".parse().unwrap()]);
        let made = app.shell.create_key(&shop.project.id, details).await;
        assert!(matches!(made, Err(Error::Details(_))), "{scope}");
        let why = Why::default();
        let edited = app.shell.edit_key(
            &key.id,
            |mut details| {
                details.permissions = format!("api {scope}").parse().unwrap();
                details
            },
            &why,
        );
        assert!(matches!(edited.await, Err(Error::Details(_))), "{scope}");
        let refused = key.ask(&format!("scope={scope}")).send().await;
        assert_eq!(refused.refusal(), (400, "invalid_scope".into()), "{scope}");
    }
    assert_eq!(key.ask("").send().await.json()["scope"], "api");
}

#[tokio::test]
async fn no_catalogue_of_a_tenant_defines_or_includes_one() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    for scope in ADMINISTRATIVE.into_iter().chain(["portcullis:introspect", "portcullis"]) {
        let defined =
            app.shell.set_scope(&shop.project.id, scope.parse().unwrap(), CatalogueScope::default());
        assert!(matches!(defined.await, Err(Error::Scope(_))), "{scope}");
        let entry = CatalogueScope { includes: scope.parse().unwrap(), ..CatalogueScope::default() };
        let included = app.shell.set_scope(&shop.project.id, "api".parse().unwrap(), entry);
        assert!(matches!(included.await, Err(Error::Scope(_))), "{scope}");
    }
}

/// Whatever got into the database, by an import or by hand: a wildcard covers none of them, and
/// a token of a tenant says whose it is.
#[tokio::test]
async fn a_wildcard_that_is_there_all_the_same_gives_nothing() {
    let app = App::start().await;
    let shop = furnish(&app).await;
    let key = shop.import("imported", "a-secret-of-more-than-16-characters", "portcullis:* api").await;
    for scope in ["portcullis:keys:write", "portcullis:introspect", "portcullis:revocations"] {
        let refused = key.ask(&format!("scope={scope}")).send().await;
        assert_eq!(refused.refusal(), (400, "invalid_scope".into()), "{scope}");
    }
    let token = key.token("").await;
    let claims = part(&token, 1);
    assert_eq!(claims["prj"], shop.project.id.as_str());
    assert!(!claims["scope"].as_str().unwrap().contains("portcullis"), "{claims}");
    let to_admin = key.ask("audience=https%3A%2F%2Ftokens.example.com%2Fadmin").send().await;
    assert_eq!(to_admin.refusal(), (400, "invalid_target".into()));
}
