//! Lists under attack (threat S37): every list of the document, every parameter that it takes, on both engines.
//! A cursor is good for the question that it was given for; a text is found as it is written, and is no pattern
//! and no SQL.

use std::collections::BTreeSet;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::domain::RoleDetails;
use portcullis::keys::acts::KeyAct;
use serde_json::{Value, json};

use super::{Administrator, no};
use crate::support::{Answer, App, Build, Engine, Receiver, escape, is_secret};

/// What a text may do to a query that was put together from pieces.
const ODD: [&str; 19] = [
    "%",
    "_",
    "\\",
    "'",
    "\"",
    "a%b",
    "a_b",
    "A_B",
    "aXb",
    "\\%",
    "'; DROP TABLE api_keys; --",
    "' OR '1'='1",
    "x') OR 1=1 --",
    "$1",
    "{}",
    "[\"portcullis\"]",
    "K\u{e4}se",
    "\u{212a}elvin",
    "\u{130}stanbul",
];
/// What cannot stand in any row.
const BROKEN: [&str; 7] = ["%00", "a%00b", "%FF", "%C0%80", "%ED%A0%80", "%0A", "%E2%82"];

/// A list that the document has.
struct List {
    path: String,
    parameters: BTreeSet<String>,
}

impl List {
    fn is_paged(&self) -> bool {
        self.parameters.contains("cursor")
    }

    fn with(&self, query: &str) -> String {
        format!("{}?{query}", self.path)
    }
}

/// Everything that answers with `items`, about these things.
fn lists(document: &Value, named: &[(&str, &str)]) -> Vec<List> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let answer = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        let Some(shape) = answer.as_str().and_then(|at| document.pointer(at.strip_prefix('#').unwrap()))
        else {
            continue;
        };
        if shape["properties"].get("items").is_none() {
            continue;
        }
        let path = named.iter().fold(path.clone(), |path, (name, value)| path.replace(name, &escape(value)));
        assert!(!path.contains('{'), "say what it is about: {path}");
        let all = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let of_query = all.iter().filter(|parameter| parameter["in"] == "query");
        let parameters = of_query.map(|it| it["name"].as_str().unwrap().to_owned()).collect();
        found.push(List { path, parameters });
    }
    assert!(found.iter().filter(|list| list.is_paged()).count() >= 5, "{}", found.len());
    found
}

/// Two projects with keys whose names are odd, whose tokens are in the log, and of which some are blocked.
struct Scene<'a> {
    whole: Administrator<'a>,
    limited: Administrator<'a>,
    shop: String,
    lists: Vec<List>,
}

impl<'a> Scene<'a> {
    async fn set(app: &'a App) -> Self {
        let (shop, mill) = (app.tenant("shop").await, app.tenant("Shop").await);
        let hook = || Receiver::webhook_of(app, Some(&shop.project.id), "https://hooks.example/");
        let (webhook, _) = (hook().await, hook().await);
        let mut first = None;
        for (at, name) in ODD.iter().enumerate() {
            for tenant in [&shop, &mill] {
                // Each holds more than it uses, so that the report on hygiene has something to say of it.
                let key = tenant.key("orders spare").with(|details| details.name = (*name).into());
                let key = key.create().await;
                key.token("orders").await;
                if at % 4 == 0 {
                    key.act(KeyAct::Block).await;
                }
                first.get_or_insert(key.id);
            }
        }
        // Ids of elsewhere: alike but for the case, and full of what is special to somebody.
        for (at, id) in
            ["till%", "Till%", "TILL_", "till_", "a%b", "a_b", "$1", "~z", "!a"].iter().enumerate()
        {
            let key = shop.import(id, &format!("a-secret-from-elsewhere-{at}"), "orders spare").await;
            is_secret("a secret from elsewhere", &key.secret);
            key.token("orders").await;
        }
        for role in ["a", "A", "b.1", "b-1"] {
            let role = role.parse().unwrap();
            app.shell.create_role(&shop.project.id, role, RoleDetails::default()).await.unwrap();
        }
        for scope in ["api", "API", "a%b", "a_b", "a'b"] {
            shop.scope(scope, "orders").await;
        }
        app.follow().await;
        let whole = app.administrator("").await;
        for role in ["till", "Till", "a_b", "a.b"] {
            let (roles, body) =
                (format!("/admin/v1/projects/{}/roles", shop.project.id), json!({ "role": role }));
            assert_eq!(whole.post(&roles, &body).await.status, 201);
        }
        let rights = ["keys:read", "projects:read", "audit:read", "webhooks:read"];
        let of_shop = rights.map(|right| format!("portcullis:project:{}:{right}", shop.project.id)).join(" ");
        let document = app.administer(Method::GET, "/openapi.json").send().await.json();
        let named = [
            ("{project}", shop.project.id.as_str()),
            ("{key}", first.as_ref().unwrap().as_str()),
            ("{webhook}", webhook.as_str()),
        ];
        let lists = lists(&document, &named);
        Self { whole, limited: app.administrator(&of_shop).await, shop: shop.project.id.to_string(), lists }
    }
}

