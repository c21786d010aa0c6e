//! Limits of live tokens: who finds a place, and who frees one.

use crate::support::{Listed as _, limited_to};
use std::num::NonZeroU32;
use std::sync::Arc;

use portcullis::domain::audit::Act;
use portcullis::domain::edit::{KeyEdit, ProjectEdit};
use portcullis::domain::grant::MintRecord;
use portcullis::domain::{FeedDraft, KeyDetails, KeyId, LimitOf, QuotaFull, Target, Timestamp, TokenId};
use portcullis::store::Recording::{self, Full, Moved, Recorded};
use portcullis::store::{IssuedToken, Lookup, Store, TokenRevocation};
use tokio::task::JoinSet;

use super::database::Database;
use super::fixtures::{
    NOW, audit, details, digest, jti, jti_of, key_change, later, new_key, of_details, project_change,
    set_scope, shop, tag, token,
};

on_every_engine!(founded:
    a_full_key_gets_no_token_until_a_minute_of_its_tokens_is_over,
    a_full_project_refuses_all_its_keys_and_no_other_projects,
    the_tokens_before_it_in_a_batch_count,
    what_moved_takes_no_place_and_is_not_called_full,
    of_many_at_once_as_many_are_recorded_as_may_live,
    whatever_kills_a_keys_tokens_frees_their_places,
    what_leaves_tokens_alive_leaves_them_counted,
    a_revoked_token_frees_one_place_once,
    a_token_that_died_with_its_key_frees_no_place_of_those_that_live,
    a_limit_counts_what_lives_already,
    a_projects_limit_counts_what_lives_of_all_its_keys,
    a_limit_that_is_lifted_and_set_again_has_missed_nothing,
    a_limit_below_what_lives_waits_for_enough_to_end,
    a_decision_under_another_limit_has_moved,
    counts_that_are_over_are_dropped,
);

/// A key of the project with this limit, and none other.
async fn limited(db: &Database, limit: u32) -> MintRecord {
    let mut new = new_key(shop());
    new.key.details.live_tokens = NonZeroU32::new(limit);
    db.create_key(&new).await.unwrap();
    db.record_of(&new.key.id).await
}

async fn limit_key(db: &Database, id: &KeyId, limit: u32) -> MintRecord {
    let record = db.record_of(id).await;
    let details = KeyDetails { live_tokens: NonZeroU32::new(limit), ..record.key.details.clone() };
    edit(db, id, of_details(details)).await
}

async fn edit(db: &Database, id: &KeyId, edit: KeyEdit) -> MintRecord {
    db.change_key(&key_change(&db.record_of(id).await, edit)).await.unwrap();
    db.record_of(id).await
}

async fn limit_project(db: &Database, limit: u32) {
    edit_project(db, ProjectEdit::Patch(limited_to(NonZeroU32::new(limit)))).await;
}

async fn edit_project(db: &Database, edit: ProjectEdit) {
    let project = db.project(&shop()).await.unwrap().unwrap();
    db.change_project(&project_change(&project, edit)).await.unwrap();
}

/// A token minted at this second that lives for so many.
fn minted(record: &MintRecord, at: u64, secs: u64) -> IssuedToken {
    let (jti, issued_at) = (jti_of(later(at)), later(at));
    IssuedToken { jti, issued_at, expires_at: later(at + secs), ..token(record) }
}

async fn mint(db: &Database, record: &MintRecord, at: u64, secs: u64) -> Recording {
    db.record(&[minted(record, at, secs)]).await.unwrap()[0]
}

/// How many tokens more are recorded, decided on what is stored of the key now.
async fn room(db: &Database, id: &KeyId, at: u64) -> usize {
    let record = db.record_of(id).await;
    let mut room = 0;
    while mint(db, &record, at, 900).await == Recorded {
        room += 1;
        assert!(room < 100, "there is no limit");
    }
    room
}

fn full(limit_of: LimitOf, secs: u64) -> Recording {
    Full(QuotaFull { limit_of, until: later(secs) })
}

async fn revoke(db: &Database, jti: TokenId, expires_at: Timestamp) {
    let target = Target::Token { project: shop(), jti };
    let feed = FeedDraft::revoke(target, Some(expires_at), tag());
    let audit = audit(Act::RevokeToken, &shop(), "a token");
    db.revoke_token(&TokenRevocation { project: shop(), limit: 100, feed, audit }).await.unwrap();
}

