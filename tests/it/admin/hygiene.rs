//! Hygiene by the API: what is unused, ends soon, or holds more than it uses.

use std::time::Duration;

use serde_json::{Value, json};

use super::{key_of, no};
use crate::support::{App, raw_keys};

fn names(page: &Value) -> Vec<&str> {
    let mut names: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

fn row<'a>(page: &'a Value, name: &str) -> &'a Value {
    let rows = page["items"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {page}"))
}

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn keys_are_found_that_are_unused_never_used_or_end_soon_in_pages() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let admin = app.administrator("").await;
    let project = &shop.project.id;
    let make = async |name: &str| admin.make_key(&key_of(project, name, &["orders"])).await;
    let (busy, idle, _never) = (make("busy").await, make("idle").await, make("never").await);
    idle.token("").await;
    app.server.uses.step().await.unwrap();
    app.pass(100 * DAY).await;
    let fresh = admin_again(&app).await.make_key(&key_of(project, "fresh", &["orders"])).await;
    let mut ending = key_of(project, "ending", &["orders"]);
    ending["expires_at"] = json!(app.now() + 10 * 86_400);
    admin_again(&app).await.make_key(&ending).await;
    for used in [&busy, &fresh] {
        used.token("").await;
    }
    app.pass(Duration::from_mins(2)).await;
    app.server.uses.step().await.unwrap();
    let admin = admin_again(&app).await;
    let list = async |query: &str| {
        let page = admin.get(&format!("/admin/v1/keys?project={project}&{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        page.json()
    };
    for (query, expected) in [
        ("unused_days=90", &["idle", "never"][..]),
        ("unused_days=200", &[]),
        ("unused_days=1&never_used=true", &["never"]),
        ("never_used=true", &["ending", "never"]),
        ("expiring_days=14", &["ending"]),
        ("expiring_days=9", &[]),
        ("expiring_days=14&unused_days=1", &[]),
        ("q=e&never_used=true&state=active", &["ending", "never"]),
        ("role=support", &[]),
    ] {
        assert_eq!(names(&list(query).await), expected, "{query}");
    }
    assert_eq!(row(&list("unused_days=90").await, "never")["last_used_at"], json!(null));
    let used = row(&list("unused_days=90").await, "idle")["last_used_at"].as_i64().unwrap();
    assert!((100 * 86_400..=100 * 86_400 + 300).contains(&(app.now() - used)), "{used}");
    assert_eq!(row(&list("expiring_days=14").await, "ending")["ends_at"], ending["expires_at"]);

    let first = list("unused_days=90&limit=1").await;
    let cursor = first["next"].as_str().unwrap();
    let second = list(&format!("unused_days=90&limit=1&cursor={cursor}")).await;
    assert_eq!((second["items"].as_array().unwrap().len(), &second["next"]), (1, &json!(null)));
    assert_ne!(first["items"][0]["name"], second["items"][0]["name"]);
    let other = format!("/admin/v1/keys?project={project}&unused_days=91&limit=1&cursor={cursor}");
    assert_eq!(admin.get(&other).await.problem(), no(400, "invalid_cursor"));
    for wrong in [
        "unused_days=0",
        "unused_days=90d",
        "unused_days=36526",
        "never_used=yes",
        "expiring_days=-1",
        "role=a+b",
    ] {
        let refused = admin.get(&format!("/admin/v1/keys?{wrong}")).await;
        assert_eq!(refused.problem(), no(400, "invalid_request"), "{wrong}");
    }
}

async fn admin_again(app: &App) -> super::Administrator<'_> {
    app.administrator("").await
}

#[tokio::test]
async fn permissions_by_which_nothing_was_granted_are_named_as_far_as_that_can_be_known() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "campaigns vouchers").await;
    let admin = app.administrator("").await;
    let project = shop.project.id.to_string();
    let support = json!({ "role": "support", "permissions": ["refunds", "reports"] });
    assert_eq!(admin.post(&format!("/admin/v1/projects/{project}/roles"), &support).await.status, 201);
    let make = async |name: &str, permissions: &[&str], role: Option<&str>| {
        let mut body = key_of(&project, name, permissions);
        body["role"] = json!(role);
        admin.make_key(&body).await
    };
    let broad =
        make("broad", &["api", "campaigns", "orders:*", "portcullis:introspect"], Some("support")).await;
    let whole = make("whole", &["api", "orders:*"], None).await;
    make("idle", &["api"], None).await;
    app.follow().await;
    for scope in ["campaigns", "reports"] {
        broad.token(scope).await;
    }
    whole.token("").await;
    let report = async |more: &str| {
        let admin = app.administrator("portcullis:keys:read").await;
        let answer = admin.get(&format!("/admin/v1/hygiene?project={project}{more}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };

    let page = report("").await;
    assert_eq!(names(&page), ["broad", "idle"], "{page}");
    let found = row(&page, "broad");
    assert_eq!(found["since"], app.now(), "not before it was made");
    // `api` includes what was granted; what introspects leaves no trace in the log.
    assert_eq!(found["unused_permissions"], json!(["orders:*", "refunds"]));
    assert_eq!((&found["findings"], &found["role"]), (&json!(["over_broad"]), &json!("support")));
    assert_eq!(names(&report(&format!("&key={}", broad.id)).await), ["broad"]);
    let first = report("&limit=1").await;
    let rest = report(&format!("&limit=2&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!([names(&first), names(&rest)].concat().len(), 2);
    assert_eq!(rest["next"], Value::Null);

    // Ten days later it is a matter of how far one looks.
    app.pass(10 * DAY).await;
    broad.token("refunds").await;
    let page = report("&over_broad_days=5").await;
    assert_eq!(row(&page, "broad")["unused_permissions"], json!(["api", "campaigns", "orders:*", "reports"]));
    assert_eq!(row(&page, "broad")["since"], app.now() - 5 * 86_400);
    assert_eq!(names(&page), ["broad", "idle", "whole"]);
    let page = report("&over_broad_days=30").await;
    assert_eq!(row(&page, "broad")["unused_permissions"], json!(["orders:*"]));
    // Who goes on looking where the log ended says so.
    let earlier = report(&format!("&over_broad_days=30&log_until={}", app.now() - 86_400)).await;
    assert_eq!(row(&earlier, "broad")["unused_permissions"], json!(["orders:*", "refunds"]));
    // The log is kept for thirty days, and nothing is said of what was before.
    app.pass(90 * DAY).await;
    let page = report("&over_broad_days=60").await;
    assert_eq!(row(&page, "broad")["since"], app.now() - 30 * 86_400);
    assert_eq!(row(&page, "idle")["findings"], json!(["never_used", "over_broad"]));

    // Where keys pass without tokens, nobody knows what for.
    app.shell.edit_project(&shop.project.id, raw_keys(true)).await.unwrap();
    app.follow().await;
    broad.token("refunds").await;
    app.pass(Duration::from_mins(2)).await;
    app.server.uses.step().await.unwrap();
    let page = report("").await;
    assert!(names(&page).iter().all(|name| *name != "broad"), "{page}");
    assert_eq!(row(&page, "idle")["unused_permissions"], json!(["api"]));
}
