//! The issuance log: what it takes, and what has come too late for it.

use crate::support::{Listed as _, all_tokens_of};
use portcullis::domain::edit::KeyEdit;
use portcullis::domain::grant::MintRecord;
use portcullis::domain::{LiveTokenLimits, Position, ProjectId, ScopeSet, Timestamp, TokenId};
use portcullis::store::Recording::{Moved, Recorded};
use portcullis::store::{IssuedToken, WantedTokens};

use super::database::Database;
use super::fixtures::{
    NOW, details, digest, jti_of, key_change, later, of_details, project_change, set_scope, token,
    token_revocation,
};

on_every_engine!(founded:
    a_token_is_recorded_and_read_back,
    tokens_are_listed_newest_first,
    tokens_are_listed_within_a_range,
    old_tokens_are_forgotten_the_oldest_first_and_in_batches,
    no_edit_of_the_key_lets_a_token_through_that_was_decided_before,
    an_edit_of_the_project_lets_no_token_through_that_was_decided_before,
    a_blocked_or_deleted_key_gets_no_token_however_it_was_decided,
    the_revocation_of_a_token_and_the_edit_of_another_key_hold_up_nobody,
    a_token_of_nobody_or_of_another_project_is_not_recorded,
    each_token_of_a_batch_is_judged_by_itself,
    a_token_id_is_recorded_once_and_spoils_no_batch,
    a_batch_beyond_one_statement_is_recorded_whole,
);

async fn is_recorded(db: &Database, token: IssuedToken) -> bool {
    let recorded = db.record(&[token]).await.unwrap();
    assert_eq!(recorded.len(), 1);
    assert!(matches!(recorded[0], Recorded | Moved));
    recorded[0] == Recorded
}

async fn a_token_is_recorded_and_read_back(db: &Database) {
    let record = db.key().await;
    let full = token(&record);
    let sparse = IssuedToken {
        jti: jti_of(later(1)),
        scope: ScopeSet::default(),
        address: None,
        parent: None,
        issued_at: later(1),
        ..full.clone()
    };
    assert_eq!(db.record(&[full.clone(), sparse.clone()]).await.unwrap(), [Recorded, Recorded]);
    let limits = LiveTokenLimits::default();
    let unread = |token| IssuedToken { position: Position::START, limits, ..token };
    assert_eq!(db.issued(&record.key.id, 10).await.unwrap(), [unread(sparse), unread(full)]);
    assert!(db.record(&[]).await.unwrap().is_empty());
}

async fn tokens_are_listed_newest_first(db: &Database) {
    let (record, other) = (db.key().await, db.key().await);
    for second in [2, 1, 3] {
        assert!(
            is_recorded(
                db,
                IssuedToken { jti: jti_of(later(second)), issued_at: later(second), ..token(&record) }
            )
            .await
        );
    }
    assert!(
        is_recorded(db, IssuedToken { issued_at: later(9), position: other.position, ..token(&other) }).await
    );
    let listed = db.issued(&record.key.id, 2).await.unwrap();
    assert_eq!(listed.iter().map(|token| token.issued_at).collect::<Vec<_>>(), [later(3), later(2)]);
}

/// Tokens of the key minted at these seconds.
async fn minted(db: &Database, record: &MintRecord, seconds: &[u64]) {
    for at in seconds.iter().map(|second| later(*second)) {
        assert!(is_recorded(db, IssuedToken { jti: jti_of(at), issued_at: at, ..token(record) }).await);
    }
}

async fn tokens_are_listed_within_a_range(db: &Database) {
    let (record, other) = (db.key().await, db.key().await);
    minted(db, &record, &[1, 2, 3, 4]).await;
    minted(db, &other, &[2, 3]).await;
    let listed = async |since: Option<u64>, before: Option<TokenId>, limit| {
        let of_key = all_tokens_of(&record.key.id, limit);
        let wanted = WantedTokens { since: since.map(later), before, ..of_key };
        let tokens = db.find_tokens(&wanted).await.unwrap();
        tokens.iter().map(|token| (token.issued_at.secs() - NOW.secs(), token.jti)).collect::<Vec<_>>()
    };
    let seconds = |listed: &[(i64, TokenId)]| listed.iter().map(|(second, _)| *second).collect::<Vec<_>>();

    assert_eq!(seconds(&listed(Some(2), None, 10).await), [4, 3, 2]);
    assert_eq!(seconds(&listed(Some(5), None, 10).await), [0_i64; 0]);
    let first = listed(None, None, 3).await;
    assert_eq!(seconds(&first), [4, 3, 2]);
    assert_eq!(seconds(&listed(None, Some(first[2].1), 3).await), [1]);
    assert_eq!(seconds(&listed(Some(2), Some(first[0].1), 1).await), [3]);
    // Before 1970 there is nothing, and everything is after it.
    let of_key = all_tokens_of(&record.key.id, 10);
    let wanted = WantedTokens { since: Some(Timestamp::from_millis(-1)), ..of_key };
    assert_eq!(db.find_tokens(&wanted).await.unwrap().len(), 4);
}

