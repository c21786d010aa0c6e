//! The acts on signing keys: rotation, by command or because the time has come, and the emergency.

use std::time::Duration;

use serde_json::json;

use super::acts::{Acts, Error, Why};
use crate::domain::audit::Act;
use crate::domain::authority::Right;
use crate::domain::feed::{Changed, FeedDraft};
use crate::domain::signing_key::{
    Line, SigningKeyLife, SigningKeyTimes, SigningPurpose, retire_now, rotate, rotation_is_due,
};
use crate::domain::{SigningAlgorithm, SigningKeyId, Target};
use crate::signing::{Damaged, Error as SigningError, PrivateKey, generate};
use crate::store::{Error as StoreError, SigningKeysChange, StoredSigningKey};

impl Acts {
    /// Announces a new signing key; it signs ten minutes later, and those of its line before it
    /// retire then.
    ///
    /// # Errors
    /// See [`Error`]; [`StoreError::Conflict`] if somebody else rotated meanwhile.
    pub async fn rotate_signing_key(&self, line: Line) -> Result<StoredSigningKey, Error> {
        self.authority.check(Right::WriteSigning, None)?;
        self.announce(line).await
    }

    async fn announce(&self, line: Line) -> Result<StoredSigningKey, Error> {
        let stored = self.store.signing_keys().await?;
        let change = rotate(&lives(&stored), line, self.clock.now());
        let new = generate(line, change.new, &self.signing, self.entropy.as_ref());
        let retired: Vec<&SigningKeyId> = change.retired.iter().map(|key| &key.kid).collect();
        let detail = json!({ "purpose": line.purpose, "algorithm": line.algorithm, "retires": retired });
        let feed = FeedDraft::changed(Changed::SigningKeys, self.tag());
        let audit = self.audit(Act::RotateSigningKey, None, new.kid.as_str(), detail);
        let (expected, retired) = (expected(&stored), change.retired);
        let change = SigningKeysChange { expected, new: Some(new.clone()), retired, feed, audit };
        let position = self.store.change_signing_keys(&change).await?;
        self.tell(&change.feed, change.audit.at, position);
        Ok(new)
    }

    /// Retires a signing key at once and revokes all that it signed; if no other of its line
    /// is left that signs, makes one that does.
    ///
    /// # Errors
    /// See [`Error`]; [`StoreError::Missing`] if there is no such key, or it is gone already.
    pub async fn retire_signing_key(
        &self,
        kid: &SigningKeyId,
        why: &Why,
    ) -> Result<Option<StoredSigningKey>, Error> {
        self.authority.check(Right::WriteSigning, None)?;
        let stored = self.store.signing_keys().await?;
        let decided = retire_now(&lives(&stored), kid, self.clock.now());
        let (gone, succession) = decided.ok_or(StoreError::Missing("signing key"))?;
        let new =
            succession.map(|change| generate(gone.line, change.new, &self.signing, self.entropy.as_ref()));
        let detail =
            json!({ "reason": why.reason, "note": why.note, "new": new.as_ref().map(|key| &key.kid) });
        let feed = FeedDraft::revoke(Target::SigningKey { kid: kid.clone() }, None, self.tag());
        let audit = self.audit(Act::RetireSigningKey, None, kid.as_str(), detail);
        let expected = expected(&stored);
        let change = SigningKeysChange { expected, new: new.clone(), retired: vec![gone], feed, audit };
        let position = self.store.change_signing_keys(&change).await?;
        self.tell(&change.feed, change.audit.at, position);
        Ok(new)
    }

    /// Takes in a private key from elsewhere: announced like one that was made here, and those of its
    /// algorithm before it retire when it signs. What was signed with it elsewhere verifies at once.
    ///
    /// # Errors
    /// [`Error::KnownSigningKey`], also for one that was revoked or is gone; [`StoreError::Conflict`]
    /// if somebody else rotated meanwhile.
    pub async fn import_signing_key(&self, key: &PrivateKey, why: &Why) -> Result<StoredSigningKey, Error> {
        self.authority.check(Right::WriteSigning, None)?;
        let (stored, now) = (self.store.signing_keys().await?, self.clock.now());
        if let Some(known) = stored.iter().find(|known| known.kid == *key.kid()) {
            return Err(Error::KnownSigningKey { kid: known.kid.clone(), state: known.times.state(now) });
        }
        let change = rotate(&lives(&stored), Line::tokens(key.algorithm()), now);
        let new = key.seal((SigningPurpose::Tokens, change.new), &self.signing, self.entropy.as_ref());
        let retired: Vec<&SigningKeyId> = change.retired.iter().map(|key| &key.kid).collect();
        let detail = json!({
            "algorithm": new.algorithm, "retires": retired, "reason": why.reason, "note": why.note,
        });
        let feed = FeedDraft::changed(Changed::SigningKeys, self.tag());
        let audit = self.audit(Act::ImportSigningKey, None, new.kid.as_str(), detail);
        let (expected, retired) = (expected(&stored), change.retired);
        let change = SigningKeysChange { expected, new: Some(new.clone()), retired, feed, audit };
        let position = self.store.change_signing_keys(&change).await?;
        self.tell(&change.feed, change.audit.at, position);
        Ok(new)
    }

