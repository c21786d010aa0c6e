//! Keys that come from elsewhere, many at a time.

use portcullis::domain::audit::Act;
use portcullis::domain::edit::KeyEdit;
use portcullis::domain::{Changed, FeedDraft, FeedEntry, KeyDetails, KeyState, ProjectId, SecretDigest};
use portcullis::store::{Arrival, Error, KeyBatch, KeyToImport, Lookup};
use serde_json::json;

use super::database::Database;
use super::fixtures::{NOW, audit, details, digest, key_change, later, new_project, shop, tag};
use crate::support::Listed as _;
use crate::support::keys_of;

on_every_engine!(founded:
    imported_keys_are_found_by_id_and_by_secret_as_they_were_given,
    a_batch_has_one_audit_row_and_one_feed_entry_and_stands_at_its_position,
    a_batch_leaves_the_position_of_its_project,
    what_was_imported_before_is_already_there_and_nothing_is_written_again,
    a_key_that_comes_twice_in_one_import_is_told_in_the_same_batch_and_in_the_next,
    an_id_that_is_or_was_in_use_is_refused_and_its_neighbours_are_imported,
    a_secret_of_another_key_is_refused,
    the_same_key_in_another_project_is_not_already_there,
    what_is_foreseen_is_what_is_done_and_changes_nothing,
    a_batch_for_no_project_is_not_imported,
    the_largest_batch_is_imported,
    two_imports_of_the_same_keys_at_once_make_each_key_once,
);

fn to_import(id: &str, digest: SecretDigest) -> KeyToImport {
    KeyToImport { id: id.parse().unwrap(), details: details(), digest }
}

fn batch(keys: Vec<KeyToImport>) -> KeyBatch {
    KeyBatch {
        project: shop(),
        began: NOW,
        keys,
        lines: (2, 9),
        feed: FeedDraft::changed(Changed::Keys { project: shop() }, tag()),
        audit: audit(Act::ImportKeys, &shop(), shop().as_str()),
    }
}

fn number(n: u8) -> SecretDigest {
    SecretDigest::from_bytes([n; 32])
}

async fn imported_keys_are_found_by_id_and_by_secret_as_they_were_given(db: &Database) {
    let plain = KeyToImport {
        details: KeyDetails { name: "\u{1F511} \"q\"".into(), ..Default::default() },
        ..to_import("3f1a:125l@shop", number(2))
    };
    let given = batch(vec![to_import("app/1", number(1)), plain]);

    assert_eq!(db.import_keys(&given).await.unwrap(), [Arrival::Imported; 2]);

    for (key, n) in given.keys.iter().zip([1, 2]) {
        for by in [Lookup::Id(key.id.clone()), Lookup::Digest(number(n))] {
            let record = db.mint_record(&by).await.unwrap().value.unwrap();
            assert_eq!((&record.key.id, &record.key.details), (&key.id, &key.details));
            assert_eq!((record.key.state, record.key.created_at), (KeyState::Active, NOW));
            assert_eq!(record.key.project, shop());
            let secret = &record.secrets[0];
            assert_eq!((record.secrets.len(), secret.expires_at, secret.created_at), (1, None, NOW));
            assert!(secret.digest.is_same(&key.digest));
        }
    }
}

async fn a_batch_has_one_audit_row_and_one_feed_entry_and_stands_at_its_position(db: &Database) {
    let (before, rows) = db.traces().await;
    let given = batch(vec![to_import("a", number(1)), to_import("b", number(2))]);

    db.import_keys(&given).await.unwrap();

    let (after, rows_after) = db.traces().await;
    assert_eq!((after.value(), rows_after), (before.value() + 1, rows + 1));
    let entry = db.whole_feed().await.pop().unwrap();
    assert_eq!(
        (entry.position, &entry.entry),
        (after, &FeedEntry::Changed(Changed::Keys { project: shop() }))
    );
    for key in &given.keys {
        assert_eq!(db.record_of(&key.id).await.key.changed, after);
    }
    let row = db.audit(0, u32::MAX).await.unwrap().pop().unwrap().row;
    assert_eq!((row.act.as_str(), row.target.as_str()), ("key.import", "prj_shop"));
    let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap();
    // printf 'a\nb\n' | sha256sum
    let ids = "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2";
    assert_eq!(detail, json!({ "imported": 2, "first_line": 2, "last_line": 9, "ids_sha256": ids }));
}