async fn old_tokens_are_forgotten_the_oldest_first_and_in_batches(db: &Database) {
    let (record, other) = (db.key().await, db.key().await);
    minted(db, &record, &[1, 2, 5]).await;
    minted(db, &other, &[3, 4]).await;
    let before = db.traces().await;
    let left = async || {
        let of = async |record: &MintRecord| db.issued(&record.key.id, 10).await.unwrap().len();
        (of(&record).await, of(&other).await)
    };
    assert_eq!((db.forget_issued(later(1), 10).await.unwrap(), left().await), (0, (3, 2)));
    assert_eq!((db.forget_issued(later(4), 2).await.unwrap(), left().await), (2, (1, 2)));
    assert_eq!((db.forget_issued(later(4), 2).await.unwrap(), left().await), (1, (1, 1)));
    assert_eq!((db.forget_issued(later(4), 2).await.unwrap(), left().await), (0, (1, 1)));
    assert_eq!(db.traces().await, before, "it is no act");
}

async fn no_edit_of_the_key_lets_a_token_through_that_was_decided_before(db: &Database) {
    let edits = [
        of_details(details()),
        KeyEdit::RevokeTokens,
        KeyEdit::Regenerate { digest: digest(), old_end: later(60) },
        KeyEdit::AddSecret { digest: digest(), expires_at: None },
    ];
    for edit in edits {
        let before = db.key().await;
        let change = key_change(&before, edit);
        db.change_key(&change).await.unwrap();
        let after = db.record_of(&before.key.id).await;
        assert!(!is_recorded(db, token(&before)).await, "{:?}", change.edit);
        assert!(is_recorded(db, token(&after)).await, "{:?}", change.edit);
    }
}

async fn an_edit_of_the_project_lets_no_token_through_that_was_decided_before(db: &Database) {
    let before = db.key().await;
    db.change_project(&project_change(&before.project, set_scope("api", "", "orders"))).await.unwrap();
    let after = db.record_of(&before.key.id).await;
    assert!(!is_recorded(db, token(&before)).await);
    assert!(is_recorded(db, token(&after)).await);
}

async fn a_blocked_or_deleted_key_gets_no_token_however_it_was_decided(db: &Database) {
    let before = db.key().await;
    let id = &before.key.id;
    let edited = async |edit| -> MintRecord {
        db.change_key(&key_change(&db.record_of(id).await, edit)).await.unwrap();
        db.record_of(id).await
    };
    let blocked = edited(KeyEdit::Block).await;
    assert!(!is_recorded(db, token(&before)).await);
    assert!(!is_recorded(db, token(&blocked)).await);
    let unblocked = edited(KeyEdit::Unblock).await;
    assert!(!is_recorded(db, token(&before)).await);
    assert!(!is_recorded(db, token(&blocked)).await);
    assert!(is_recorded(db, token(&unblocked)).await);
    let deleted = edited(KeyEdit::Delete).await;
    assert!(!is_recorded(db, token(&unblocked)).await);
    assert!(!is_recorded(db, token(&deleted)).await);
}

async fn the_revocation_of_a_token_and_the_edit_of_another_key_hold_up_nobody(db: &Database) {
    let (record, other) = (db.key().await, db.key().await);
    db.revoke_token(&token_revocation(10)).await.unwrap();
    db.change_key(&key_change(&other, KeyEdit::Block)).await.unwrap();
    assert!(is_recorded(db, token(&record)).await);
    assert_eq!(db.record_of(&record.key.id).await.key.changed, record.key.changed);
}

async fn a_token_of_nobody_or_of_another_project_is_not_recorded(db: &Database) {
    let record = db.key().await;
    let nobody = IssuedToken { key: "pk_live_nobody".parse().unwrap(), ..token(&record) };
    assert!(!is_recorded(db, nobody).await);
    let elsewhere = IssuedToken { project: ProjectId::administration(), ..token(&record) };
    assert!(!is_recorded(db, elsewhere).await);
}

async fn each_token_of_a_batch_is_judged_by_itself(db: &Database) {
    let (first, second) = (db.key().await, db.key().await);
    db.change_key(&key_change(&first, KeyEdit::Block)).await.unwrap();
    let batch = [token(&second), token(&first), token(&second), token(&first)];
    assert_eq!(db.record(&batch).await.unwrap(), [Recorded, Moved, Recorded, Moved]);
    assert_eq!(db.issued(&second.key.id, 10).await.unwrap().len(), 2);
    assert!(db.issued(&first.key.id, 10).await.unwrap().is_empty());
}

async fn a_token_id_is_recorded_once_and_spoils_no_batch(db: &Database) {
    let record = db.key().await;
    let first = token(&record);
    assert!(is_recorded(db, first.clone()).await);
    let twice = token(&record);
    let batch = [token(&record), first, twice.clone(), twice, token(&record)];
    assert_eq!(db.record(&batch).await.unwrap(), [Recorded, Moved, Recorded, Moved, Recorded]);
    assert_eq!(db.issued(&record.key.id, 10).await.unwrap().len(), 4);
}

async fn a_batch_beyond_one_statement_is_recorded_whole(db: &Database) {
    let record = db.key().await;
    let tokens: Vec<IssuedToken> = (0..1100).map(|_| token(&record)).collect();
    assert_eq!(db.record(&tokens).await.unwrap(), vec![Recorded; 1100]);
    assert_eq!(db.issued(&record.key.id, 2000).await.unwrap().len(), 1100);
}
