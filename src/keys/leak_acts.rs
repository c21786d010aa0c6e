//! The acts on keys whose secrets have leaked: by somebody who has found one, by the holder, and by the
//! administrator who has looked into it.

use serde_json::json;

use super::acts::{Acts, Error, Why, explained};
use crate::domain::audit::Act;
use crate::domain::authority::Right;
use crate::domain::edit::KeyEdit;
use crate::domain::leak::{Flag, Place, Response, Standing};
use crate::domain::{KeyId, KeyState, ProjectId, Reason, SecretDigest, SecretId};
use crate::store::{Error as StoreError, LeakNote, LeakRecord, Lookup};

/// A secret that somebody has found.
#[derive(Debug)]
pub struct Find<'a> {
    /// The secret.
    pub digest: &'a SecretDigest,
    /// Where it was.
    pub place: &'a Place,
    /// The id of the key that the report is signed with; none if it is a stranger's.
    pub signer: Option<&'a str>,
}

/// What became of a key's flags.
#[derive(Clone, Debug)]
pub struct Cleared {
    /// The key's project.
    pub project: ProjectId,
    /// How many there were.
    pub flags: u64,
}

impl Acts {
    /// Does what its project wants to the key of a secret that was found. Decided anew if somebody else edits the
    /// key meanwhile.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn answer_leak(&self, key: &KeyId, find: &Find<'_>) -> Result<Response, Error> {
        self.decided_anew(|| self.try_answer_leak(key, find)).await
    }

    async fn try_answer_leak(&self, key: &KeyId, find: &Find<'_>) -> Result<Response, Error> {
        let record = self.store.mint_record(&Lookup::Id(key.clone())).await?.value;
        let record = record.ok_or(StoreError::Missing("API key"))?;
        let (now, secret) = (self.clock.now(), find.digest.id());
        let stored = record.secrets.iter().find(|stored| stored.digest.is_same(find.digest));
        let standing = Standing {
            policy: record.project.on_leak,
            state: record.key.state,
            live: stored.is_some_and(|stored| stored.is_live(now)),
            earlier: self.store.earlier_report(key, &secret).await?,
        };
        let response = standing.response();
        if !response.notes && !response.blocks {
            return Ok(response);
        }
        let why = Why { reason: Reason::KeyCompromise, note: None };
        let told = json!({
            "secret_id": secret, "source": find.place.source, "url": find.place.url, "signed_by": find.signer,
        });
        let note = response.notes.then(|| {
            let mut told = told.clone();
            told["secret_live"] = json!(standing.live);
            LeakNote {
                flag: Flag { key: key.clone(), secret, at: now, place: find.place.clone() },
                is_open: response.flags,
                earlier: standing.earlier,
                audit: self.audit(
                    Act::ReportKey,
                    Some(&record.key.project),
                    key.as_str(),
                    explained(told, &why),
                ),
            }
        });
        let block = if response.blocks {
            Some(self.decided(&record, KeyEdit::Block, explained(told, &why)).await?)
        } else {
            None
        };
        let leak = LeakRecord {
            key: key.clone(),
            expected_changed: record.key.changed,
            expected_project: record.project.changed,
            note,
            block,
        };
        let position = self.store.record_leak(&leak).await?;
        if let Some((block, position)) = leak.block.as_ref().zip(position) {
            self.tell(&block.feed, block.audit.at, position);
        }
        Ok(response)
    }

    /// Blocks a key by the hand of whoever holds it, unless it is blocked: then it is as they want it, and nothing
    /// is done. Decided anew if somebody else edits the key meanwhile.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn block_own(&self, id: &KeyId, why: &Why) -> Result<(), Error> {
        self.decided_anew(|| self.try_block_own(id, why)).await
    }

    async fn try_block_own(&self, id: &KeyId, why: &Why) -> Result<(), Error> {
        let record = self.record(id).await?;
        if record.key.state == KeyState::Blocked {
            return Ok(());
        }
        self.commit(&record, KeyEdit::Block, explained(json!({}), why)).await.map(drop)
    }

    /// The flags of a key.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn flags(&self, key: &KeyId) -> Result<Vec<Flag>, Error> {
        Ok(self.store.flags(std::slice::from_ref(key)).await?)
    }

    /// Clears a key's flags: somebody has looked into the reports. The key stays as it is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn clear_flags(&self, id: &KeyId, why: &Why) -> Result<Cleared, Error> {
        let key = self.record(id).await?.key;
        self.authority.check(Right::WriteKeys, Some(&key.project))?;
        let flags = self.flags(id).await?;
        let secrets: Vec<SecretId> = flags.into_iter().map(|flag| flag.secret).collect();
        let detail = explained(json!({ "secret_ids": secrets }), why);
        let audit = self.audit(Act::ClearFlags, Some(&key.project), id.as_str(), detail);
        let flags = self.store.clear_flags(id, &secrets, &audit).await?;
        Ok(Cleared { project: key.project, flags })
    }
}
