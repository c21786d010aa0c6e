//! Lists: filters, parts, and cursors that nobody can make (threat S37).

use serde_json::Value;

use super::no;
use crate::support::App;

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|row| row["key_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn keys_are_found_by_project_state_id_and_name_and_only_where_one_may_look() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    let named =
        |name: &'static str| move |details: &mut portcullis::domain::KeyDetails| details.name = name.into();
    let till = shop.key("orders").with(named("Till 100%_Größe")).create().await;
    let door = shop.key("orders").with(named("door")).create().await;
    let saw = mill.key("orders").with(named("saw till")).create().await;
    door.act(portcullis::keys::acts::KeyAct::Block).await;
    app.follow().await;
    let whole = app.administrator("").await;
    let limited = app.administrator(&format!("portcullis:project:{}:keys:read", shop.project.id)).await;
    let (all, till, door, saw) = (app.admin().id, till.id, door.id, saw.id);
    let of_shop = format!("project={}", shop.project.id);
    for (query, found, found_by_limited) in [
        (String::new(), vec![&all, &till, &door, &saw], Some(vec![&till, &door])),
        (of_shop.clone(), vec![&till, &door], Some(vec![&till, &door])),
        (format!("project={}", mill.project.id), vec![&saw], None),
        ("state=blocked".into(), vec![&door], Some(vec![&door])),
        ("state=deleted".into(), vec![], Some(vec![])),
        ("q=TILL".into(), vec![&till, &saw], Some(vec![&till])),
        ("q=gr%C3%B6%C3%9Fe".into(), vec![&till], Some(vec![&till])),
        ("q=%25_".into(), vec![&till], Some(vec![&till])),
        ("q=%25%25".into(), vec![], Some(vec![])),
        ("q=%27+OR+1%3D1+--".into(), vec![], Some(vec![])),
        (format!("q={}", saw.as_str().to_uppercase()), vec![&saw], Some(vec![])),
        (format!("{of_shop}&q=o&state=active"), vec![], Some(vec![])),
    ] {
        let path = format!("/admin/v1/keys?{query}");
        let sorted = |mut ids: Vec<String>| {
            ids.sort_unstable();
            ids
        };
        let expected =
            |keys: Vec<&portcullis::domain::KeyId>| sorted(keys.iter().map(ToString::to_string).collect());
        assert_eq!(ids(&whole.get(&path).await.json()), expected(found), "{query}");
        match found_by_limited {
            Some(found) => assert_eq!(ids(&limited.get(&path).await.json()), expected(found), "{query}"),
            None => assert_eq!(limited.get(&path).await.problem(), no(403, "insufficient_scope")),
        }
    }
}

#[tokio::test]
async fn a_list_is_read_part_by_part_without_a_gap() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(shop.key("orders").create().await.id.to_string());
    }
    made.sort_unstable();
    let admin = app.administrator("").await;
    let (mut found, mut cursor, mut parts) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("/admin/v1/keys?limit=3&project={}{cursor}", shop.project.id);
        let page = admin.get(&path).await.json();
        found.extend(ids(&page));
        parts += 1;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((found, parts), (made, 3));
}

#[tokio::test]
async fn a_cursor_is_good_for_the_question_that_it_answers_and_for_no_other() {
    let app = App::start().await;
    let (shop, mill) = (app.tenant("shop").await, app.tenant("mill").await);
    for _ in 0..3 {
        shop.key("orders").create().await;
        mill.key("orders").create().await;
    }
    let admin = app.administrator("").await;
    let path = |project: &str, more: &str| format!("/admin/v1/keys?project={project}{more}");
    let (shop, mill) = (shop.project.id.as_str(), mill.project.id.as_str());
    let page = admin.get(&path(shop, "&limit=1")).await.json();
    let cursor = page["next"].as_str().unwrap().to_owned();
    let again = admin.get(&path(shop, &format!("&limit=2&cursor={cursor}"))).await;
    assert_eq!((again.status, ids(&again.json()).len()), (200, 2));

    let last = if cursor.ends_with('A') { 'B' } else { 'A' };
    let edited = format!("{}{last}", &cursor[..cursor.len() - 1]);
    let first = if cursor.starts_with('A') { 'B' } else { 'A' };
    let marked = format!("{first}{}", &cursor[1..]);
    for (project, forged) in [
        (mill, cursor.as_str()),
        (shop, &edited),
        (shop, &marked),
        (shop, &cursor[..20]),
        (shop, &format!("{cursor}A")),
        (shop, "pk_live_0000000000000000"),
        (shop, "AAAA"),
        (shop, "%00"),
        (shop, "0"),
    ] {
        let refused = admin.get(&path(project, &format!("&cursor={forged}"))).await;
        assert_eq!(refused.problem(), no(400, "invalid_cursor"), "{forged}");
    }
    let filtered = admin.get(&path(shop, &format!("&state=active&cursor={cursor}"))).await;
    assert_eq!(filtered.problem(), no(400, "invalid_cursor"));
    // Another node of the same installation understands it.
    let other = app.second_node(crate::support::Build::default()).await;
    let page = other.administer(axum::http::Method::GET, &path(shop, &format!("&cursor={cursor}")));
    assert_eq!(page.bearer(&admin.token).send().await.status, 200);
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused() {
    let app = App::start().await;
    let admin = app.administrator("").await;
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "limit=1&limit=2",
        "project=",
        "project=a%20b",
        "state=gone",
        "state=Active",
        "q=%00",
        "q=a%0Ab",
        "q=%FF",
        "q=%",
        "sort=name",
        "Q=x",
        "nonsense",
        "project[]=x",
        &format!("q={}", "x".repeat(513)),
        &format!("q={}", "x".repeat(5000)),
    ] {
        let refused = admin.get(&format!("/admin/v1/keys?{wrong}")).await;
        assert_eq!(refused.problem(), no(400, "invalid_request"), "{wrong}");
    }
}

/// As the command line asks, which knows names and no cursors.
#[tokio::test]
async fn a_list_goes_on_after_an_item_that_is_named() {
    let app = App::start().await;
    let shop = app.tenant("shop").await;
    for _ in 0..5 {
        shop.key("orders").create().await;
    }
    let admin = app.administrator("").await;
    let list = format!("/admin/v1/keys?project={}", shop.project.id);
    let all = ids(&admin.get(&list).await.json());
    let page = admin.get(&format!("{list}&limit=2&after={}", all[1])).await.json();
    assert_eq!(ids(&page), all[2..4]);
    let rest = admin.get(&format!("{list}&limit=2&cursor={}", page["next"].as_str().unwrap())).await.json();
    assert_eq!(ids(&rest), all[4..], "its cursor goes on by itself");
    let cursor = page["next"].as_str().unwrap();
    for wrong in [format!("after={}&cursor={cursor}", all[0]), "after=%00".into(), "after=".into()] {
        assert_eq!(
            admin.get(&format!("{list}&{wrong}")).await.problem(),
            no(400, "invalid_request"),
            "{wrong}"
        );
    }
    // What is not there is a place in the order as well, and shows nothing that may not be seen.
    let mill = app.tenant("mill").await;
    let limited = app.administrator(&format!("portcullis:project:{}:keys:read", mill.project.id)).await;
    assert_eq!(ids(&limited.get("/admin/v1/keys?after=pk_live_0").await.json()), [""; 0]);
    assert_eq!(admin.get("/admin/v1/keys?project=prj_none").await.problem(), no(404, "not_found"));
}
