//! Reports of leaked secrets: once each, with the block or without, or not at all.

use crate::support::Listed as _;
use portcullis::domain::audit::Act;
use portcullis::domain::authority::Reach;
use portcullis::domain::edit::{KeyChange, KeyEdit};
use portcullis::domain::grant::MintRecord;
use portcullis::domain::hygiene::Neglect;
use portcullis::domain::leak::{Earlier, Flag, Place};
use portcullis::domain::{KeyId, KeyState, SecretDigest};
use portcullis::store::{Error, LeakNote, LeakRecord, WantedKeys};

use super::database::Database;
use super::fixtures::{NOW, audit, digest, key_change, later, shop};

on_every_engine!(founded:
    the_owners_of_secrets_are_found_in_the_order_of_what_was_asked,
    a_secret_that_is_no_more_is_remembered,
    a_report_and_its_block_are_one_act,
    a_report_that_somebody_else_has_made_meanwhile_conflicts,
    a_report_on_a_key_that_has_changed_meanwhile_leaves_no_trace,
    flags_are_of_their_keys_until_they_are_cleared,
    clearing_nothing_leaves_no_trace,
);

fn copy(digest: &SecretDigest) -> SecretDigest {
    SecretDigest::from_bytes(*digest.as_bytes())
}

fn note(record: &MintRecord, earlier: Earlier, is_open: bool) -> LeakNote {
    let key = record.key.id.clone();
    let place = Place { source: Some("commit".into()), url: None };
    let audit = audit(Act::ReportKey, &shop(), key.as_str());
    LeakNote {
        flag: Flag { key, secret: record.secrets[0].digest.id(), at: NOW, place },
        is_open,
        earlier,
        audit,
    }
}

fn leak(record: &MintRecord, note: Option<LeakNote>, block: Option<KeyChange>) -> LeakRecord {
    let (expected_changed, expected_project) = (record.key.changed, record.project.changed);
    LeakRecord { key: record.key.id.clone(), expected_changed, expected_project, note, block }
}

fn report(record: &MintRecord, earlier: Earlier, blocks: bool) -> LeakRecord {
    let block = blocks.then(|| key_change(record, KeyEdit::Block));
    leak(record, Some(note(record, earlier, true)), block)
}

async fn flagged(db: &Database, flagged: bool) -> Vec<KeyId> {
    let within = Reach::Within([shop()].into());
    let wanted = WantedKeys {
        within,
        key: None,
        state: None,
        role: None,
        flagged: Some(flagged),
        text: None,
        neglect: Neglect::default(),
        after: None,
        limit: 10,
    };
    db.find_keys(&wanted).await.unwrap().into_iter().map(|found| found.key.id).collect()
}

async fn the_owners_of_secrets_are_found_in_the_order_of_what_was_asked(db: &Database) {
    let (one, two) = (db.key().await, db.key().await);
    let of = |record: &MintRecord| copy(&record.secrets[0].digest);
    let asked = [digest(), of(&two), of(&one), digest(), of(&two)];
    let (one, two) = (Some(one.key.id), Some(two.key.id));
    assert_eq!(db.owners(&asked).await.unwrap(), [None, two.clone(), one, None, two]);
    assert_eq!(db.owners(&[]).await.unwrap(), []);
}

async fn a_secret_that_is_no_more_is_remembered(db: &Database) {
    let record = db.key().await;
    let (id, first, second) = (record.key.id.clone(), copy(&record.secrets[0].digest), digest());
    let regenerate = KeyEdit::Regenerate { digest: copy(&second), old_end: NOW };
    db.change_key(&key_change(&record, regenerate)).await.unwrap();
    let owners = async || db.owners(&[copy(&first), copy(&second)]).await.unwrap();
    assert_eq!(owners().await, [Some(id.clone()), Some(id.clone())]);
    db.change_key(&key_change(&db.record_of(&id).await, KeyEdit::Delete)).await.unwrap();
    assert_eq!(owners().await, [Some(id.clone()), Some(id.clone())]);
    // A year later, and with the next end of a secret, it is forgotten.
    let other = db.key().await;
    let mut much_later = key_change(&other, KeyEdit::Delete);
    much_later.audit.at = later(366 * 86_400);
    db.change_key(&much_later).await.unwrap();
    assert_eq!(owners().await, [None, None]);
}

