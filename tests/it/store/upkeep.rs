//! The database as a whole.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use portcullis::domain::audit::Act;
use portcullis::domain::edit::KeyEdit;
use portcullis::domain::webhook::WebhookState;
use portcullis::domain::{FeedDraft, KeyDetails, KeyState, Position, ProjectId, Target};
use portcullis::store::{
    Backup, Error, FeedRead, Lookup, Recording, Restoration, SqliteStore, Store, StoredSigningKey,
    WantedDeliveries,
};
use tempfile::TempDir;

use super::database::Database;
use super::fixtures::{NOW, audit, founding, key_change, later, of_details, tag, token};
use crate::support::Listed as _;
use crate::support::keys_of;

on_every_engine!(founded:
    a_restored_copy_revokes_its_past_and_blocks_its_keys,
    a_copy_that_has_come_further_than_the_clock_goes_on_from_there,
    a_signing_key_that_would_not_be_revoked_stops_the_restoration,
    a_restored_copy_sends_nothing_of_its_past_and_nothing_new_until_somebody_says_so,
    a_database_tells_how_it_fares,
);

mod only_sqlite {
    on_one_engine!(Sqlite, founded:
        a_copy_has_everything_but_the_row_that_tells_of_it,
        what_is_not_marked_is_not_restored,
    );
}

mod only_postgres {
    on_one_engine!(Postgres, founded: copies_are_made_by_the_servers_own_tools);
}

fn backup(to: PathBuf) -> Backup {
    let audit = audit(Act::Backup, &ProjectId::administration(), "a file");
    Backup { to, mark: "a mark".into(), audit }
}

fn restoration(at_least: u64, kids: &[&str]) -> Restoration {
    let revoke = |target| FeedDraft::revoke(target, None, tag());
    let revoked = kids.iter().map(|kid| {
        let kid: portcullis::domain::SigningKeyId = kid.parse().unwrap();
        (kid.clone(), revoke(Target::SigningKey { kid }))
    });
    let mut new = founding().signing_keys.remove(0);
    new.kid = "kid-new".parse().unwrap();
    new.times.signs_from = NOW;
    Restoration {
        at_least: Position::new(at_least),
        all: revoke(Target::All),
        revoked: revoked.collect(),
        signing_keys: vec![new],
        audit: audit(Act::Restore, &ProjectId::administration(), "a file"),
    }
}

/// What is restored: a marked copy of the database, opened; or itself, as it was loaded from a copy,
/// where the engine's own tools make them.
async fn copied(db: &Database) -> (TempDir, Arc<dyn Store>) {
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("copy.db");
    match db.back_up(&backup(to.clone())).await {
        Err(Error::Elsewhere) => (home, Arc::clone(db)),
        made => {
            made.unwrap();
            let copy = SqliteStore::open(&to).await.unwrap();
            (home, Arc::new(copy))
        }
    }
}

async fn feed(store: &dyn Store, since: u64) -> FeedRead {
    store.feed_since(Position::new(since), u32::MAX).await.unwrap()
}

async fn a_restored_copy_sends_nothing_of_its_past_and_nothing_new_until_somebody_says_so(db: &Database) {
    let made = super::webhooks::make(db, super::webhooks::webhook(None, &[])).await.unwrap();
    db.key().await;
    let (_home, copy) = copied(db).await;
    let copy = copy.as_ref();
    assert_eq!(copy.webhooks_due(later(1)).await.unwrap().len(), 1);

    copy.restore(&restoration(1_000_000, &["kid-1"])).await.unwrap();

    let found = copy.webhook(&made.id).await.unwrap().unwrap();
    assert_eq!(found.details.state, WebhookState::Paused);
    let wanted = WantedDeliveries { webhook: made.id, state: None, before: None, limit: 10 };
    assert_eq!(copy.find_deliveries(&wanted).await.unwrap(), []);
    assert_eq!(copy.webhooks_due(later(1)).await.unwrap(), []);
}

async fn a_copy_has_everything_but_the_row_that_tells_of_it(db: &Database) {
    let key = db.key().await;
    let before = db.audit(0, 100).await.unwrap();

    let (_home, copy) = copied(db).await;
    let copy = copy.as_ref();

    assert_eq!(copy.installation().await.unwrap().unwrap().backup_mark.as_deref(), Some("a mark"));
    assert_eq!(db.installation().await.unwrap().unwrap().backup_mark, None);
    assert_eq!(copy.audit(0, 100).await.unwrap(), before);
    assert_eq!(feed(copy, 0).await.entries, db.whole_feed().await);
    let keys = keys_of(copy, &key.key.project).await.unwrap();
    assert_eq!(keys, [key.key]);
    let log = db.audit(0, 100).await.unwrap();
    assert_eq!((log.len(), log.last().unwrap().row.act.as_str()), (before.len() + 1, "backup"));
}