fn items(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

/// All of a list, part by part.
async fn walked(who: &Administrator<'_>, list: &List, query: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = who.get(&list.with(&format!("limit={limit}{query}{cursor}"))).await;
        found.extend(items(&page));
        let Some(next) = page.json()["next"].as_str().map(ToOwned::to_owned) else { return found };
        cursor = format!("&cursor={next}");
    }
}

/// Every way to spoil a cursor in one place, and some to make one.
fn spoilt(cursor: &str) -> Vec<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    let name = &bytes[16..];
    let mut all: Vec<Vec<u8>> = Vec::new();
    for at in 0..bytes.len() {
        let mut edited = bytes.clone();
        edited[at] ^= 1;
        all.push(edited);
        all.push(bytes[..at].to_vec());
    }
    all.push([&[0; 16], name].concat());
    all.push(name.to_vec());
    all.push([&bytes[..], b"\0"].concat());
    all.push([&bytes[..16], b"", name, name].concat());
    all.push([&bytes[..16], b"zzzz"].concat());
    all.push([&bytes[..16], b"' OR 1=1 --"].concat());
    all.push([&bytes[..16], b"\xff\xfe"].concat());
    let mut all: Vec<String> = all.iter().map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).collect();
    all.extend([
        format!("{cursor}%3D"),
        format!("{cursor}%00"),
        format!("%20{cursor}"),
        cursor.to_uppercase(),
    ]);
    all.extend(["0", "-1", "null", "AAAA", "....", "%25", "' OR 1=1 --"].map(escape));
    all.retain(|it| !it.is_empty() && it != cursor);
    all
}

async fn cursors_are_the_lists_own(engine: Engine) {
    let app = Build::default().on(engine).start().await;
    let scene = Scene::set(&app).await;
    let paged: Vec<&List> = scene.lists.iter().filter(|list| list.is_paged()).collect();
    let first = async |scene: &Scene<'_>, list: &List, query: &str| -> String {
        let page = scene.whole.get(&list.with(&format!("limit=1{query}"))).await;
        let next = page.json()["next"].as_str().map(ToOwned::to_owned);
        next.unwrap_or_else(|| panic!("a list of one: {} {}", list.path, page.text()))
    };
    let mut forged = 0;
    for list in &paged {
        let cursor = first(&scene, list, "").await;
        let taken = scene.whole.get(&list.with(&format!("limit=1&cursor={cursor}"))).await;
        assert_eq!(items(&taken).len(), 1);
        let mut refused = spoilt(&cursor);
        for other in paged.iter().filter(|other| other.path != list.path) {
            refused.push(first(&scene, other, "").await);
        }
        // Of another project, another filter.
        if list.parameters.contains("project") {
            refused.push(first(&scene, list, &format!("&project={}", scene.shop)).await);
        }
        if list.parameters.contains("q") {
            refused.push(first(&scene, list, "&q=s").await);
        }
        for forgery in refused {
            let answer = scene.whole.get(&list.with(&format!("cursor={forgery}"))).await;
            assert_eq!(answer.problem().0, 400, "{} {forgery}: {}", list.path, answer.text());
            assert!(!answer.text().contains("OR 1=1"), "{}", answer.text());
            forged += 1;
        }
        for parameter in
            list.parameters.iter().filter(|name| !["cursor", "limit", "after"].contains(&name.as_str()))
        {
            let value = match parameter.as_str() {
                "project" => scene.shop.as_str(),
                "state" if list.path.ends_with("/deliveries") => "waiting",
                "state" => "active",
                "revoke" => "key",
                "order" => "newest",
                "address" => "192.0.2.1",
                "since" | "until" | "log_until" => "1",
                "unused_days" | "expiring_days" | "over_broad_days" => "7",
                "never_used" => "true",
                _ => "s",
            };
            let answer = scene.whole.get(&list.with(&format!("{parameter}={value}&cursor={cursor}"))).await;
            assert_eq!(answer.problem(), no(400, "invalid_cursor"), "{} {parameter}", list.path);
        }
        // Somebody else's shows nothing that is beyond whoever has it: it says where to go on, not what to see.
        if list.path.starts_with("/admin/v1/signing-keys") {
            continue;
        }
        let all = walked(&scene.limited, list, "", 1000).await;
        for page in items(&scene.limited.get(&list.with(&format!("limit=1000&cursor={cursor}"))).await) {
            assert!(all.contains(&page), "{}: beyond reach: {page}", list.path);
        }
    }
    assert!(forged > 300, "{forged}");
}

