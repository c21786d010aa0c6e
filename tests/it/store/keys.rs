//! API keys: making, finding, editing.

use portcullis::domain::edit::KeyEdit;
use portcullis::domain::{KeyDetails, KeyId, KeyState, Position, ProjectId, SecretDigest};
use portcullis::store::{Error, Lookup, WantedKeys};

use super::database::Database;
use super::fixtures::{
    details, digest, key_change, later, new_key, new_project, of_details, project_change, set_scope, shop,
};
use crate::support::all_keys_of;

on_every_engine!(founded:
    a_key_is_found_by_its_id_and_by_its_secret_as_it_was_made,
    a_key_with_nothing_but_defaults_is_read_back_as_such,
    nobody_is_found_by_what_nobody_has_but_the_position_is_known,
    a_key_of_no_project_is_not_made,
    an_id_is_never_used_twice_not_even_after_deletion,
    each_edit_moves_the_key_to_its_own_position,
    details_are_replaced_as_a_whole,
    a_key_is_blocked_unblocked_and_deleted,
    an_edit_of_a_key_that_has_changed_meanwhile_conflicts,
    an_edit_of_a_key_whose_project_has_changed_meanwhile_conflicts,
    an_edit_of_nobody_is_refused,
    keys_are_listed_by_id_in_pages_of_their_project,
);

async fn a_key_is_found_by_its_id_and_by_its_secret_as_it_was_made(db: &Database) {
    let mut new = new_key(shop());
    let position = db.create_key(&new).await.unwrap();
    new.key.changed = position;

    for by in [Lookup::Id(new.key.id.clone()), Lookup::Digest(new.digest)] {
        let found = db.mint_record(&by).await.unwrap();
        let record = found.value.unwrap();
        assert_eq!((found.position, record.position), (position, position));
        assert_eq!(record.key, new.key);
        assert_eq!(Some(record.project.as_ref().clone()), db.project(&shop()).await.unwrap());
        assert_eq!(record.secrets.len(), 1);
        assert_eq!(record.secrets[0].expires_at, None);
    }
}

async fn a_key_with_nothing_but_defaults_is_read_back_as_such(db: &Database) {
    let mut new = new_key(shop());
    new.key.details = KeyDetails::default();
    db.create_key(&new).await.unwrap();
    assert_eq!(db.record_of(&new.key.id).await.key.details, KeyDetails::default());
}

async fn nobody_is_found_by_what_nobody_has_but_the_position_is_known(db: &Database) {
    let (position, _) = db.traces().await;
    for by in [Lookup::Id("pk_live_x".parse().unwrap()), Lookup::Digest(digest())] {
        let found = db.mint_record(&by).await.unwrap();
        assert!(found.value.is_none());
        assert_eq!(found.position, position);
    }
}

async fn a_key_of_no_project_is_not_made(db: &Database) {
    let before = db.traces().await;
    let answer = db.create_key(&new_key("prj_none".parse().unwrap())).await;
    assert_refused!(answer, Error::Missing("project"));
    assert_eq!(db.traces().await, before);
}

async fn an_id_is_never_used_twice_not_even_after_deletion(db: &Database) {
    let first = db.key().await;
    let mut again = new_key(shop());
    again.key.id = first.key.id.clone();
    assert_refused!(db.create_key(&again).await, Error::Taken("key id"));

    db.change_key(&key_change(&first, KeyEdit::Delete)).await.unwrap();
    let before = db.traces().await;
    assert_refused!(db.create_key(&again).await, Error::Taken("key id"));
    assert_eq!(db.traces().await, before);
}

