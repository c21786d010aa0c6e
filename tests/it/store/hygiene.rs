//! Hygiene: the engines find what the rules say.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis::domain::authority::Reach;
use portcullis::domain::edit::KeyEdit;
use portcullis::domain::hygiene::Neglect;
use portcullis::domain::{KeyDetails, KeyId, LastUse, LiveTokenLimits, SecretDigest, Timestamp, TokenId};
use portcullis::store::{FoundKey, IssuedToken, SecretUse, WantedGrants, WantedKeys, first_of, minted_after};

use super::database::Database;
use super::fixtures::{NOW, digest, jti_of, key_change, later, new_key, shop, token};

on_every_engine!(founded:
    keys_are_found_by_their_life_as_the_rule_says_page_by_page,
    a_key_remembers_when_a_secret_was_used_that_it_no_longer_has,
    a_key_ends_with_itself_or_with_the_last_of_its_secrets,
    what_keys_were_granted_is_read_slice_by_slice,
);

fn wanted(neglect: Neglect) -> WantedKeys {
    let within = Reach::Within([shop()].into());
    WantedKeys { within, key: None, state: None, role: None, text: None, neglect, after: None, limit: 1000 }
}

async fn found(db: &Database, key: &KeyId) -> FoundKey {
    let wanted = WantedKeys { key: Some(key.clone()), ..wanted(Neglect::default()) };
    let mut found = db.find_keys(&wanted).await.unwrap();
    assert_eq!(found.len(), 1);
    found.pop().unwrap()
}

async fn use_of(db: &Database, secret: &SecretDigest, at: Timestamp) {
    let digest = SecretDigest::from_bytes(*secret.as_bytes());
    db.note_uses(&[SecretUse { digest, last: LastUse { at, from: None } }]).await.unwrap();
}

async fn keys_are_found_by_their_life_as_the_rule_says_page_by_page(db: &Database) {
    let day = |days: u64| later(days * 86_400);
    let times = [None, Some(day(1)), Some(day(5)), Some(day(9))];
    for (created, used, ends) in
        [0, 4, 8].into_iter().flat_map(|c| times.into_iter().flat_map(move |u| times.map(|e| (c, u, e))))
    {
        let mut new = new_key(shop());
        new.key.created_at = day(created);
        new.key.details = KeyDetails { expires_at: ends, ..new.key.details };
        db.create_key(&new).await.unwrap();
        if let Some(at) = used {
            use_of(db, &new.digest, at).await;
        }
    }
    let gone = db.key().await;
    db.change_key(&key_change(&gone, KeyEdit::Delete)).await.unwrap();
    let all = db.find_keys(&wanted(Neglect::default())).await.unwrap();
    assert!(all.len() == 49 && all.iter().any(|found| found.key.id == gone.key.id));

    let unused = [None, Some(day(1)), Some(day(4)), Some(day(6)), Some(day(20))];
    let ends = [None, Some((NOW, day(5))), Some((day(1), day(9))), Some((day(9), day(20)))];
    for (unused_since, ends_within, never_used) in
        unused.into_iter().flat_map(|u| ends.into_iter().flat_map(move |e| [(u, e, false), (u, e, true)]))
    {
        let neglect = Neglect { unused_since, never_used, ends_within };
        let of_rule = |found: &&FoundKey| {
            neglect.finds(&found.life()) && (!neglect.asks() || found.key.id != gone.key.id)
        };
        let expected: Vec<&KeyId> = all.iter().filter(of_rule).map(|found| &found.key.id).collect();
        let mut paged: Vec<KeyId> = Vec::new();
        loop {
            let page = WantedKeys { after: paged.last().cloned(), limit: 5, ..wanted(neglect) };
            let page = db.find_keys(&page).await.unwrap();
            paged.extend(page.iter().map(|found| found.key.id.clone()));
            if page.len() < 5 {
                break;
            }
        }
        assert_eq!(paged.iter().collect::<Vec<_>>(), expected, "{neglect:?}");
    }
}