/// A mint that is under way in the project goes on, and so does an edit of a key.
async fn a_batch_leaves_the_position_of_its_project(db: &Database) {
    let record = db.key().await;
    db.import_keys(&batch(vec![to_import("a", number(1))])).await.unwrap();
    assert_eq!(db.project(&shop()).await.unwrap().unwrap().changed, record.project.changed);
    db.change_key(&key_change(&record, KeyEdit::Block)).await.unwrap();
}

async fn what_was_imported_before_is_already_there_and_nothing_is_written_again(db: &Database) {
    let keys = || vec![to_import("a", number(1)), to_import("b", number(2))];
    db.import_keys(&batch(keys())).await.unwrap();
    let blocked = db.record_of(&"b".parse().unwrap()).await;
    db.change_key(&key_change(&blocked, KeyEdit::Block)).await.unwrap();
    let before = db.traces().await;

    let again = KeyBatch { began: later(60), ..batch(keys()) };
    assert_eq!(db.import_keys(&again).await.unwrap(), [Arrival::AlreadyThere; 2]);

    assert_eq!(db.traces().await, before);
    assert_eq!(db.record_of(&"b".parse().unwrap()).await.key.state, KeyState::Blocked);
    let mut more = keys();
    more.push(to_import("c", number(3)));
    let arrivals = db.import_keys(&KeyBatch { began: later(61), ..batch(more) }).await.unwrap();
    assert_eq!(arrivals, [Arrival::AlreadyThere, Arrival::AlreadyThere, Arrival::Imported]);
}

async fn a_key_that_comes_twice_in_one_import_is_told_in_the_same_batch_and_in_the_next(db: &Database) {
    let twice = batch(vec![to_import("a", number(1)), to_import("a", number(1)), to_import("a", number(2))]);
    let expected = [Arrival::Imported, Arrival::Repeated, Arrival::IdTaken];
    assert_eq!(db.import_keys(&twice).await.unwrap(), expected);
    let next = batch(vec![to_import("a", number(1)), to_import("a", number(2))]);
    assert_eq!(db.import_keys(&next).await.unwrap(), expected[1..]);
    assert_eq!(db.record_of(&"a".parse().unwrap()).await.secrets.len(), 1);
}

async fn an_id_that_is_or_was_in_use_is_refused_and_its_neighbours_are_imported(db: &Database) {
    let (used, gone) = (db.key().await, db.key().await);
    db.change_key(&key_change(&gone, KeyEdit::Delete)).await.unwrap();
    let given = batch(vec![
        to_import("a", number(1)),
        to_import(used.key.id.as_str(), number(2)),
        // Not even with the secret that it had.
        to_import(gone.key.id.as_str(), SecretDigest::from_bytes(*gone.secrets[0].digest.as_bytes())),
        to_import("b", number(4)),
    ]);
    let arrivals = db.import_keys(&given).await.unwrap();
    assert_eq!(arrivals, [Arrival::Imported, Arrival::IdTaken, Arrival::IdTaken, Arrival::Imported]);
    assert_eq!(db.record_of(&used.key.id).await.secrets.len(), 1);
    assert_eq!(db.record_of(&gone.key.id).await.key.state, KeyState::Deleted);
}

async fn a_secret_of_another_key_is_refused(db: &Database) {
    let used = db.key().await;
    let secret = || SecretDigest::from_bytes(*used.secrets[0].digest.as_bytes());
    let given = batch(vec![to_import("a", secret()), to_import("b", number(1)), to_import("c", number(1))]);
    let arrivals = db.import_keys(&given).await.unwrap();
    assert_eq!(arrivals, [Arrival::SecretTaken, Arrival::Imported, Arrival::SecretTaken]);
    let found = db.mint_record(&Lookup::Digest(secret())).await.unwrap().value.unwrap();
    assert_eq!(found.key.id, used.key.id);
}

