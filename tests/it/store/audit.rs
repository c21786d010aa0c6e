//! The audit log: one row per act, and a chain that shows whether one was changed.

use crate::support::{Listed as _, on_leak, raw_keys};
use portcullis::domain::audit::{Act, Broken, Chain, Head};
use portcullis::domain::edit::{KeyEdit, ProjectEdit};
use portcullis::domain::{OnLeak, Position, SecretDigest};
use portcullis::store::SealedRow;

use super::database::Database;
use super::fixtures::{
    audit, details, digest, key_change, later, of_details, project_change, set_scope, shop, token_revocation,
};

on_every_engine!(founded:
    every_act_has_its_row_and_the_chain_holds,
    a_row_that_was_changed_breaks_the_chain,
    a_row_that_was_taken_out_is_named,
    a_row_that_was_inserted_is_named,
    rows_that_changed_places_are_named,
    a_log_that_was_cut_short_is_told_by_a_kept_head,
    the_log_is_read_in_pages,
    an_act_that_stores_nothing_has_its_row_and_tells_the_feed_nothing,
);

/// Whether each row follows the one before it and is sealed over it.
pub(crate) fn chain_holds(rows: &[SealedRow]) -> bool {
    verified(rows, None).is_ok()
}

fn verified(rows: &[SealedRow], kept: Option<Head>) -> Result<Head, Broken> {
    let mut chain = Chain::passing(kept);
    rows.iter().try_for_each(|sealed| chain.extend(sealed))?;
    chain.end()
}

impl Database {
    /// What the rules say of the log that is stored.
    async fn verified(&self, kept: Option<Head>) -> Result<Head, Broken> {
        verified(&self.audit(i64::MIN, 100).await.unwrap(), kept)
    }
}

async fn every_act_has_its_row_and_the_chain_holds(db: &Database) {
    let id = db.key().await.key.id;
    let key_edits = [
        of_details(details()),
        KeyEdit::Block,
        KeyEdit::Unblock,
        KeyEdit::RevokeTokens,
        KeyEdit::Regenerate { digest: digest(), old_end: later(0) },
        KeyEdit::AddSecret { digest: SecretDigest::from_bytes([7; 32]), expires_at: None },
        KeyEdit::ExpireSecret { secret: SecretDigest::from_bytes([7; 32]), at: later(60) },
        KeyEdit::Delete,
    ];
    for edit in key_edits {
        db.change_key(&key_change(&db.record_of(&id).await, edit)).await.unwrap();
    }
    let project_edits = [
        set_scope("api", "", ""),
        ProjectEdit::RemoveScope("api".parse().unwrap()),
        ProjectEdit::AddAudience("https://a.example".parse().unwrap()),
        ProjectEdit::RemoveAudience("https://a.example".parse().unwrap()),
        ProjectEdit::Patch(raw_keys(true)),
        ProjectEdit::Patch(on_leak(OnLeak::Flag)),
    ];
    for edit in project_edits {
        let project = db.project(&shop()).await.unwrap().unwrap();
        db.change_project(&project_change(&project, edit)).await.unwrap();
    }
    db.revoke_token(&token_revocation(10)).await.unwrap();

    let rows = db.audit(0, 100).await.unwrap();
    assert!(chain_holds(&rows));
    let acts: Vec<&str> = rows.iter().map(|sealed| sealed.row.act.as_str()).collect();
    let expected = "initialise project.create key.create key.edit key.block key.unblock key.revoke_tokens \
                    key.regenerate secret.add secret.expire key.delete scope.set scope.remove audience.add audience.remove \
                    project.edit project.edit \
                    token.revoke";
    assert_eq!(acts.join(" "), expected);
    assert_eq!(db.whole_feed().await.len(), rows.len());
}

async fn a_row_that_was_changed_breaks_the_chain(db: &Database) {
    // From the last to the first: whatever was changed before lies behind the one looked for.
    let edits = [
        (4, "UPDATE audit SET address = '192.0.2.8' WHERE seq = 4"),
        (3, "UPDATE audit SET project = NULL WHERE seq = 3"),
        (2, "UPDATE audit SET detail = '{}' WHERE seq = 2"),
        (1, "UPDATE audit SET target = 'nobody' WHERE seq = 1"),
    ];
    db.key().await;
    db.key().await;
    for (seq, edit) in edits {
        db.tamper(edit).await;
        assert_eq!(db.verified(None).await, Err(Broken::Changed(seq)), "{edit}");
    }
}

