//! The set of signing keys.

use portcullis::domain::audit::Act;
use portcullis::domain::signing_key::{SigningKeyLife, SigningKeyTimes};
use portcullis::domain::{Changed, FeedDraft, Position, ProjectId, SigningKeyId, Timestamp};
use portcullis::store::{Error, SigningKeysChange, StoredSigningKey};

use super::database::Database;
use super::fixtures::{audit, later, tag};

on_every_engine!(founded:
    a_set_is_changed_as_a_whole,
    a_set_that_was_changed_meanwhile_conflicts,
);

async fn expected(db: &Database) -> Vec<(SigningKeyId, Option<Timestamp>)> {
    let keys = db.signing_keys().await.unwrap();
    keys.into_iter().map(|key| (key.kid, key.times.retires_at)).collect()
}

/// The first key retires, a second one comes.
async fn succession(db: &Database, kid: &str) -> SigningKeysChange {
    let first = db.signing_keys().await.unwrap().remove(0);
    let times =
        SigningKeyTimes { announced_at: later(0), signs_from: later(600), retires_at: None, gone_at: None };
    let new = StoredSigningKey { kid: kid.parse().unwrap(), times, ..first.clone() };
    let retired = SigningKeyLife { times: first.times.retired(later(600)), ..first.life() };
    SigningKeysChange {
        expected: expected(db).await,
        new: Some(new),
        retired: vec![retired],
        feed: FeedDraft::changed(Changed::SigningKeys, tag()),
        audit: audit(Act::RotateSigningKey, &ProjectId::administration(), kid),
    }
}

async fn a_set_is_changed_as_a_whole(db: &Database) {
    let change = succession(db, "second").await;
    let before = db.feed_since(Position::START, u32::MAX).await.unwrap().position;
    let position = db.change_signing_keys(&change).await.unwrap();
    assert!(position > before);
    let lives: Vec<SigningKeyLife> =
        db.signing_keys().await.unwrap().iter().map(StoredSigningKey::life).collect();
    assert_eq!(lives, [change.retired[0].clone(), change.new.unwrap().life()]);
}

async fn a_set_that_was_changed_meanwhile_conflicts(db: &Database) {
    let (first, second) = (succession(db, "second").await, succession(db, "third").await);
    db.change_signing_keys(&first).await.unwrap();
    let before = db.traces().await;
    assert_refused!(db.change_signing_keys(&second).await, Error::Conflict);
    assert_eq!(db.traces().await, before);
}