async fn a_restored_copy_revokes_its_past_and_blocks_its_keys(db: &Database) {
    let key = db.key().await.key;
    let limit = KeyDetails { live_tokens: NonZeroU32::new(1), ..key.details.clone() };
    db.change_key(&key_change(&db.record_of(&key.id).await, of_details(limit))).await.unwrap();
    let key = db.record_of(&key.id).await;
    assert_eq!(db.record(&[token(&key)]).await.unwrap(), [Recording::Recorded]);
    let key = key.key;
    let (_home, copy) = copied(db).await;
    let copy = copy.as_ref();

    let restored = copy.restore(&restoration(1_000_000, &["kid-1"])).await.unwrap();

    assert_eq!(restored.position, Position::new(1_000_001));
    let told: Vec<_> = feed(copy, 999_999).await.entries.into_iter().map(|e| (e.position, e.entry)).collect();
    let (all, kid) = (Target::All, Target::SigningKey { kid: "kid-1".parse().unwrap() });
    let revoked = |target| portcullis::domain::FeedEntry::Revocation(target);
    assert_eq!(told, [(Position::new(1_000_000), revoked(all)), (Position::new(1_000_001), revoked(kid))]);
    assert!(restored.blocked.contains(&key), "as it was");
    for project in [key.project.clone(), ProjectId::administration()] {
        for key in keys_of(copy, &project).await.unwrap() {
            assert_eq!((key.state, key.changed), (KeyState::Blocked, Position::new(1_000_000)));
        }
    }
    let signing = copy.signing_keys().await.unwrap();
    let of = |kid: &str| -> &StoredSigningKey { signing.iter().find(|key| key.kid.as_str() == kid).unwrap() };
    assert_eq!(of("kid-1").times.gone_at, Some(NOW));
    assert!(of("kid-new").times.state(later(1)).is_signing());
    assert_eq!(copy.installation().await.unwrap().unwrap().backup_mark, None);
    assert_eq!(copy.audit(0, 100).await.unwrap().last().unwrap().row.act, "restore");
    // Its tokens are dead, and none of them is in the way of a new one.
    let by = Lookup::Id(key.id.clone());
    let blocked = copy.mint_record(&by).await.unwrap().value.unwrap();
    copy.change_key(&key_change(&blocked, KeyEdit::Unblock)).await.unwrap();
    let active = copy.mint_record(&by).await.unwrap().value.unwrap();
    assert_eq!(copy.record(&[token(&active)]).await.unwrap(), [Recording::Recorded]);
}

async fn a_copy_that_has_come_further_than_the_clock_goes_on_from_there(db: &Database) {
    let counter = feed(db.as_ref(), 0).await.position;
    let (_home, copy) = copied(db).await;

    let restored = copy.restore(&restoration(1, &["kid-1"])).await.unwrap();

    assert_eq!(restored.position.value(), counter.value() + 2);
}

async fn what_is_not_marked_is_not_restored(db: &Database) {
    let (key, before) = (db.key().await, db.traces().await);

    assert_refused!(db.restore(&restoration(1, &["kid-1"])).await, Error::Conflict);

    assert_eq!(db.traces().await, before);
    assert_eq!(db.record_of(&key.key.id).await.key.state, KeyState::Active);
}

/// Whatever stops it half-way: all of it is undone, and the mark is on.
async fn a_signing_key_that_would_not_be_revoked_stops_the_restoration(db: &Database) {
    let key = db.key().await.key;
    let (_home, copy) = copied(db).await;
    let copy = copy.as_ref();
    let before = (copy.installation().await.unwrap(), copy.audit(0, 100).await.unwrap());

    for kids in [&[][..], &["kid-2"], &["kid-1", "kid-2"]] {
        assert_refused!(copy.restore(&restoration(1, kids)).await, Error::Conflict);
    }

    assert_eq!((copy.installation().await.unwrap(), copy.audit(0, 100).await.unwrap()), before);
    assert_eq!(keys_of(copy, &key.project).await.unwrap(), [key]);
    assert_eq!(copy.signing_keys().await.unwrap(), founding().signing_keys);
}

async fn a_database_tells_how_it_fares(db: &Database) {
    let health = db.health().await.unwrap();

    // The PostgreSQL of the tests does not wait for the disk, and must not pass for one that does.
    let (durable, said) = &health.durable;
    assert_eq!(*durable, !said.contains("fsync off"), "{health:?}");
    assert!(health.engine.starts_with("SQLite 3.") || health.engine.starts_with("PostgreSQL "), "{health:?}");
    assert!(health.faults.is_empty(), "{health:?}");
    assert_eq!(health.newest, Some(NOW));
}

async fn copies_are_made_by_the_servers_own_tools(db: &Database) {
    let (home, before) = (tempfile::tempdir().unwrap(), db.traces().await);
    let to = home.path().join("copy");
    assert_refused!(db.back_up(&backup(to.clone())).await, Error::Elsewhere);
    assert!(!to.exists());
    assert_eq!(db.traces().await, before);
}
