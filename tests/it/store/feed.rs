//! The feed: its order, its marks, what it forgets; and who follows it.

use std::time::Duration;

use portcullis::domain::edit::KeyEdit;
use portcullis::domain::{Ends, Position};
use portcullis::store::{Error, FeedRead, Heartbeat};

use super::database::Database;
use super::fixtures::{NOW, key_change, later, new_key, token_revocation};

/// Beyond every entry.
const EVERY: Position = Position::new(u64::MAX);

on_every_engine!(founded:
    the_feed_is_read_from_any_position_in_order,
    a_read_stops_after_as_many_entries_as_are_wanted_and_says_so,
    an_entry_is_read_back_with_its_mark_and_its_end,
    ended_entries_are_forgotten_but_never_the_newest,
    a_forgotten_boundary_has_no_mark_and_the_counter_stays,
    forgetting_goes_in_small_steps,
    a_project_has_a_limit_of_revoked_tokens_that_are_live,
    a_look_tells_whether_anything_was_committed,
    a_node_is_known_by_its_last_sign_of_life,
);

async fn read(db: &Database, since: Position) -> FeedRead {
    db.feed_since(since, u32::MAX).await.unwrap()
}

async fn the_feed_is_read_from_any_position_in_order(db: &Database) {
    for _ in 0..3 {
        db.key().await;
    }
    let whole = read(db, Position::START).await;
    let positions: Vec<u64> = whole.entries.iter().map(|entry| entry.position.value()).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
    assert_eq!(whole.position, Position::new(5));
    assert_eq!(whole.newest, whole.entries[4].tag);
    assert_eq!(whole.boundary, None);
    for (index, entry) in whole.entries.iter().enumerate() {
        let rest = read(db, entry.position).await;
        assert_eq!(rest.entries, whole.entries[index + 1..]);
        assert_eq!(rest.boundary, Some(entry.tag));
        assert_eq!((rest.position, rest.newest), (whole.position, whole.newest));
    }
    let beyond = read(db, EVERY).await;
    assert_eq!((beyond.boundary, beyond.entries, beyond.position), (None, vec![], whole.position));
}

async fn a_read_stops_after_as_many_entries_as_are_wanted_and_says_so(db: &Database) {
    for _ in 0..3 {
        db.key().await;
    }
    let whole = read(db, Position::START).await;
    assert!(!whole.more);
    let first = db.feed_since(Position::START, 2).await.unwrap();
    assert_eq!(first.entries, whole.entries[..2]);
    assert_eq!((first.position, first.newest, first.more), (Position::new(2), whole.entries[1].tag, true));
    let rest = db.feed_since(first.position, 3).await.unwrap();
    assert_eq!(rest.boundary, Some(first.newest));
    assert_eq!(rest.entries, whole.entries[2..]);
    assert_eq!((rest.position, rest.newest, rest.more), (whole.position, whole.newest, false));
}

async fn an_entry_is_read_back_with_its_mark_and_its_end(db: &Database) {
    let ends = [
        (Ends::Never, None),
        (Ends::At(later(7)), Some(later(7))),
        (Ends::AfterPublication(Duration::from_secs(9)), Some(later(9))),
    ];
    for (ends, expected) in ends {
        let mut revocation = token_revocation(10);
        revocation.feed.ends = ends;
        let position = db.revoke_token(&revocation).await.unwrap();
        let published = db.whole_feed().await.pop().unwrap();
        assert_eq!((published.position, published.ends), (position, expected));
        assert_eq!((published.tag, published.entry), (revocation.feed.tag, revocation.feed.entry));
    }
}

async fn ended_entries_are_forgotten_but_never_the_newest(db: &Database) {
    let mut forever = token_revocation(10);
    forever.feed.ends = Ends::Never;
    let kept = db.revoke_token(&forever).await.unwrap();
    let newest = db.revoke_token(&token_revocation(10)).await.unwrap();
    // Projects and keys end 3,600 s after publication, the token 300 s after its own end.
    assert_eq!(db.forget(later(1199), EVERY, 100).await.unwrap(), 0);
    assert_eq!(db.forget(later(1200), EVERY, 100).await.unwrap(), 0, "it is the newest");
    assert_eq!(db.forget(later(3600), Position::START, 100).await.unwrap(), 0, "none is known for long");
    assert_eq!(db.forget(later(3600), EVERY, 100).await.unwrap(), 2);
    assert_eq!(db.forget(later(1_000_000), EVERY, 100).await.unwrap(), 0);
    let left: Vec<Position> = db.whole_feed().await.iter().map(|entry| entry.position).collect();
    assert_eq!(left, [kept, newest]);
}

