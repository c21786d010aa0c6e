//! The beginning.

use crate::support::Listed as _;
use portcullis::domain::audit::{Act, AuditDraft};
use portcullis::domain::{Position, ProjectId};
use portcullis::store::{Error, Founded, Lookup, Resealing, SealedKey};

use super::database::Database;
use super::fixtures::{NOW, audit, founding, new_project, shop};

on_every_engine!(empty:
    an_installation_is_founded_whole_and_its_feed_begins_at_one,
    founding_twice_conflicts_and_leaves_the_first_as_it_was,
    of_two_that_found_at_once_one_does,
    before_the_founding_nothing_can_be_asked_or_done,
    another_issuer_takes_the_place_of_the_first,
    data_keys_are_sealed_anew_all_or_none,
);

async fn an_installation_is_founded_whole_and_its_feed_begins_at_one(db: &Database) {
    let founding = founding();
    assert_eq!(db.found(&founding).await.unwrap(), Position::new(1));

    let founded = Founded { issuer: founding.issuer, created_at: NOW, backup_mark: None };
    assert_eq!(db.installation().await.unwrap(), Some(founded));
    let mut data_keys = founding.data_keys;
    data_keys.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(db.data_keys().await.unwrap(), data_keys);
    assert_eq!(db.signing_keys().await.unwrap(), founding.signing_keys);
    let record = db.record_of(&founding.key.key.id).await;
    assert_eq!((record.key.changed, record.project.changed), (Position::new(1), Position::new(1)));
    assert_eq!(record.project.id, ProjectId::administration());
    let feed = db.feed_since(Position::START, u32::MAX).await.unwrap();
    assert_eq!((feed.position, feed.entries.len()), (Position::new(1), 1));
    assert_eq!((feed.entries[0].position, &feed.entries[0].entry), (feed.position, &founding.key.feed.entry));
    let log = db.audit(0, 10).await.unwrap();
    assert_eq!((log.len(), log[0].row.act.as_str()), (1, "initialise"));
}

async fn founding_twice_conflicts_and_leaves_the_first_as_it_was(db: &Database) {
    db.found(&founding()).await.unwrap();
    let before = db.traces().await;

    let mut second = founding();
    second.issuer = "https://other.example".into();
    assert_refused!(db.found(&second).await, Error::Conflict);

    assert_eq!(db.installation().await.unwrap().unwrap().issuer, "https://auth.example");
    assert_eq!(db.traces().await, before);
    assert!(db.mint_record(&Lookup::Id(second.key.key.id)).await.unwrap().value.is_none());
}

async fn of_two_that_found_at_once_one_does(db: &Database) {
    let (first, second) = (founding(), founding());
    let (first, second) = tokio::join!(db.found(&first), db.found(&second));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(db.whole_feed().await.len(), 1);
}

async fn before_the_founding_nothing_can_be_asked_or_done(db: &Database) {
    assert_eq!(db.installation().await.unwrap(), None);
    assert!(db.data_keys().await.unwrap().is_empty());
    assert_refused!(db.feed_since(Position::START, u32::MAX).await, Error::Missing("installation"));
    let by = Lookup::Id("pk_live_x".parse().unwrap());
    assert_refused!(db.mint_record(&by).await, Error::Missing("installation"));
    assert_refused!(db.create_project(&new_project(shop())).await, Error::Missing("installation"));
    assert_refused!(
        db.change_issuer("https://other.example", &issuer_changed()).await,
        Error::Missing("installation")
    );
    assert_eq!(db.project(&shop()).await.unwrap(), None);
}

async fn another_issuer_takes_the_place_of_the_first(db: &Database) {
    db.found(&founding()).await.unwrap();
    db.change_issuer("https://other.example", &issuer_changed()).await.unwrap();
    assert_eq!(db.installation().await.unwrap().unwrap().issuer, "https://other.example");
    let acts: Vec<_> = db.audit(0, 10).await.unwrap().into_iter().map(|sealed| sealed.row.act).collect();
    assert_eq!(acts, ["initialise", "issuer.change"]);
}

fn issuer_changed() -> AuditDraft {
    audit(Act::ChangeIssuer, &ProjectId::administration(), "https://other.example")
}

async fn data_keys_are_sealed_anew_all_or_none(db: &Database) {
    let founding = founding();
    db.found(&founding).await.unwrap();
    let anew = |key: &SealedKey| SealedKey { sealed: vec![7; 40], ..key.clone() };
    let resealing = |expected: &[SealedKey]| Resealing {
        expected: expected.iter().rev().cloned().collect(),
        sealed: founding.data_keys.iter().map(anew).collect(),
        audit: audit(Act::RotateMasterKey, &ProjectId::administration(), "master key"),
    };
    let before = db.data_keys().await.unwrap();
    let counter = db.feed_since(Position::START, u32::MAX).await.unwrap().position;

    db.reseal_data_keys(&resealing(&before)).await.unwrap();

    let after = db.data_keys().await.unwrap();
    assert_eq!(after, before.iter().map(anew).collect::<Vec<_>>(), "name and time stay");
    assert_eq!(db.feed_since(Position::START, u32::MAX).await.unwrap().position, counter);
    assert_eq!(db.audit(0, 10).await.unwrap().last().unwrap().row.act, "master_key.rotate");
    let traces = db.traces().await;
    assert_refused!(db.reseal_data_keys(&resealing(&before)).await, Error::Conflict);
    assert_eq!((db.data_keys().await.unwrap(), db.traces().await), (after, traces));
}