async fn a_full_key_gets_no_token_until_a_minute_of_its_tokens_is_over(db: &Database) {
    let (key, other) = (limited(db, 2).await, limited(db, 1).await);
    // The first moment of these tests is that of a full minute.
    assert_eq!(NOW.secs() % 60, 0);
    assert_eq!(mint(db, &key, 0, 61).await, Recorded);
    assert_eq!(mint(db, &key, 0, 900).await, Recorded);
    for at in [0, 61, 119] {
        assert_eq!(mint(db, &key, at, 900).await, full(LimitOf::Key, 120), "{at}");
    }
    assert_eq!(mint(db, &other, 0, 900).await, Recorded);
    assert_eq!(mint(db, &key, 120, 300).await, Recorded);
    assert_eq!(mint(db, &key, 120, 900).await, full(LimitOf::Key, 420));
    assert_eq!(db.issued(&key.key.id, 10).await.unwrap().len(), 3, "the refused are not in the log");
}

async fn a_full_project_refuses_all_its_keys_and_no_other_projects(db: &Database) {
    limit_project(db, 3).await;
    let (one, two) = (limited(db, 2).await, limited(db, 9).await);
    assert_eq!(mint(db, &one, 0, 900).await, Recorded);
    assert_eq!(mint(db, &one, 0, 900).await, Recorded);
    assert_eq!(mint(db, &one, 0, 900).await, full(LimitOf::Key, 900), "a refused token takes no place");
    assert_eq!(mint(db, &two, 0, 60).await, Recorded);
    assert_eq!(mint(db, &two, 0, 900).await, full(LimitOf::Project, 60));
    let admin = super::fixtures::founding().project.id;
    let new = new_key(admin);
    db.create_key(&new).await.unwrap();
    assert_eq!(mint(db, &db.record_of(&new.key.id).await, 0, 900).await, Recorded);
    assert_eq!(mint(db, &two, 60, 900).await, Recorded);
}

async fn the_tokens_before_it_in_a_batch_count(db: &Database) {
    let (mut key, free) = (limited(db, 2).await, limited(db, 0).await);
    key.position = free.position;
    let batch: Vec<IssuedToken> =
        [&free, &key, &key, &free, &key, &free].iter().map(|record| minted(record, 0, 900)).collect();
    let full = full(LimitOf::Key, 900);
    assert_eq!(db.record(&batch).await.unwrap(), [Recorded, Recorded, Recorded, Recorded, full, Recorded]);
    assert_eq!(mint(db, &key, 0, 900).await, full);
}

async fn what_moved_takes_no_place_and_is_not_called_full(db: &Database) {
    let before = limited(db, 1).await;
    let after = edit(db, &before.key.id, KeyEdit::RevokeTokens).await;
    let known = minted(&after, 0, 60);
    let batch = [minted(&before, 0, 900), known.clone(), minted(&before, 0, 900), minted(&after, 0, 900)];
    let full = full(LimitOf::Key, 60);
    assert_eq!(db.record(&batch).await.unwrap(), [Moved, Recorded, Moved, full]);
    assert_eq!(db.record(&[known]).await.unwrap(), [Moved], "it is in the log already");
    assert_eq!(mint(db, &after, 60, 900).await, Recorded);
}

async fn of_many_at_once_as_many_are_recorded_as_may_live(db: &Database) {
    limit_project(db, 15).await;
    let (one, two) = (limited(db, 10).await, limited(db, 10).await);
    let mut minters = JoinSet::new();
    for n in 0..50 {
        let (store, record) = (Arc::<dyn Store>::clone(db), if n % 2 == 0 { &one } else { &two });
        let token = minted(record, 0, 900);
        minters.spawn(async move { (token.key.clone(), store.record(&[token]).await.unwrap()[0]) });
    }
    let recorded: Vec<KeyId> = minters
        .join_all()
        .await
        .into_iter()
        .filter(|(_, recording)| *recording == Recorded)
        .map(|(key, _)| key)
        .collect();
    assert_eq!(recorded.len(), 15);
    for key in [&one, &two] {
        assert!(recorded.iter().filter(|minted| **minted == key.key.id).count() <= 10);
    }
}