    /// Takes a private key out of its seal; the audit log knows of it first.
    ///
    /// # Errors
    /// See [`Error`]; [`StoreError::Missing`] if there is no such key, or it is gone.
    pub async fn export_signing_key(&self, kid: &SigningKeyId, why: &Why) -> Result<PrivateKey, Error> {
        self.authority.check(Right::WriteSigning, None)?;
        let (stored, now) = (self.store.signing_keys().await?, self.clock.now());
        let mut published = stored.iter().filter(|key| key.times.state(now).is_published());
        let found = published.find(|key| key.kid == *kid).ok_or(StoreError::Missing("signing key"))?;
        let key = PrivateKey::unseal(found, &self.signing);
        let key = key.map_err(|Damaged| SigningError::Damaged(kid.clone()))?;
        let detail = json!({ "algorithm": found.algorithm, "reason": why.reason, "note": why.note });
        self.store.note(&self.audit(Act::ExportSigningKey, None, kid.as_str(), detail)).await?;
        Ok(key)
    }

    /// Announces successors of signing keys that are older than `every`. Another node that was
    /// quicker is no mistake.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rotate_what_is_due(&self, every: Duration) -> Result<(), Error> {
        self.begin_feed_line().await?;
        for line in SigningAlgorithm::ALL.map(Line::tokens).into_iter().chain([Line::FEED]) {
            let lives = lives(&self.store.signing_keys().await?);
            if rotation_is_due(&lives, line, every, self.clock.now()) {
                match self.rotate_signing_key(line).await {
                    Ok(new) => tracing::info!(
                        kid = %new.kid, algorithm = %line.algorithm, purpose = %line.purpose,
                        "a new signing key was announced"
                    ),
                    Err(Error::Store(StoreError::Conflict)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// The first key of the feed, in an installation that was founded before there was one. Nobody
    /// can have another, so it signs at once.
    async fn begin_feed_line(&self) -> Result<(), Error> {
        let stored = self.store.signing_keys().await?;
        if stored.iter().any(|key| key.purpose == SigningPurpose::Feed) {
            return Ok(());
        }
        let at = self.clock.now();
        let times = SigningKeyTimes { announced_at: at, signs_from: at, retires_at: None, gone_at: None };
        let new = generate(Line::FEED, times, &self.signing, self.entropy.as_ref());
        let detail = json!({ "purpose": Line::FEED.purpose, "algorithm": Line::FEED.algorithm });
        let feed = FeedDraft::changed(Changed::SigningKeys, self.tag());
        let audit = self.audit(Act::RotateSigningKey, None, new.kid.as_str(), detail);
        let expected = expected(&stored);
        let change = SigningKeysChange { expected, new: Some(new), retired: Vec::new(), feed, audit };
        match self.store.change_signing_keys(&change).await {
            // By another node, a moment ago.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Announces a first key of an algorithm by which tokens are to be signed, unless there is one.
    pub(super) async fn announce_first(&self, algorithm: SigningAlgorithm) -> Result<(), Error> {
        let now = self.clock.now();
        let stored = self.store.signing_keys().await?;
        let line = Line::tokens(algorithm);
        let in_line = |key: &StoredSigningKey| key.line() == line && key.times.retires_at.is_none();
        if !stored.iter().any(|key| in_line(key) && key.times.state(now).is_published()) {
            self.announce(line).await?;
        }
        Ok(())
    }
}

fn lives(stored: &[StoredSigningKey]) -> Vec<SigningKeyLife> {
    stored.iter().map(StoredSigningKey::life).collect()
}

fn expected(stored: &[StoredSigningKey]) -> Vec<(SigningKeyId, Option<crate::domain::Timestamp>)> {
    stored.iter().map(|key| (key.kid.clone(), key.times.retires_at)).collect()
}
