//! The secrets of API keys: only their digests, and only while they count.

use portcullis::domain::edit::KeyEdit;
use portcullis::domain::secret::is_one_of;
use portcullis::domain::{KeyId, SecretDigest, Timestamp};
use portcullis::store::{Error, Lookup};

use super::database::Database;
use super::fixtures::{NOW, digest, key_change, later, new_key, shop};

on_every_engine!(founded:
    a_secret_in_use_is_not_given_to_another_key,
    a_new_secret_ends_the_old_ones_at_once,
    a_new_secret_leaves_the_old_ones_until_the_stated_end_and_no_longer,
    a_deleted_key_has_no_secrets,
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
