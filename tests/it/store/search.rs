//! What administrators look for: the same on every engine.

use portcullis::domain::authority::Reach;
use portcullis::domain::hygiene::Neglect;
use portcullis::domain::{KeyId, KeyState, ProjectId};
use portcullis::store::{WantedAudit, WantedKeys, WantedProjects};

use super::database::Database;
use super::fixtures::{new_key, new_project, shop};

on_every_engine!(founded:
    letters_are_alike_in_either_case_from_a_to_z_and_nothing_in_a_text_is_a_pattern,
    what_is_found_is_in_order_and_within_reach,
    nobody_within_reach_finds_nothing,
    rows_of_the_audit_log_are_walked_in_both_directions,
);

fn wanted(within: Reach, text: Option<&str>) -> WantedKeys {
    let text = text.map(ToOwned::to_owned);
    let neglect = Neglect::default();
    WantedKeys { within, key: None, state: None, role: None, text, neglect, after: None, limit: 100 }
}

fn of(projects: &[&str]) -> Reach {
    Reach::Within(projects.iter().map(|id| id.parse().unwrap()).collect())
}

async fn named(db: &Database, project: &str, name: &str) -> KeyId {
    let mut new = new_key(project.parse().unwrap());
    name.clone_into(&mut new.key.details.name);
    db.create_key(&new).await.unwrap();
    new.key.id
}

async fn letters_are_alike_in_either_case_from_a_to_z_and_nothing_in_a_text_is_a_pattern(db: &Database) {
    let shop = shop();
    let key = named(db, shop.as_str(), "Größe %_\\ Ab'c").await;
    for (text, found) in [
        ("gRÖSSE", false),
        ("GrÖße", false),
        ("gRöße", true),
        ("%_\\ aB'C", true),
        ("%", true),
        ("%%", false),
        ("_%", false),
        ("'", true),
        ("' OR 1=1 --", false),
        (&key.as_str().to_uppercase(), true),
    ] {
        let keys = db.find_keys(&wanted(of(&[shop.as_str()]), Some(text))).await.unwrap();
        assert_eq!(keys.iter().any(|found| found.key.id == key), found, "{text}");
    }
}

async fn what_is_found_is_in_order_and_within_reach(db: &Database) {
    let mill: ProjectId = "prj_mill".parse().unwrap();
    db.create_project(&new_project(mill.clone())).await.unwrap();
    let mut ours = vec![named(db, "prj_shop", "a").await, named(db, "prj_shop", "b").await];
    ours.sort_unstable();
    let theirs = named(db, "prj_mill", "a").await;
    let ids = async |wanted: WantedKeys| -> Vec<KeyId> {
        db.find_keys(&wanted).await.unwrap().into_iter().map(|found| found.key.id).collect()
    };
    assert_eq!(ids(wanted(of(&["prj_shop"]), None)).await, ours);
    assert_eq!(ids(wanted(of(&["prj_mill", "prj_none"]), None)).await, std::slice::from_ref(&theirs));
    let everywhere = ids(wanted(Reach::Everywhere, None)).await;
    assert!(everywhere.is_sorted() && everywhere.contains(&theirs) && everywhere.contains(&ours[0]));
    let after = WantedKeys { after: Some(ours[0].clone()), limit: 1, ..wanted(of(&["prj_shop"]), None) };
    assert_eq!(ids(after).await, ours[1..]);
    let blocked = WantedKeys { state: Some(KeyState::Blocked), ..wanted(Reach::Everywhere, None) };
    assert_eq!(ids(blocked).await, []);
    let projects = WantedProjects { within: of(&["prj_mill"]), text: None, after: None, limit: 10 };
    let found = db.find_projects(&projects).await.unwrap();
    assert_eq!(found.iter().map(|project| &project.id).collect::<Vec<_>>(), [&mill]);
}

async fn nobody_within_reach_finds_nothing(db: &Database) {
    named(db, "prj_shop", "a").await;
    assert!(db.find_keys(&wanted(of(&[]), None)).await.unwrap().is_empty());
    let projects = WantedProjects { within: of(&[]), text: None, after: None, limit: 10 };
    assert!(db.find_projects(&projects).await.unwrap().is_empty());
    assert!(db.find_audit(&audit(of(&[]))).await.unwrap().is_empty());
}

fn audit(within: Reach) -> WantedAudit {
    WantedAudit {
        within,
        actor: None,
        act: None,
        target: None,
        since: None,
        until: None,
        newest_first: false,
        after: None,
        limit: 100,
    }
}

async fn rows_of_the_audit_log_are_walked_in_both_directions(db: &Database) {
    for name in ["a", "b", "c"] {
        named(db, "prj_shop", name).await;
    }
    let seqs = async |wanted: WantedAudit| -> Vec<i64> {
        db.find_audit(&wanted).await.unwrap().into_iter().map(|row| row.row.seq).collect()
    };
    let oldest = seqs(audit(of(&["prj_shop"]))).await;
    let newest = seqs(WantedAudit { newest_first: true, ..audit(of(&["prj_shop"])) }).await;
    assert_eq!(oldest.iter().rev().copied().collect::<Vec<_>>(), newest);
    assert!(oldest.len() >= 3);
    let middle = Some(oldest[1]);
    assert_eq!(seqs(WantedAudit { after: middle, ..audit(of(&["prj_shop"])) }).await, oldest[2..]);
    let before = WantedAudit { after: middle, newest_first: true, ..audit(of(&["prj_shop"])) };
    assert_eq!(seqs(before).await, oldest[..1]);
}
