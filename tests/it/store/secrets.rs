//! The secrets of API keys: only their digests, and only while they count.

use portcullis::domain::edit::KeyEdit;
use portcullis::domain::secret::is_one_of;
use portcullis::domain::{KeyId, LastUse, SecretDigest, Timestamp};
use portcullis::store::{Error, Lookup, Recording, SecretUse};

use super::database::Database;
use super::fixtures::{NOW, digest, key_change, later, new_key, shop, token};

on_every_engine!(founded:
    a_secret_in_use_is_not_given_to_another_key,
    a_new_secret_ends_the_old_ones_at_once,
    a_new_secret_leaves_the_old_ones_until_the_stated_end_and_no_longer,
    a_deleted_key_has_no_secrets,
    a_further_secret_leaves_the_others_as_they_are,
    one_secret_is_ended_and_the_others_are_not,
    an_end_is_never_moved_back,
    a_secret_that_is_not_the_keys_cannot_be_ended,
    secrets_whose_end_has_come_are_dropped_with_the_next_act,
    the_last_use_is_written_down_and_an_earlier_one_is_not,
    a_use_is_no_edit,
);

/// A copy of a digest, which has no `Clone` so that the program makes none.
fn copy(digest: &SecretDigest) -> SecretDigest {
    SecretDigest::from_bytes(*digest.as_bytes())
}

async fn regenerate(db: &Database, key: &KeyId, new: &SecretDigest, old_end: Timestamp) -> Result<(), Error> {
    let edit = KeyEdit::Regenerate { digest: copy(new), old_end };
    db.change_key(&key_change(&db.record_of(key).await, edit)).await.map(drop)
}

async fn opens(db: &Database, digest: &SecretDigest, at: Timestamp) -> bool {
    let found = db.mint_record(&Lookup::Digest(copy(digest))).await.unwrap().value;
    found.is_some_and(|record| is_one_of(digest, &record.secrets, at))
}

async fn a_secret_in_use_is_not_given_to_another_key(db: &Database) {
    let first = new_key(shop());
    db.create_key(&first).await.unwrap();
    let second = db.key().await.key.id;
    let before = db.traces().await;

    let mut third = new_key(shop());
    third.digest = copy(&first.digest);
    assert_refused!(db.create_key(&third).await, Error::Taken("secret"));
    let answer = regenerate(db, &second, &first.digest, later(60)).await;
    assert_refused!(answer, Error::Taken("secret"));

    assert_eq!(db.traces().await, before);
    assert!(db.mint_record(&Lookup::Id(third.key.id)).await.unwrap().value.is_none());
    assert_eq!(db.record_of(&second).await.secrets[0].expires_at, None);
}

async fn a_new_secret_ends_the_old_ones_at_once(db: &Database) {
    let new = new_key(shop());
    db.create_key(&new).await.unwrap();
    let second = digest();
    regenerate(db, &new.key.id, &second, NOW).await.unwrap();
    assert!(!opens(db, &new.digest, NOW).await);
    assert!(opens(db, &second, NOW).await);
}

async fn a_new_secret_leaves_the_old_ones_until_the_stated_end_and_no_longer(db: &Database) {
    let new = new_key(shop());
    db.create_key(&new).await.unwrap();
    let (second, third) = (digest(), digest());
    regenerate(db, &new.key.id, &second, later(60)).await.unwrap();
    // The second end is later than the first, and does not prolong it.
    regenerate(db, &new.key.id, &third, later(120)).await.unwrap();
    for (secret, end) in [(&new.digest, 60), (&second, 120)] {
        assert!(opens(db, secret, later(end - 1)).await);
        assert!(!opens(db, secret, later(end)).await);
    }
    assert!(opens(db, &third, later(1_000_000)).await);
}

async fn a_deleted_key_has_no_secrets(db: &Database) {
    let new = new_key(shop());
    db.create_key(&new).await.unwrap();
    regenerate(db, &new.key.id, &digest(), later(60)).await.unwrap();
    db.change_key(&key_change(&db.record_of(&new.key.id).await, KeyEdit::Delete)).await.unwrap();
    assert!(db.record_of(&new.key.id).await.secrets.is_empty());
    assert!(db.mint_record(&Lookup::Digest(new.digest)).await.unwrap().value.is_none());
}

async fn add(db: &Database, key: &KeyId, new: &SecretDigest, expires_at: Option<Timestamp>) {
    let edit = KeyEdit::AddSecret { digest: copy(new), expires_at };
    db.change_key(&key_change(&db.record_of(key).await, edit)).await.unwrap();
}

async fn expire(db: &Database, key: &KeyId, secret: &SecretDigest, at: Timestamp) -> Result<(), Error> {
    let edit = KeyEdit::ExpireSecret { secret: copy(secret), at };
    db.change_key(&key_change(&db.record_of(key).await, edit)).await.map(drop)
}