#[tokio::test]
async fn a_forged_edited_or_foreign_cursor_is_refused_by_every_list_on_sqlite() {
    cursors_are_the_lists_own(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_forged_edited_or_foreign_cursor_is_refused_by_every_list_on_postgres() {
    cursors_are_the_lists_own(Engine::Postgres).await;
}

/// Parameters that take a number, or one word.
const NUMBERS: [&str; 5] = ["unused_days", "never_used", "expiring_days", "over_broad_days", "log_until"];

/// What a row has where a parameter looks; none, if the parameter does not look for one text.
fn field(parameter: &str) -> Option<&'static str> {
    [
        ("project", "project"),
        ("state", "state"),
        ("role", "role"),
        ("key", "key_id"),
        ("sub", "sub"),
        ("actor", "actor"),
        ("act", "act"),
        ("target", "target"),
        ("revoke", "revoke"),
        ("address", "address"),
    ]
    .into_iter()
    .find_map(|(name, field)| (name == parameter).then_some(field))
}

/// Whether a row has what is looked for, by the words of the documentation.
fn fits(row: &Value, parameter: &str, text: &str) -> bool {
    if parameter == "q" {
        let text = text.to_ascii_lowercase();
        let has = |name: &str| row[name].as_str().is_some_and(|it| it.to_ascii_lowercase().contains(&text));
        let id = if row.get("key_id").is_some() { "key_id" } else { "project" };
        return has(id) || has("name");
    }
    field(parameter).is_none_or(|field| row[field] == json!(text))
}

async fn texts_are_found_as_they_are_written(engine: Engine) {
    let app = Build::default().on(engine).start().await;
    let scene = Scene::set(&app).await;
    let (mut questions, mut hits) = (0, 0);
    for list in &scene.lists {
        for who in [&scene.whole, &scene.limited] {
            if who.get(&list.path).await.status == 403 {
                continue;
            }
            let all = if list.is_paged() {
                walked(who, list, "", 1000).await
            } else {
                items(&who.get(&list.path).await)
            };
            for parameter in list
                .parameters
                .iter()
                .filter(|name| !["limit", "order", "cursor", "after"].contains(&name.as_str()))
            {
                // What looks for no text finds none of those that are there.
                let looks = !NUMBERS.contains(&parameter.as_str());
                let there: BTreeSet<String> = all
                    .iter()
                    .filter(|_| looks)
                    .filter_map(|row| row[field(parameter).unwrap_or("name")].as_str().map(ToOwned::to_owned))
                    .collect();
                let other_case = there.iter().map(|text| text.to_uppercase());
                let asked: BTreeSet<String> =
                    ODD.iter().map(ToString::to_string).chain(there.clone()).chain(other_case).collect();
                for text in asked.iter().filter(|text| !text.is_empty()) {
                    let query = format!("{parameter}={}", escape(text));
                    let answer = who.get(&list.with(&format!("limit=1000&{query}"))).await;
                    let what = format!("{} {parameter}={text}: {}", list.path, answer.status);
                    questions += 1;
                    if answer.status != 200 {
                        // What cannot be such a name, or is nobody's here.
                        assert!(matches!(answer.status, 400 | 403 | 404), "{what}");
                        assert!(!there.contains(text), "{what}: it is there");
                        continue;
                    }
                    let found = items(&answer);
                    let expected: Vec<Value> =
                        all.iter().filter(|row| fits(row, parameter, text)).cloned().collect();
                    if field(parameter).is_some() || parameter == "q" {
                        assert_eq!(found, expected, "{what}");
                    }
                    hits += found.len();
                }
                for broken in BROKEN {
                    let answer = who.get(&list.with(&format!("{parameter}={broken}"))).await;
                    let refused = answer.problem();
                    assert_eq!(refused.0, 400, "{} {parameter}={broken}", list.path);
                }
            }
        }
    }
    assert!(questions > 1000 && hits > 500, "{questions} {hits}");
}

#[tokio::test]
async fn every_text_is_found_as_it_is_written_and_is_no_pattern_on_sqlite() {
    texts_are_found_as_they_are_written(Engine::Sqlite).await;
}

#[tokio::test]
async fn every_text_is_found_as_it_is_written_and_is_no_pattern_on_postgres() {
    texts_are_found_as_they_are_written(Engine::Postgres).await;
}

/// Each once, in the same order whatever the parts: on both engines, whatever their locale thinks of case.
#[tokio::test]
async fn every_list_is_whole_and_in_one_order_whatever_its_parts_on_both_engines() {
    let mut orders = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let app = Build::default().on(engine).start().await;
        let scene = Scene::set(&app).await;
        for list in scene.lists.iter().filter(|list| list.is_paged()) {
            let whole = walked(&scene.whole, list, "", 1000).await;
            assert!(whole.len() > 2, "{}", list.path);
            for limit in [1, 2, 7] {
                assert_eq!(walked(&scene.whole, list, "", limit).await, whole, "{} by {limit}", list.path);
            }
            let distinct: BTreeSet<String> = whole.iter().map(ToString::to_string).collect();
            assert_eq!(distinct.len(), whole.len(), "{}", list.path);
        }
        let keys = scene.lists.iter().find(|list| list.path == "/admin/v1/keys").unwrap();
        let ids = walked(&scene.whole, keys, "", 3).await.into_iter();
        let ids: Vec<String> = ids.map(|row| row["key_id"].as_str().unwrap().to_owned()).collect();
        assert!(ids.is_sorted(), "by the bytes: {ids:?}");
        orders.push(ids.into_iter().filter(|id| !id.starts_with("pk_")).collect::<Vec<_>>());
    }
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0].len(), 9);
}