async fn a_key_remembers_when_a_secret_was_used_that_it_no_longer_has(db: &Database) {
    let new = new_key(shop());
    db.create_key(&new).await.unwrap();
    let id = &new.key.id;
    assert_eq!(found(db, id).await.last_used, None);
    use_of(db, &new.digest, later(60)).await;
    assert_eq!(found(db, id).await.last_used, Some(later(60)));
    // Anew, at once: the old secret goes.
    let second = digest();
    let edit = KeyEdit::Regenerate { digest: SecretDigest::from_bytes(*second.as_bytes()), old_end: NOW };
    db.change_key(&key_change(&db.record_of(id).await, edit)).await.unwrap();
    assert_eq!(db.record_of(id).await.secrets.len(), 1);
    assert_eq!(found(db, id).await.last_used, Some(later(60)));
    use_of(db, &second, later(90)).await;
    assert_eq!(found(db, id).await.last_used, Some(later(90)));
    // A secret that was used less lately changes nothing.
    let third = digest();
    let edit = KeyEdit::AddSecret {
        digest: SecretDigest::from_bytes(*third.as_bytes()),
        expires_at: Some(later(9)),
    };
    db.change_key(&key_change(&db.record_of(id).await, edit)).await.unwrap();
    use_of(db, &third, later(5)).await;
    db.change_key(&key_change(&db.record_of(id).await, KeyEdit::Delete)).await.unwrap();
    assert_eq!(db.record_of(id).await.secrets.len(), 0);
    assert_eq!(found(db, id).await.last_used, Some(later(90)));
}

async fn a_key_ends_with_itself_or_with_the_last_of_its_secrets(db: &Database) {
    let mut new = new_key(shop());
    new.key.details.expires_at = None;
    db.create_key(&new).await.unwrap();
    let id = &new.key.id;
    assert_eq!(found(db, id).await.ends_at, None);
    let second = digest();
    let add = KeyEdit::AddSecret {
        digest: SecretDigest::from_bytes(*second.as_bytes()),
        expires_at: Some(later(500)),
    };
    db.change_key(&key_change(&db.record_of(id).await, add)).await.unwrap();
    assert_eq!(found(db, id).await.ends_at, None, "the first does not end");
    let secret = SecretDigest::from_bytes(*new.digest.as_bytes());
    let end = KeyEdit::ExpireSecret { secret, at: later(700) };
    db.change_key(&key_change(&db.record_of(id).await, end)).await.unwrap();
    assert_eq!(found(db, id).await.ends_at, Some(later(700)));
    let record = db.record_of(id).await;
    let details = KeyDetails { expires_at: Some(later(600)), ..record.key.details.clone() };
    db.change_key(&key_change(&record, super::fixtures::of_details(details))).await.unwrap();
    assert_eq!(found(db, id).await.ends_at, Some(later(600)));
}

async fn what_keys_were_granted_is_read_slice_by_slice(db: &Database) {
    let (one, two, other) = (db.key().await, db.key().await, db.key().await);
    let mut expected = BTreeSet::new();
    let mut tokens = Vec::new();
    for n in 0..40_u64 {
        let record = [&one, &two, &other][usize::try_from(n % 3).unwrap()];
        let at = later(n * 10);
        let scope = format!("s{}", n % 7);
        let limits = LiveTokenLimits::default();
        let (jti, scope_set) = (jti_of(at), scope.parse().unwrap());
        tokens.push(IssuedToken { jti, scope: scope_set, issued_at: at, limits, ..token(record) });
        if n % 3 != 2 && (100..300).contains(&(n * 10)) {
            expected.insert((record.key.id.clone(), scope));
        }
    }
    db.record(&tokens).await.unwrap();
    for rows in [1, 3, 7, 20, 1000] {
        let (mut read, mut before, mut slices) = (BTreeSet::new(), first_of(later(300)), 0);
        loop {
            let keys = vec![one.key.id.clone(), two.key.id.clone()];
            let wanted = WantedGrants { keys, since: later(100), before, rows };
            let found = db.find_grants(&wanted).await.unwrap();
            assert!(found.grants.len() <= rows as usize);
            read.extend(found.grants.into_iter().map(|(key, scope)| (key, scope.to_string())));
            slices += 1;
            let Some(reached) = found.reached else { break };
            assert!(reached < before && reached >= first_of(later(100)));
            before = reached;
        }
        assert_eq!(read, expected, "{rows} at a time");
        assert_eq!(slices, 20 / rows + 1, "{rows} at a time");
    }
    let nobody = WantedGrants { keys: Vec::new(), since: NOW, before: first_of(later(999)), rows: 1000 };
    assert_eq!(db.find_grants(&nobody).await.unwrap().grants, []);
}

#[test]
fn after_a_tokens_time_every_id_is_larger() {
    let at = NOW.after(Duration::from_millis(7));
    let last = TokenId::new(at, [0xFF; 10]);
    assert_eq!(minted_after(last), at.after(Duration::from_millis(1)));
    assert!(first_of(minted_after(last)) > last);
}
