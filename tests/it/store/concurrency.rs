//! Many at once: nothing is lost, nothing is reordered, nothing is decided on an old state.

use crate::support::Listed as _;
use std::collections::BTreeSet;
use std::sync::Arc;

use portcullis::domain::edit::KeyEdit;
use portcullis::domain::{KeyId, Position};
use portcullis::store::{Error, IssuedToken, Lookup, Recording, Store};
use tokio::task::JoinSet;

use super::audit::chain_holds;
use super::database::Database;
use super::fixtures::{key_change, new_key, project_change, set_scope, shop, token};

on_every_engine!(founded:
    who_follows_the_feed_beside_many_writers_misses_nothing,
    of_many_who_edit_the_same_state_one_does,
    no_token_decided_before_an_edit_is_recorded_after_it,
);

const WRITERS: usize = 8;
const ACTS: usize = 10;

async fn who_follows_the_feed_beside_many_writers_misses_nothing(db: &Database) {
    let start = db.feed_since(Position::START, u32::MAX).await.unwrap().position;
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(write(Arc::clone(db)));
    }
    let mut followed: Vec<Position> = Vec::new();
    let mut since = start;
    while followed.len() < WRITERS * ACTS {
        let read = db.feed_since(since, u32::MAX).await.unwrap();
        assert!(read.entries.iter().all(|entry| since < entry.position && entry.position <= read.position));
        followed.extend(read.entries.iter().map(|entry| entry.position));
        since = read.position;
        tokio::task::yield_now().await;
    }
    let mut written: Vec<Position> = Vec::new();
    for positions in writers.join_all().await {
        assert!(positions.is_sorted());
        written.extend(positions);
    }
    written.sort();
    assert_eq!(followed, written, "in the order of positions, none twice, none missing");
    assert_eq!(written.iter().collect::<BTreeSet<_>>().len(), written.len());
    assert!(chain_holds(&db.audit(0, u32::MAX).await.unwrap()));
}

async fn write(store: Arc<dyn Store>) -> Vec<Position> {
    let mut positions = Vec::new();
    for _ in 0..ACTS {
        positions.push(store.create_key(&new_key(shop())).await.unwrap());
    }
    positions
}

async fn of_many_who_edit_the_same_state_one_does(db: &Database) {
    let record = Arc::new(db.key().await);
    let mut editors = JoinSet::new();
    for _ in 0..WRITERS {
        let (store, record) = (Arc::clone(db), Arc::clone(&record));
        editors.spawn(async move { store.change_key(&key_change(&record, KeyEdit::Block)).await });
    }
    let answers = editors.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Err(Error::Conflict))).count(), WRITERS - 1);
}

async fn no_token_decided_before_an_edit_is_recorded_after_it(db: &Database) {
    let id = db.key().await.key.id;
    let minter = tokio::spawn(mint(Arc::clone(db), id.clone()));
    let mut edits = 0;
    while !minter.is_finished() {
        let project = db.project(&shop()).await.unwrap().unwrap();
        db.change_project(&project_change(&project, set_scope("api", "", ""))).await.unwrap();
        edits += 1;
        let late = IssuedToken { position: project.changed, ..token(&db.record_of(&id).await) };
        assert_eq!(db.record(&[late]).await.unwrap(), [Recording::Moved]);
    }
    let refused = minter.await.unwrap();
    assert!(refused <= edits, "{refused} tokens were refused for {edits} edits");
}

/// Mints on one record until it has become old, then on the next; counts the refusals.
async fn mint(store: Arc<dyn Store>, key: KeyId) -> usize {
    let by = Lookup::Id(key);
    let mut record = store.mint_record(&by).await.unwrap().value.unwrap();
    let mut refused = 0;
    for _ in 0..200 {
        if store.record(&[token(&record)]).await.unwrap()[0] == Recording::Moved {
            refused += 1;
            record = store.mint_record(&by).await.unwrap().value.unwrap();
        }
    }
    refused
}