async fn a_further_secret_leaves_the_others_as_they_are(db: &Database) {
    let new = new_key(shop());
    db.create_key(&new).await.unwrap();
    let (second, third) = (digest(), digest());
    add(db, &new.key.id, &second, None).await;
    add(db, &new.key.id, &third, Some(later(60))).await;
    for secret in [&new.digest, &second] {
        assert!(opens(db, secret, later(1_000_000)).await);
    }
    assert!(opens(db, &third, later(59)).await && !opens(db, &third, later(60)).await);

    let other = db.key().await.key.id;
    let before = db.traces().await;
    let taken = KeyEdit::AddSecret { digest: copy(&second), expires_at: None };
    let answer = db.change_key(&key_change(&db.record_of(&other).await, taken)).await;
    assert_refused!(answer, Error::Taken("secret"));
    assert_eq!(db.traces().await, before);
}

async fn one_secret_is_ended_and_the_others_are_not(db: &Database) {
    let new = new_key(shop());
    db.create_key(&new).await.unwrap();
    let (second, third) = (digest(), digest());
    add(db, &new.key.id, &second, None).await;
    add(db, &new.key.id, &third, None).await;
    expire(db, &new.key.id, &second, NOW).await.unwrap();
    expire(db, &new.key.id, &third, later(60)).await.unwrap();
    assert!(!opens(db, &second, NOW).await);
    assert!(opens(db, &third, later(59)).await && !opens(db, &third, later(60)).await);
    assert!(opens(db, &new.digest, later(1_000_000)).await);
}

async fn an_end_is_never_moved_back(db: &Database) {
    let new = new_key(shop());
    db.create_key(&new).await.unwrap();
    for end in [60, 120, 30] {
        expire(db, &new.key.id, &new.digest, later(end)).await.unwrap();
    }
    assert_eq!(db.record_of(&new.key.id).await.secrets[0].expires_at, Some(later(30)));
}

async fn a_secret_that_is_not_the_keys_cannot_be_ended(db: &Database) {
    let (new, other) = (new_key(shop()), db.key().await.key.id);
    db.create_key(&new).await.unwrap();
    let before = db.traces().await;
    for secret in [&new.digest, &digest()] {
        assert_refused!(expire(db, &other, secret, NOW).await, Error::Missing("secret"));
    }
    assert_eq!(db.traces().await, before);
    assert!(opens(db, &new.digest, later(1)).await);
}

/// The fixtures act at `NOW`: what ended then or before is gone after the next act on secrets.
async fn secrets_whose_end_has_come_are_dropped_with_the_next_act(db: &Database) {
    let new = new_key(shop());
    db.create_key(&new).await.unwrap();
    add(db, &new.key.id, &digest(), Some(NOW)).await;
    assert_eq!(db.record_of(&new.key.id).await.secrets.len(), 2);
    let last = digest();
    add(db, &new.key.id, &last, Some(NOW)).await;
    assert_eq!(db.record_of(&new.key.id).await.secrets.len(), 2);
    expire(db, &new.key.id, &new.digest, later(60)).await.unwrap();
    assert_eq!(db.record_of(&new.key.id).await.secrets.len(), 1);
}

fn used(digest: &SecretDigest, minute: u64, from: Option<&str>) -> SecretUse {
    let last = LastUse::of(later(60 * minute), from.map(|from| from.parse().unwrap()));
    SecretUse { digest: copy(digest), last }
}

async fn the_last_use_is_written_down_and_an_earlier_one_is_not(db: &Database) {
    let (new, second) = (new_key(shop()), digest());
    db.create_key(&new).await.unwrap();
    add(db, &new.key.id, &second, None).await;
    let last = async || {
        let secrets = db.record_of(&new.key.id).await.secrets;
        secrets.iter().map(|secret| secret.last_used).collect::<Vec<_>>()
    };
    assert_eq!(last().await, [None, None]);

    let steps = [
        (used(&new.digest, 2, Some("192.0.2.7")), used(&new.digest, 2, Some("192.0.2.7"))),
        (used(&new.digest, 1, Some("192.0.2.8")), used(&new.digest, 2, Some("192.0.2.7"))),
        (used(&new.digest, 2, Some("2001:db8::1")), used(&new.digest, 2, Some("2001:db8::1"))),
        (used(&new.digest, 3, None), used(&new.digest, 3, None)),
    ];
    for (noted, expected) in steps {
        // Beside it a secret that nobody has, and the other one of the key.
        let nobodys = used(&digest(), 9, None);
        db.note_uses(&[nobodys, noted, used(&second, 5, Some("192.0.2.9"))]).await.unwrap();
        let other = used(&second, 5, Some("192.0.2.9")).last;
        assert_eq!(last().await, [Some(expected.last), Some(other)]);
    }
    db.note_uses(&[]).await.unwrap();
}

async fn a_use_is_no_edit(db: &Database) {
    let record = db.key().await;
    let (before, digest) = (db.traces().await, copy(&record.secrets[0].digest));
    db.note_uses(&[used(&digest, 1, None)]).await.unwrap();
    assert_eq!(db.traces().await, before);
    assert_eq!(db.record_of(&record.key.id).await.key, record.key);
    assert_eq!(
        db.record(&[token(&record)]).await.unwrap(),
        [Recording::Recorded],
        "what was decided before counts"
    );
}