async fn the_same_key_in_another_project_is_not_already_there(db: &Database) {
    let other: ProjectId = "prj_other".parse().unwrap();
    db.create_project(&new_project(other.clone())).await.unwrap();
    db.import_keys(&batch(vec![to_import("a", number(1))])).await.unwrap();
    let there = KeyBatch { project: other, began: later(1), ..batch(vec![to_import("a", number(1))]) };
    assert_eq!(db.import_keys(&there).await.unwrap(), [Arrival::IdTaken]);
    assert_eq!(db.record_of(&"a".parse().unwrap()).await.key.project, shop());
}

async fn what_is_foreseen_is_what_is_done_and_changes_nothing(db: &Database) {
    use Arrival::{AlreadyThere, IdTaken, Imported, Repeated, SecretTaken};
    let used = db.key().await;
    db.import_keys(&KeyBatch { began: later(1), ..batch(vec![to_import("old", number(9))]) }).await.unwrap();
    let before = db.traces().await;
    let given = batch(vec![
        to_import("a", number(1)),
        to_import("old", number(9)),
        to_import("a", number(1)),
        to_import(used.key.id.as_str(), number(2)),
        to_import("b", number(1)),
    ]);

    let foreseen = db.foresee_import(&given).await.unwrap();

    assert_eq!(db.traces().await, before);
    assert!(db.mint_record(&Lookup::Id("a".parse().unwrap())).await.unwrap().value.is_none());
    assert_eq!(db.import_keys(&given).await.unwrap(), foreseen);
    assert_eq!(foreseen, [Imported, AlreadyThere, Repeated, IdTaken, SecretTaken]);
}

async fn a_batch_for_no_project_is_not_imported(db: &Database) {
    let before = db.traces().await;
    let nowhere =
        || KeyBatch { project: "prj_none".parse().unwrap(), ..batch(vec![to_import("a", digest())]) };
    assert_refused!(db.import_keys(&nowhere()).await, Error::Missing("project"));
    assert_refused!(db.foresee_import(&nowhere()).await, Error::Missing("project"));
    assert_eq!(db.traces().await, before);
}

async fn the_largest_batch_is_imported(db: &Database) {
    let keys = (0..10_000).map(|n| to_import(&format!("key-{n:05}"), digest())).collect();
    let arrivals = db.import_keys(&batch(keys)).await.unwrap();
    assert_eq!(arrivals, vec![Arrival::Imported; 10_000]);
    assert_eq!(keys_of(db.as_ref(), &shop()).await.unwrap().len(), 10_000);
}

async fn two_imports_of_the_same_keys_at_once_make_each_key_once(db: &Database) {
    let keys = || (0..100).map(|n| to_import(&format!("key-{n}"), number(n))).collect::<Vec<_>>();
    let import = async |began: u64, keys: Vec<KeyToImport>| {
        let batch = KeyBatch { began: later(began), ..batch(keys) };
        loop {
            match db.import_keys(&batch).await {
                Err(Error::Conflict) => {}
                done => return done.unwrap(),
            }
        }
    };
    let (rows, backwards) = (db.traces().await.1, keys().into_iter().rev().collect());

    let (one, other) = tokio::join!(import(1, keys()), import(2, backwards));

    let imported = one.iter().chain(&other).filter(|arrival| **arrival == Arrival::Imported).count();
    let there = one.iter().chain(&other).filter(|arrival| **arrival == Arrival::AlreadyThere).count();
    assert_eq!((imported, there), (100, 100));
    assert_eq!(keys_of(db.as_ref(), &shop()).await.unwrap().len(), 100);
    assert_eq!(db.traces().await.1, rows + 1);
}