async fn whatever_kills_a_keys_tokens_frees_their_places(db: &Database) {
    limit_project(db, 5).await;
    let (key, other) = (limited(db, 3).await.key.id, limited(db, 2).await.key.id);
    let narrowed = KeyDetails { allowlist: "192.0.2.0/25".parse().unwrap(), ..details() };
    let narrowed = KeyDetails { live_tokens: NonZeroU32::new(3), ..narrowed };
    assert_eq!(room(db, &other, 0).await, 2);
    for act in [KeyEdit::RevokeTokens, of_details(narrowed), KeyEdit::Block] {
        assert_eq!(room(db, &key, 0).await, 3, "{act:?}");
        edit(db, &key, act).await;
    }
    edit(db, &key, KeyEdit::Unblock).await;
    assert_eq!((room(db, &key, 0).await, room(db, &other, 0).await), (3, 0));
    edit(db, &key, KeyEdit::Delete).await;
    assert_eq!(room(db, &other, 0).await, 0, "its own limit");
    limit_key(db, &other, 9).await;
    assert_eq!(room(db, &other, 0).await, 3, "what the deleted key had");
    // The whole project: a narrowing edit of what all its keys share.
    edit_project(db, set_scope("api", "", "orders")).await;
    assert_eq!(room(db, &other, 0).await, 0);
    edit_project(db, set_scope("api", "", "")).await;
    edit_project(db, ProjectEdit::AddAudience("https://a.example".parse().unwrap())).await;
    edit_project(db, ProjectEdit::RemoveAudience("https://a.example".parse().unwrap())).await;
    assert_eq!(room(db, &other, 0).await, 5);
}

async fn what_leaves_tokens_alive_leaves_them_counted(db: &Database) {
    limit_project(db, 4).await;
    let key = limited(db, 3).await.key.id;
    assert_eq!(room(db, &key, 0).await, 3);
    let renamed = KeyDetails { name: "new".into(), live_tokens: NonZeroU32::new(3), ..details() };
    for act in [
        of_details(renamed),
        KeyEdit::Regenerate { digest: digest(), old_end: NOW },
        KeyEdit::AddSecret { digest: digest(), expires_at: None },
    ] {
        edit(db, &key, act).await;
        assert_eq!(room(db, &key, 0).await, 0);
    }
    edit_project(db, set_scope("api", "", "")).await;
    let other = limited(db, 9).await.key.id;
    edit(db, &other, KeyEdit::Block).await;
    edit(db, &other, KeyEdit::Unblock).await;
    assert_eq!((room(db, &key, 0).await, room(db, &other, 0).await), (0, 1));
}

async fn a_revoked_token_frees_one_place_once(db: &Database) {
    limit_project(db, 3).await;
    let key = limited(db, 2).await;
    let (one, two) = (minted(&key, 0, 900), minted(&key, 0, 900));
    assert_eq!(db.record(&[one.clone(), two.clone()]).await.unwrap(), [Recorded, Recorded]);
    for _ in 0..2 {
        revoke(db, one.jti, one.expires_at).await;
    }
    // A token of nobody, one that is over, and one of another project.
    revoke(db, jti(), later(900)).await;
    assert_eq!(room(db, &key.key.id, 0).await, 1);
    revoke(db, one.jti, one.expires_at).await;
    assert_eq!(room(db, &key.key.id, 0).await, 0);
    revoke(db, two.jti, two.expires_at).await;
    assert_eq!(room(db, &key.key.id, 0).await, 1);
    assert_eq!(room(db, &limited(db, 9).await.key.id, 0).await, 1, "the project counts likewise");
}

/// All acts of these tests are done at the same time, so the tokens come a second before and after.
async fn a_token_that_died_with_its_key_frees_no_place_of_those_that_live(db: &Database) {
    let key = limited(db, 1).await;
    let early = IssuedToken { jti: jti_of(Timestamp::from_millis(NOW.millis() - 1)), ..minted(&key, 0, 900) };
    assert_eq!(db.record(std::slice::from_ref(&early)).await.unwrap(), [Recorded]);
    let key = edit(db, &key.key.id, KeyEdit::RevokeTokens).await;
    assert_eq!(mint(db, &key, 0, 900).await, Recorded);
    revoke(db, early.jti, early.expires_at).await;
    assert_eq!(room(db, &key.key.id, 0).await, 0);
}

async fn a_limit_counts_what_lives_already(db: &Database) {
    let key = limited(db, 0).await;
    let (id, dead) = (&key.key.id, minted(&key, 0, 900));
    let early = |millis| IssuedToken {
        jti: jti_of(Timestamp::from_millis(NOW.millis() - millis)),
        ..minted(&key, 0, 900)
    };
    // Killed with the key, over, of another key, revoked: none of them lives.
    db.record(&[early(1), early(600_000)]).await.unwrap();
    let key = edit(db, id, KeyEdit::RevokeTokens).await;
    let other = limited(db, 0).await;
    let over = IssuedToken { expires_at: NOW, ..minted(&key, 0, 900) };
    let old = IssuedToken { jti: jti_of(NOW.before(std::time::Duration::from_secs(961))), ..over.clone() };
    let dead = IssuedToken { position: other.position, ..dead };
    let position = other.position;
    let ours = [over, old, dead.clone(), minted(&key, 0, 60), minted(&key, 0, 900), minted(&other, 0, 900)];
    let ours = ours.map(|token| IssuedToken { position, ..token });
    assert_eq!(db.record(&ours).await.unwrap(), [Recorded; 6]);
    revoke(db, dead.jti, dead.expires_at).await;

    let key = limit_key(db, id, 2).await;

    assert_eq!(mint(db, &key, 0, 900).await, full(LimitOf::Key, 60));
    assert_eq!(mint(db, &key, 60, 900).await, Recorded);
    assert_eq!(room(db, &limit_key(db, id, 3).await.key.id, 60).await, 1);
}

