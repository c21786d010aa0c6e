//! No parameter of a query is dropped in silence (threat S14): an operation reads what the document lists, and
//! refuses the rest before anything is done.

use serde_json::{Value, json};

use super::no;
use crate::support::App;
use crate::support::Listed as _;

/// Parameters that some operation takes, and some that none does.
fn parameters(document: &Value) -> Vec<String> {
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|it| it.as_object().unwrap().values());
    let listed = operations.flat_map(|it| it["parameters"].as_array().cloned().unwrap_or_default());
    let mut all: Vec<String> = listed
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .chain(["nonsense", "Wait", "dry_run", "force"].map(ToOwned::to_owned))
        .collect();
    all.sort_unstable();
    all.dedup();
    assert!(all.contains(&"wait".to_owned()) && all.len() > 15, "{all:?}");
    all
}

#[tokio::test]
async fn a_parameter_that_an_operation_does_not_take_is_refused_and_nothing_is_done() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    shop.scope("api", "").await;
    let key = shop.key("api").create().await;
    let admin = app.administrator("").await;
    let document = app.administer(axum::http::Method::GET, "/openapi.json").send().await.json();
    let before = app.shell.store.audit(0, 1000).await.unwrap().len();
    let mut refused = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("security").is_none() {
                continue; // What anybody may ask is the same whatever is asked.
            }
            let taken = |name: &str| {
                operation["parameters"].as_array().is_some_and(|all| all.iter().any(|it| it["name"] == name))
            };
            let named = path.replace("{project}", shop.project.id.as_str()).replace("{key}", key.id.as_str());
            let named = named.replace("{secret}", "sec_000000000000").replace("{scope}", "api");
            let named =
                named.replace("{token}", "AAAAAAAAAAAAAAAAAAAAAA").replace("{audience}", "urn:example:1");
            let named = named.replace("{webhook}", "whk_0000000000000000");
            let named = named.replace("{message}", "msg_0000000000000000000000");
            let named = named.replace(['{', '}'], "");
            for parameter in parameters(&document).iter().filter(|name| !taken(name)) {
                let value = if parameter == "wait" { "applied" } else { "1" };
                let send = admin
                    .send(method.to_uppercase().parse().unwrap(), &format!("{named}?{parameter}={value}"));
                let answer = send.header("if-match", "*").json(&json!({})).send().await;
                assert_eq!(answer.problem(), no(400, "invalid_request"), "{method} {path}?{parameter}");
                refused += 1;
            }
        }
    }
    assert!(refused > 400, "{refused}");
    assert_eq!(app.shell.store.audit(0, 1000).await.unwrap().len(), before);
}