async fn a_report_and_its_block_are_one_act(db: &Database) {
    let record = db.key().await;
    let (id, secret) = (&record.key.id, record.secrets[0].digest.id());
    assert_eq!(db.earlier_report(id, &secret).await.unwrap(), Earlier::Never);
    let (position, rows) = db.traces().await;

    let told = db.record_leak(&report(&record, Earlier::Never, true)).await.unwrap();

    let after = db.traces().await;
    assert_eq!((told, after), (Some(after.0), (after.0, rows + 2)));
    assert_eq!(after.0.value(), position.value() + 1);
    let key = db.record_of(id).await.key;
    assert_eq!((key.state, key.changed), (KeyState::Blocked, after.0));
    assert_eq!(db.earlier_report(id, &secret).await.unwrap(), Earlier::Flagged);
    let acts: Vec<_> = db.audit(0, 100).await.unwrap().into_iter().map(|sealed| sealed.row.act).collect();
    assert!(acts.ends_with(&["leak.report".into(), "key.block".into()]));
}

async fn a_report_that_somebody_else_has_made_meanwhile_conflicts(db: &Database) {
    let record = db.key().await;
    db.record_leak(&report(&record, Earlier::Never, false)).await.unwrap();
    let before = db.traces().await;
    for earlier in [Earlier::Never, Earlier::Settled] {
        assert_refused!(db.record_leak(&report(&record, earlier, true)).await, Error::Conflict);
    }
    assert_eq!(db.traces().await, before);
    assert_eq!(db.record_of(&record.key.id).await.key.state, KeyState::Active);
}

async fn a_report_on_a_key_that_has_changed_meanwhile_leaves_no_trace(db: &Database) {
    let record = db.key().await;
    db.change_key(&key_change(&record, KeyEdit::RevokeTokens)).await.unwrap();
    let before = db.traces().await;
    for blocks in [true, false] {
        assert_refused!(db.record_leak(&report(&record, Earlier::Never, blocks)).await, Error::Conflict);
    }
    assert_eq!(db.traces().await, before);
    assert!(db.flags(&[record.key.id]).await.unwrap().is_empty());
}

async fn flags_are_of_their_keys_until_they_are_cleared(db: &Database) {
    let (one, two, noted) = (db.key().await, db.key().await, db.key().await);
    for record in [&one, &two] {
        assert_eq!(db.record_leak(&report(record, Earlier::Never, false)).await.unwrap(), None);
    }
    let settled = leak(&noted, Some(note(&noted, Earlier::Never, false)), None);
    db.record_leak(&settled).await.unwrap();
    let ids = [&one, &two, &noted].map(|record| record.key.id.clone());
    let flags = db.flags(&ids).await.unwrap();
    assert_eq!(flags, [note(&one, Earlier::Never, true).flag, note(&two, Earlier::Never, true).flag]);
    assert_eq!(db.earlier_report(&ids[2], &noted.secrets[0].digest.id()).await.unwrap(), Earlier::Settled);
    assert_eq!((flagged(db, true).await, flagged(db, false).await), (ids[..2].to_vec(), ids[2..].to_vec()));

    let (position, rows) = db.traces().await;
    let (seen, told) = (one.secrets[0].digest.id(), audit(Act::ClearFlags, &shop(), ids[0].as_str()));
    // Of a secret that was reported after somebody looked nothing is cleared.
    assert_eq!(db.clear_flags(&ids[0], &[two.secrets[0].digest.id()], &told).await.unwrap(), 0);
    let cleared = db.clear_flags(&ids[0], &[seen], &told).await.unwrap();
    assert_eq!((cleared, db.traces().await), (1, (position, rows + 1)));
    assert_eq!(flagged(db, true).await, ids[1..2]);
    // What was cleared may be reported anew.
    db.record_leak(&report(&one, Earlier::Settled, false)).await.unwrap();
    assert_eq!(flagged(db, true).await, ids[..2]);
}

async fn clearing_nothing_leaves_no_trace(db: &Database) {
    let key = db.key().await.key.id;
    let before = db.traces().await;
    assert_eq!(
        db.clear_flags(&key, &[digest().id()], &audit(Act::ClearFlags, &shop(), key.as_str())).await.unwrap(),
        0
    );
    assert_eq!(db.traces().await, before);
}