async fn a_projects_limit_counts_what_lives_of_all_its_keys(db: &Database) {
    let (free, own) = (limited(db, 0).await, limited(db, 5).await);
    let position = own.position;
    let batch: Vec<IssuedToken> = [&free, &own, &free, &own, &free]
        .iter()
        .map(|record| IssuedToken { position, ..minted(record, 0, 900) })
        .collect();
    assert_eq!(db.record(&batch).await.unwrap(), [Recorded; 5]);
    revoke(db, batch[0].jti, batch[0].expires_at).await;
    revoke(db, batch[1].jti, batch[1].expires_at).await;

    limit_project(db, 5).await;

    assert_eq!(room(db, &free.key.id, 0).await, 2, "three live");
    edit(db, &free.key.id, KeyEdit::Block).await;
    assert_eq!(room(db, &own.key.id, 0).await, 4, "its own limit counts too");
}

async fn a_limit_that_is_lifted_and_set_again_has_missed_nothing(db: &Database) {
    limit_project(db, 9).await;
    let (free, own) = (limited(db, 0).await.key.id, limited(db, 3).await.key.id);
    let one = async |id: &KeyId| assert_eq!(mint(db, &db.record_of(id).await, 0, 900).await, Recorded);
    one(&free).await;
    one(&own).await;
    limit_project(db, 0).await;
    one(&free).await;
    one(&own).await;
    limit_key(db, &own, 0).await;
    one(&own).await;
    assert_eq!(room(db, &limit_key(db, &own, 4).await.key.id, 0).await, 1);
    limit_project(db, 9).await;
    assert_eq!((room(db, &own, 0).await, room(db, &free, 0).await), (0, 3));
}

async fn a_limit_below_what_lives_waits_for_enough_to_end(db: &Database) {
    let key = limited(db, 9).await;
    for secs in [60, 60, 120, 120, 180] {
        assert_eq!(mint(db, &key, 0, secs).await, Recorded);
    }
    let key = limit_key(db, &key.key.id, 3).await;
    assert_eq!(mint(db, &key, 0, 900).await, full(LimitOf::Key, 120));
    assert_eq!(mint(db, &key, 60, 900).await, full(LimitOf::Key, 120));
    assert_eq!(mint(db, &key, 120, 900).await, Recorded);
}

/// What was decided before a limit came, went or changed knows nothing of it.
async fn a_decision_under_another_limit_has_moved(db: &Database) {
    let before = limited(db, 1).await;
    assert_eq!(mint(db, &before, 0, 900).await, Recorded);
    let raised = limit_key(db, &before.key.id, 2).await;
    assert_eq!(mint(db, &before, 0, 900).await, Moved, "not full by a limit that is no more");
    assert_eq!(mint(db, &raised, 0, 900).await, Recorded);
    limit_project(db, 1).await;
    assert_eq!(mint(db, &raised, 0, 900).await, Moved);
    let by = Lookup::Id(before.key.id.clone());
    let now = db.mint_record(&by).await.unwrap().value.unwrap();
    assert_eq!(
        (now.project.live_tokens, now.key.details.live_tokens),
        (NonZeroU32::new(1), NonZeroU32::new(2))
    );
    limit_key(db, &before.key.id, 0).await;
    assert_eq!(mint(db, &now, 0, 900).await, Moved);
}

async fn counts_that_are_over_are_dropped(db: &Database) {
    let key = limited(db, 3).await;
    for secs in [60, 120, 900] {
        assert_eq!(mint(db, &key, 0, secs).await, Recorded);
    }
    assert_eq!(db.forget_counts(later(59)).await.unwrap(), 0);
    assert_eq!(db.forget_counts(later(120)).await.unwrap(), 2);
    assert_eq!(db.forget_counts(later(120)).await.unwrap(), 0);
    assert_eq!(room(db, &key.key.id, 120).await, 2);
}
