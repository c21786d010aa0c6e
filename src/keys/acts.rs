//! What administrators and key holders do: each act reads the state, lets the rules decide what
//! it means for tokens that are out, and commits change, feed entry and audit row together.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use tracing::instrument;

use crate::domain::api_key::InvalidDetails;
use crate::domain::audit::{Act, Actor, AuditDraft};
use crate::domain::authority::{Authority, Beyond, Right};
use crate::domain::catalogue::InvalidEntry;
use crate::domain::edit::{EditRefused, KeyChange, KeyEdit};
use crate::domain::feed::{Changed, FeedDraft, Published, Tag};
use crate::domain::grant::MintRecord;
use crate::domain::leak::note_without_secrets;
use crate::domain::signing_key::SigningKeyState;
use crate::domain::webhook::InvalidWebhook;
use crate::domain::{
    ApiKey, Audience, KeyDetails, KeyId, KeyState, Pepper, Position, ProjectId, Reason, Secret, SigningKeyId,
    Timestamp, Worth,
};
use crate::entropy::Entropy;
use crate::signing::{Error as SigningError, InvalidPrivateKey, SealingKey};
use crate::store::{Error as StoreError, Lookup, NewKey, Store};
use crate::time::Clock;

pub use super::naming::{Made, Naming};

/// Why an act was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key may not be edited like this.
    #[error(transparent)]
    Edit(#[from] EditRefused),
    /// Whoever acts may not.
    #[error(transparent)]
    Beyond(#[from] Beyond),
    /// The key may not be like this.
    #[error(transparent)]
    Details(#[from] InvalidDetails),
    /// The scope may not stand in the catalogue like this.
    #[error(transparent)]
    Scope(#[from] InvalidEntry),
    /// Administrators' keys are bound by a catalogue that nobody edits.
    #[error("the project `portcullis` is built in; its scopes and audiences cannot be edited")]
    BuiltIn,
    /// A key would be meant for an audience that is not its project's.
    #[error("`{0}` is no audience of this project; add it to the project first")]
    ForeignAudience(Audience),
    /// An audience that the token server keeps for itself or gives every project.
    #[error("audiences that begin with the issuer are given by Portcullis itself")]
    OwnAudience,
    /// There is nothing left to revoke.
    #[error("the token has expired")]
    Over,
    /// What was to be imported is no private key that signs tokens.
    #[error(transparent)]
    PrivateKey(#[from] InvalidPrivateKey),
    /// A signing key that is here, or was: what a revoked one signs is refused for ever.
    #[error("the signing key {kid} is {state} here{}", already(*state))]
    KnownSigningKey {
        /// Which one.
        kid: SigningKeyId,
        /// Where in its life it is.
        state: SigningKeyState,
    },
    /// A webhook may not be like this.
    #[error(transparent)]
    Webhook(#[from] InvalidWebhook),
    /// A webhook to which nothing is sent any more.
    #[error("the webhook is disabled; make it active first")]
    DisabledWebhook,
    /// A stored signing key cannot be opened.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The database says no, or nothing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn already(state: SigningKeyState) -> &'static str {
    match state {
        SigningKeyState::Gone => "; one that is gone never comes back, import another",
        _ => " already; there is nothing to import",
    }
}

/// Carries out acts, in somebody's name.
pub struct Acts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where ids and secrets come from.
    pub entropy: Arc<dyn Entropy>,
    /// What secrets are digested with.
    pub pepper: Arc<Pepper>,
    /// What private signing keys are sealed under.
    pub signing: Arc<SealingKey>,
    /// The token server's public URL.
    pub issuer: Arc<str>,
    /// In whose name.
    pub actor: Actor,
    /// From where.
    pub address: Option<IpAddr>,
    /// In whose authority.
    pub authority: Authority,
    /// The state that whoever acts has seen, if that matters: where key or project has moved on from it, the
    /// act is a [`StoreError::Conflict`].
    pub expecting: Option<Position>,
    /// How what is made is made once.
    pub naming: Option<Naming>,
    /// Who learns of each entry of the feed before the act is acknowledged: the node that carries it out.
    pub witness: Option<Witness>,
}

/// Takes up an entry of the feed that was just committed.
pub type Witness = Arc<dyn Fn(&Published) + Send + Sync>;

/// Why somebody acts.
#[derive(Clone, Debug, Default)]
pub struct Why {
    /// The reason.
    pub reason: Reason,
    /// What else is to be said about it.
    pub note: Option<String>,
}

impl Acts {
    /// Makes an API key; the secret is shown to whoever asked, and kept nowhere. Decided anew if somebody edits
    /// the project meanwhile: what a role permits is part of what is decided.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_key(
        &self,
        project: &ProjectId,
        details: KeyDetails,
    ) -> Result<(ApiKey, Secret), Error> {
        self.decided_anew(|| self.try_create_key(project, details.clone())).await
    }

    async fn try_create_key(
        &self,
        project: &ProjectId,
        details: KeyDetails,
    ) -> Result<(ApiKey, Secret), Error> {
        self.authority.check(Right::WriteKeys, Some(project))?;
        let project = self.store.project(project).await?.ok_or(StoreError::Missing("project"))?;
        details.check(&project.id)?;
        self.check_audiences(&project.id, &details).await?;
        let role = self.permitted_by_role(&project.id, &details).await?;
        self.check_reach(&project.id, &Worth { details: &details, role: &role }).await?;
        let (id, secret) = Secret::generate(project.kind, &self.entropy.bytes());
        let mut key = ApiKey {
            id,
            project: project.id.clone(),
            state: KeyState::Active,
            details,
            created_at: self.clock.now(),
            changed: Position::START,
        };
        let new = NewKey { decided_on: Some(project.changed), ..self.new_key(&key, &secret) };
        key.changed = self.store.create_key(&new).await?;
        self.tell(&new.feed, new.audit.at, key.changed);
        Ok((key, secret))
    }

    /// A key as the store takes it, decided on nothing.
    #[must_use]
    pub fn new_key(&self, key: &ApiKey, secret: &Secret) -> NewKey {
        let changed = Changed::Key { project: key.project.clone(), key: key.id.clone() };
        NewKey {
            key: key.clone(),
            digest: self.pepper.digest(secret),
            decided_on: None,
            feed: FeedDraft::changed(changed, self.tag()),
            audit: self.audit(Act::CreateKey, Some(&key.project), key.id.as_str(), described(&key.details)),
            once: self.once(&Made::Key(key)),
        }
    }

    /// Replaces a key's details by what `edit` makes of them.
    ///
    /// # Errors
    /// See [`Error`]; [`StoreError::Conflict`] if somebody else edited it meanwhile.
    pub async fn edit_key(
        &self,
        id: &KeyId,
        edit: impl FnOnce(KeyDetails) -> KeyDetails + Send,
        why: &Why,
    ) -> Result<Done, Error> {
        let record = self.record(id).await?;
        let details = edit(record.key.details.clone());
        details.check(&record.project.id)?;
        self.check_audiences(&record.project.id, &details).await?;
        // Read after the record: if the role was edited since, so was the project, and the commit conflicts.
        let role = self.permitted_by_role(&record.project.id, &details).await?;
        let mut detail = described(&details);
        detail["was"] = described(&record.key.details);
        self.commit(&record, KeyEdit::Details { details, role }, explained(detail, why)).await
    }

    /// Blocks, unblocks, deletes a key, or revokes its tokens. Decided anew if somebody else edits
    /// the key meanwhile: a block must not fail for a rename.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn act_on_key(&self, id: &KeyId, act: KeyAct, why: &Why) -> Result<Done, Error> {
        self.decided_anew(|| self.try_act_on_key(id, act, why)).await
    }

    async fn try_act_on_key(&self, id: &KeyId, act: KeyAct, why: &Why) -> Result<Done, Error> {
        let record = self.record(id).await?;
        let edit = match act {
            KeyAct::Block => KeyEdit::Block,
            KeyAct::Unblock => KeyEdit::Unblock,
            KeyAct::Delete => KeyEdit::Delete,
            KeyAct::RevokeTokens => KeyEdit::RevokeTokens,
        };
        self.commit(&record, edit, explained(json!({}), why)).await
    }

    /// All that is stored of a key. One of which whoever acts may see nothing is as if it were not there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn record(&self, id: &KeyId) -> Result<MintRecord, Error> {
        let found = self.store.mint_record(&Lookup::Id(id.clone())).await?.value;
        let seen = found.filter(|record| self.authority.concerns_keys_of(&record.project.id));
        Ok(seen.ok_or(StoreError::Missing("API key"))?)
    }

    /// Whether an administrator's key may be like this, by the hand of whoever acts; a tenant's has nothing
    /// to do with their own reach.
    async fn check_reach(&self, project: &ProjectId, worth: &Worth<'_>) -> Result<(), Error> {
        if project.as_str() == ProjectId::ADMINISTRATION {
            self.authority.check_reach(worth, self.own_end().await?)?;
        }
        Ok(())
    }

    /// What was committed is known here before anybody is answered.
    pub(super) fn tell(&self, feed: &FeedDraft, at: Timestamp, position: Position) {
        if let Some(witness) = &self.witness {
            let (tag, entry, ends) = (feed.tag, feed.entry.clone(), feed.ends.at(at));
            witness(&Published { position, tag, entry, ends });
        }
    }

    /// Carries out an edit of a key that was decided on this record.
    #[instrument(name = "commit", level = "debug", skip_all)]
    pub(super) async fn commit(
        &self,
        record: &MintRecord,
        edit: KeyEdit,
        detail: Value,
    ) -> Result<Done, Error> {
        let narrowed = edit.is_narrowing(&record.worth(), &record.catalogue);
        let change = self.decided(record, edit, detail).await?;
        let position = self.store.change_key(&change).await?;
        self.tell(&change.feed, change.audit.at, position);
        Ok(Done { project: record.key.project.clone(), position, narrowed })
    }

    /// An edit of a key, decided on this record and ready for the store.
    pub(super) async fn decided(
        &self,
        record: &MintRecord,
        edit: KeyEdit,
        detail: Value,
    ) -> Result<KeyChange, Error> {
        let (key, now) = (&record.key, self.clock.now());
        self.authority.check(edit.right(), Some(&key.project))?;
        if let Some(worth) = edit.gives(record) {
            self.check_reach(&key.project, &worth).await?;
        }
        if self.expecting.is_some_and(|expected| expected != key.changed) {
            return Err(StoreError::Conflict.into());
        }
        let live = record.secrets.iter().filter(|secret| secret.is_live(now)).count();
        edit.check(key, live, now)?;
        Ok(KeyChange {
            key: key.id.clone(),
            expected_changed: key.changed,
            expected_project: record.project.changed,
            feed: edit.feed(record, self.tag()),
            audit: self.audit(edit.act(), Some(&key.project), key.id.as_str(), detail),
            once: Made::by(&edit, key).and_then(|made| self.once(&made)),
            edit,
        })
    }

    async fn check_audiences(&self, project: &ProjectId, details: &KeyDetails) -> Result<(), Error> {
        let default = crate::domain::grant::default_audience(project, &self.issuer);
        let ours = self.store.audiences(project).await?;
        match details.audiences.iter().find(|audience| **audience != default && !ours.contains(audience)) {
            Some(foreign) => Err(Error::ForeignAudience(foreign.clone())),
            None => Ok(()),
        }
    }

    /// A random mark for a feed entry.
    #[must_use]
    pub fn tag(&self) -> Tag {
        Tag::from_bytes(self.entropy.bytes())
    }

    /// An audit row of this actor, now.
    #[must_use]
    pub fn audit(&self, act: Act, project: Option<&ProjectId>, target: &str, detail: Value) -> AuditDraft {
        AuditDraft {
            at: self.clock.now(),
            actor: self.actor.clone(),
            address: self.address,
            act,
            project: project.cloned(),
            target: target.to_owned(),
            detail,
        }
    }
}

/// An act on a key that changes nothing but whether it and its tokens work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAct {
    /// Blocks it.
    Block,
    /// Unblocks it.
    Unblock,
    /// Deletes it.
    Delete,
    /// Revokes its outstanding tokens.
    RevokeTokens,
}

/// An act that was carried out.
#[derive(Clone, Debug)]
pub struct Done {
    /// The project that it was done to, or whose key.
    pub project: ProjectId,
    /// Where its feed entry stands.
    pub position: Position,
    /// Whether tokens that were out are dead now.
    pub narrowed: bool,
}

/// A key's details, for the audit log.
fn described(details: &KeyDetails) -> Value {
    json!({
        "name": details.name,
        "permissions": details.permissions,
        "role": details.role,
        "allowlist": details.allowlist,
        "auth_methods": details.auth_methods,
        "audiences": details.audiences,
        "token_lifetime": details.token_lifetime.map(crate::domain::Lifetime::secs),
        "require_scope": details.require_scope,
        "live_tokens": details.live_tokens,
        "expires_at": details.expires_at.map(Timestamp::secs),
    })
}

/// With the reason, for the audit log.
pub(super) fn explained(mut detail: Value, why: &Why) -> Value {
    detail["reason"] = json!(why.reason);
    if let Some(note) = &why.note {
        detail["note"] = json!(note_without_secrets(note));
    }
    detail
}