async fn a_row_that_was_taken_out_is_named(db: &Database) {
    db.key().await;
    assert_eq!(db.verified(None).await.unwrap().seq, 3);
    db.tamper("DELETE FROM audit WHERE seq = 2").await;
    assert_eq!(db.verified(None).await, Err(Broken::Missing(2)));
    db.tamper("UPDATE audit SET seq = 2 WHERE seq = 3").await;
    assert_eq!(db.verified(None).await, Err(Broken::Detached(2)), "the gap was closed");
}

async fn a_row_that_was_inserted_is_named(db: &Database) {
    db.key().await;
    for (seq, broken) in [(0, Broken::Inserted(0)), (4, Broken::Detached(4)), (5, Broken::Missing(4))] {
        db.tamper(match seq {
            0 => "INSERT INTO audit SELECT 0, at, actor, address, act, project, target, detail, previous, hash FROM audit WHERE seq = 1",
            4 => "INSERT INTO audit SELECT 4, at, actor, address, act, project, target, detail, previous, hash FROM audit WHERE seq = 3",
            _ => "UPDATE audit SET seq = 5 WHERE seq = 4",
        })
        .await;
        assert_eq!(db.verified(None).await, Err(broken));
        if seq == 0 {
            db.tamper("DELETE FROM audit WHERE seq = 0").await;
        }
    }
    // Between two others, which make room for it.
    db.tamper("DELETE FROM audit WHERE seq = 5").await;
    db.tamper("UPDATE audit SET seq = 4 WHERE seq = 3").await;
    db.tamper("INSERT INTO audit SELECT 3, at, actor, address, act, project, 'forged', detail, hash, hash FROM audit WHERE seq = 2").await;
    assert_eq!(db.verified(None).await, Err(Broken::Changed(3)));
}

async fn rows_that_changed_places_are_named(db: &Database) {
    db.key().await;
    db.key().await;
    for swap in [
        "UPDATE audit SET seq = 99 WHERE seq = 2",
        "UPDATE audit SET seq = 2 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 99",
    ] {
        db.tamper(swap).await;
    }
    assert_eq!(db.verified(None).await, Err(Broken::Detached(2)));
}

async fn a_log_that_was_cut_short_is_told_by_a_kept_head(db: &Database) {
    db.key().await;
    let early = db.verified(None).await.unwrap();
    db.key().await;
    let late = db.verified(Some(early)).await.unwrap();
    db.tamper("DELETE FROM audit WHERE seq = 4").await;
    assert_eq!(db.verified(None).await, Ok(early), "by itself it looks whole");
    assert_eq!(db.verified(Some(early)).await, Ok(early));
    assert_eq!(db.verified(Some(late)).await, Err(Broken::CutShort { from: 4, to: 4 }));
    // Somebody acts, and the log is as long as before.
    db.key().await;
    assert_eq!(db.verified(None).await.unwrap().seq, 4);
    assert_eq!(db.verified(Some(late)).await, Err(Broken::Rewritten(4)));
}

async fn the_log_is_read_in_pages(db: &Database) {
    db.key().await;
    let seqs = async |after, limit| -> Vec<i64> {
        db.audit(after, limit).await.unwrap().iter().map(|sealed| sealed.row.seq).collect()
    };
    assert_eq!(seqs(0, 2).await, [1, 2]);
    assert_eq!(seqs(2, 2).await, [3]);
    assert!(seqs(3, 2).await.is_empty());
}

async fn an_act_that_stores_nothing_has_its_row_and_tells_the_feed_nothing(db: &Database) {
    let before = db.feed_since(Position::START, u32::MAX).await.unwrap();
    db.note(&audit(Act::ExportSigningKey, &shop(), "kid")).await.unwrap();
    let rows = db.audit(0, 100).await.unwrap();
    assert!(chain_holds(&rows));
    let last = &rows.last().unwrap().row;
    assert_eq!((last.act.as_str(), last.target.as_str()), ("signing_key.export", "kid"));
    assert_eq!(db.feed_since(Position::START, u32::MAX).await.unwrap(), before);
}
