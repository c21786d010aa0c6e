//! What the proxy says is read strictly: a proxy that was set up wrongly admits nobody, and does not
//! blame the token (threats S14, S34).

use super::{admitted, of, refused, verdict, verify};
use crate::support::{App, Build};

#[tokio::test]
async fn a_proxy_that_asks_wrongly_admits_nobody() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let token = shop.key("orders:* items").create().await.token("").await;
    let id = shop.project.id.as_str();
    let long = format!("project={id}&scope={}", "a".repeat(2048));
    let many = format!("project={id}&{}", "scope=a&".repeat(100));
    let rows = [
        "",
        "?",
        "?project=",
        "?scope=items",
        "?project=the%20shop",
        "?project=%FF",
        &format!("?project={id}&project={id}"),
        &format!("?project={id}&project=prj_other"),
        &format!("?project={id}&%70roject=prj_other"),
        &format!("?project={id}&scope=items&scope=items"),
        &format!("?project={id}&scope=&scope=items"),
        // A variable that nobody set, a name that nobody knows: both would open what they guard.
        &format!("?project={id}&scope="),
        &format!("?project={id}&audience="),
        &format!("?project={id}&audience=urn:a&audience="),
        &format!("?project={id}&scopes=admin"),
        &format!("?project={id}&Scope=admin"),
        &format!("?project={id}&x=y"),
        &format!("?project={id}&scope=+items"),
        &format!("?project={id}&scope=items%00"),
        &format!("?project={id}&scope=items%09orders:x"),
        &format!("?project={id}&scope=orders:"),
        &format!("?project={id}&scope=%22"),
        &format!("?project={id}&scope=%"),
        &format!("?project={id}&audience=%22"),
        &format!("?project={id}&audience=urn:a%0D"),
        &format!("?{long}"),
        &format!("?{many}"),
    ];
    for query in rows {
        let answer = app.get(&format!("/verify{query}")).bearer(&token).send().await;
        assert_eq!(verdict(&answer), refused(400, "invalid_request"), "{query}");
        assert!(answer.text().contains("the proxy in front asks wrongly: "), "{}", answer.text());
    }
}

#[tokio::test]
async fn the_scope_that_is_needed_is_covered_as_a_whole_or_not_at_all() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let token = shop.key("orders:* items").create().await.token("").await;
    for (scope, passes) in [
        ("orders:x", true),
        ("orders:x+items", true),
        ("orders:x%20items", true),
        ("orders", false),
        ("items:read", false),
        ("orders:x+admin", false),
        ("*", false),
        ("ITEMS", false),
        ("portcullis:introspect", false),
    ] {
        let expected = if passes { admitted() } else { refused(403, "insufficient_scope") };
        assert_eq!(of(verify(&shop, &format!("&scope={scope}")).bearer(&token)).await, expected, "{scope}");
    }
}

#[tokio::test]
async fn the_header_for_scope_only_adds() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let token = shop.key("orders:read items").create().await.token("").await;
    let ask = |query: &str, lines: &[&str]| {
        let question = verify(&shop, query).bearer(&token);
        lines.iter().fold(question, |question, line| question.header("x-required-scope", line))
    };
    let narrow = refused(403, "insufficient_scope");
    for (query, lines, expected) in [
        ("", &["items"][..], admitted()),
        ("", &[""], admitted()),
        ("", &["items orders:read"], admitted()),
        ("", &["items", "orders:read"], admitted()),
        ("", &["admin"], narrow.clone()),
        ("", &["items", "admin"], narrow.clone()),
        ("&scope=items", &["admin"], narrow.clone()),
        // It takes nothing back of what the URL demands.
        ("&scope=admin", &["items"], narrow.clone()),
        ("&scope=admin", &[""], narrow),
        ("", &["items "], refused(400, "invalid_request")),
        ("", &["a\"b"], refused(400, "invalid_request")),
        ("", &["é"], refused(400, "invalid_request")),
    ] {
        assert_eq!(of(ask(query, lines)).await, expected, "{query} {lines:?}");
    }
    let long = "a ".repeat(2000);
    assert_eq!(of(ask("", &[long.trim()])).await, refused(400, "invalid_request"));
    let line = "a".repeat(1500);
    assert_eq!(of(ask("", &[&line, &line])).await, refused(400, "invalid_request"), "together too long");
}

#[tokio::test]
async fn the_default_project_is_for_proxies_that_name_none() {
    let app = App::start().await;
    let (shop, rival) = (app.tenant("shop").await, app.tenant("rival").await);
    let ours = shop.key("orders:read").create().await.token("").await;
    let theirs = rival.key("orders:read").create().await.token("").await;
    let build = Build::default().set("PORTCULLIS_VERIFY_DEFAULT_PROJECT", shop.project.id.as_str());
    let node = app.second_node(build).await;
    let ask = async |query: &str, token: &str| of(node.get(&format!("/verify{query}")).bearer(token)).await;
    assert_eq!(ask("", &ours).await, admitted());
    assert_eq!(ask("?scope=orders:read", &ours).await, admitted());
    assert_eq!(ask("", &theirs).await, refused(401, "project"));
    let named = format!("?project={}", rival.project.id);
    assert_eq!(ask(&named, &theirs).await, admitted());
    assert_eq!(ask(&named, &ours).await, refused(401, "project"));
    assert_eq!(ask("?project=", &ours).await, refused(400, "invalid_request"));
}

#[tokio::test]
async fn a_token_for_one_of_the_audiences_passes() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    for name in ["urn:a", "urn:b"] {
        shop.audience(name).await;
    }
    let default = format!("{}/projects/{}", crate::support::ISSUER, shop.project.id);
    let key = shop.key("orders:read").audiences(&[&default, "urn:a", "urn:b"]).create().await;
    let token = key.ask("audience=urn:a").send().await.token();
    let (plain, passes, not) = (key.token("").await, admitted(), refused(401, "audience"));
    for (more, for_a, for_default) in [
        ("", not.clone(), passes.clone()),
        ("&audience=urn:a", passes.clone(), not.clone()),
        ("&audience=urn:b", not.clone(), not.clone()),
        ("&audience=urn:b&audience=urn:a", passes.clone(), not.clone()),
        (&format!("&audience=urn:a&audience={default}"), passes.clone(), passes),
        ("&audience=urn:A", not.clone(), not),
    ] {
        assert_eq!(of(verify(&shop, more).bearer(&token)).await, for_a, "{more}");
        assert_eq!(of(verify(&shop, more).bearer(&plain)).await, for_default, "{more}");
    }
}