async fn a_forgotten_boundary_has_no_mark_and_the_counter_stays(db: &Database) {
    let boundary = db.key().await.position;
    db.key().await;
    let before = read(db, boundary).await;
    assert!(before.boundary.is_some());
    db.forget(later(3600), EVERY, 100).await.unwrap();
    let after = read(db, boundary).await;
    assert_eq!(after, FeedRead { boundary: None, ..before });
    assert!(db.key().await.position > after.position);
}

async fn forgetting_goes_in_small_steps(db: &Database) {
    for _ in 0..4 {
        db.key().await;
    }
    let mut steps = Vec::new();
    for _ in 0..4 {
        steps.push(db.forget(later(3600), EVERY, 2).await.unwrap());
    }
    assert_eq!(steps, [2, 2, 1, 0]);
    assert_eq!(db.whole_feed().await.len(), 1);
}

async fn a_project_has_a_limit_of_revoked_tokens_that_are_live(db: &Database) {
    for _ in 0..2 {
        db.revoke_token(&token_revocation(2)).await.unwrap();
    }
    let before = db.traces().await;
    assert_refused!(db.revoke_token(&token_revocation(2)).await, Error::Full(_));
    assert_eq!(db.traces().await, before);

    // Keys are revoked without limit, and what has ended counts no longer.
    let record = db.key().await;
    db.change_key(&key_change(&record, KeyEdit::Block)).await.unwrap();
    let mut afterwards = token_revocation(2);
    afterwards.audit.at = later(1200);
    db.revoke_token(&afterwards).await.unwrap();
}

async fn a_look_tells_whether_anything_was_committed(db: &Database) {
    assert!(db.has_changed().await.unwrap(), "nobody has looked before");
    assert!(!db.has_changed().await.unwrap());
    db.key().await;
    assert!(db.has_changed().await.unwrap());
    assert!(!db.has_changed().await.unwrap());
    // By another process, past this store.
    db.tamper("UPDATE feed SET tag = x'0102030405060708' WHERE position = 3").await;
    assert!(db.has_changed().await.unwrap());
    assert_refused!(db.create_key(&new_key("prj_none".parse().unwrap())).await, Error::Missing("project"));
    assert!(!db.has_changed().await.unwrap(), "what was not committed is no change");
}

async fn a_node_is_known_by_its_last_sign_of_life(db: &Database) {
    let sign = |node: &str, seen: u64| Heartbeat {
        node: node.to_owned(),
        started_at: NOW,
        seen_at: later(seen),
        applied: Position::new(seen),
        age: Duration::from_millis(seen),
        max_age: Duration::from_millis(1000 + seen),
    };
    for heartbeat in [sign("a", 1), sign("b", 2), sign("a", 3)] {
        let read = db.poll(Position::new(1), u32::MAX, &heartbeat).await.unwrap();
        assert_eq!(read.clock.is_some(), db.health().await.unwrap().now.is_some());
        let read = FeedRead { clock: None, ..read };
        assert_eq!(
            read,
            db.feed_since(Position::new(1), u32::MAX).await.unwrap(),
            "it reads as any read does"
        );
    }
    assert_eq!(db.nodes().await.unwrap(), [sign("a", 3), sign("b", 2)]);
    // A server from before, which does not say how old its copy may be.
    db.tamper("INSERT INTO nodes (id, started_at, seen_at, applied, age_ms) VALUES ('c', 0, 0, 0, 0)").await;
    let nodes = db.nodes().await.unwrap();
    let old = nodes.iter().find(|node| node.node == "c").unwrap();
    assert_eq!(old.max_age, Duration::from_secs(40), "the longest that a setting may say");
}