async fn each_edit_moves_the_key_to_its_own_position(db: &Database) {
    let id = db.key().await.key.id;
    let edits = [
        of_details(details()),
        KeyEdit::Block,
        KeyEdit::Unblock,
        KeyEdit::RevokeTokens,
        KeyEdit::Regenerate { digest: digest(), old_end: later(60) },
        KeyEdit::AddSecret { digest: SecretDigest::from_bytes([7; 32]), expires_at: None },
        KeyEdit::ExpireSecret { secret: SecretDigest::from_bytes([7; 32]), at: later(60) },
        KeyEdit::Delete,
    ];
    for edit in edits {
        let record = db.record_of(&id).await;
        let change = key_change(&record, edit);
        let position = db.change_key(&change).await.unwrap();
        assert!(position > record.position);
        assert_eq!(db.record_of(&id).await.key.changed, position, "{:?}", change.edit);
        let published = db.whole_feed().await.pop().unwrap();
        assert_eq!((published.position, published.entry), (position, change.feed.entry));
    }
}

async fn details_are_replaced_as_a_whole(db: &Database) {
    for details in [KeyDetails { name: "new".into(), ..Default::default() }, details()] {
        let record = db.key().await;
        db.change_key(&key_change(&record, of_details(details.clone()))).await.unwrap();
        assert_eq!(db.record_of(&record.key.id).await.key.details, details);
    }
}

async fn a_key_is_blocked_unblocked_and_deleted(db: &Database) {
    let id = db.key().await.key.id;
    let steps = [
        (KeyEdit::Block, KeyState::Blocked),
        (KeyEdit::Unblock, KeyState::Active),
        (KeyEdit::RevokeTokens, KeyState::Active),
        (KeyEdit::Delete, KeyState::Deleted),
    ];
    for (edit, state) in steps {
        db.change_key(&key_change(&db.record_of(&id).await, edit)).await.unwrap();
        let key = db.record_of(&id).await.key;
        assert_eq!((key.state, key.details), (state, details()));
    }
}

async fn an_edit_of_a_key_that_has_changed_meanwhile_conflicts(db: &Database) {
    let record = db.key().await;
    db.change_key(&key_change(&record, KeyEdit::Block)).await.unwrap();
    let before = db.traces().await;

    let late = key_change(&record, KeyEdit::Regenerate { digest: digest(), old_end: later(0) });
    assert_refused!(db.change_key(&late).await, Error::Conflict);

    assert_eq!(db.traces().await, before);
    assert_eq!(db.record_of(&record.key.id).await.key.state, KeyState::Blocked);
    assert_eq!(db.record_of(&record.key.id).await.secrets.len(), 1);
}

async fn an_edit_of_a_key_whose_project_has_changed_meanwhile_conflicts(db: &Database) {
    let record = db.key().await;
    db.change_project(&project_change(&record.project, set_scope("api", "", "orders"))).await.unwrap();
    let answer = db.change_key(&key_change(&record, of_details(details()))).await;
    assert_refused!(answer, Error::Conflict);
    let now = db.record_of(&record.key.id).await;
    db.change_key(&key_change(&now, of_details(details()))).await.unwrap();
}

async fn an_edit_of_nobody_is_refused(db: &Database) {
    let mut record = db.key().await;
    record.key.id = "pk_live_nobody".parse().unwrap();
    assert_refused!(db.change_key(&key_change(&record, KeyEdit::Block)).await, Error::Missing("key"));
}

async fn keys_are_listed_by_id_in_pages_of_their_project(db: &Database) {
    let other: ProjectId = "prj_other".parse().unwrap();
    db.create_project(&new_project(other.clone())).await.unwrap();
    db.create_key(&new_key(other)).await.unwrap();
    let mut made: Vec<KeyId> = Vec::new();
    for _ in 0..5 {
        made.push(db.key().await.key.id);
    }
    db.change_key(&key_change(&db.record_of(&made[1]).await, KeyEdit::Delete)).await.unwrap();

    let mut listed: Vec<KeyId> = Vec::new();
    loop {
        let wanted = WantedKeys { after: listed.last().cloned(), limit: 2, ..all_keys_of(&shop()) };
        let page = db.find_keys(&wanted).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2 && page.iter().all(|found| found.key.changed > Position::START));
        listed.extend(page.into_iter().map(|found| found.key.id));
    }
    made.sort();
    assert_eq!(listed, made);
}
