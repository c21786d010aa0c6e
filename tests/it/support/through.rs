//! A database whose answers a test can hold up or spoil on their way to the server.

mod leaks;
mod replays;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use portcullis::domain::audit::AuditDraft;
use portcullis::domain::edit::{KeyChange, ProjectChange};
use portcullis::domain::feed::Published;
use portcullis::domain::grant::{KeyPart, MintRecord, ProjectPart};
use portcullis::domain::{
    Audience, Catalogue, Position, Project, ProjectId, Role, RoleName, Timestamp, TokenId,
};
use portcullis::store::{
    Arrival, AuditLog, Backup, Error, FeedLog, FeedRead, FoundGrants, FoundKey, Founded, Founding, Health,
    Heartbeat, Installation, IssuedToken, IssuedTokens, KeyBatch, KeyImport, Keys, Lookup, NewKey,
    NewProject, Projects, Recording, Records, Resealing, Restoration, Restored, Roles, SealedKey, SealedRow,
    Search, SecretUse, SigningKeys, SigningKeysChange, Snapshot, Store, StoredSigningKey, TokenRevocation,
    Unavailable, Upkeep, WantedAudit, WantedGrants, WantedKeys, WantedProjects, WantedRevocations,
    WantedTokens,
};
use portcullis::time::Clock as _;

use super::{Latch, TestClock};

/// In front of a real database.
pub(crate) struct Through {
    pub(super) store: Arc<dyn Store>,
    hand: Arc<Hand>,
}

/// What the test holds.
pub(crate) struct Hand {
    /// Records that were read wait here on their way to whoever asked.
    pub(crate) records: Arc<Latch>,
    /// Revocations of tokens that are committed wait here on their way to whoever asked.
    pub(crate) revocations: Arc<Latch>,
    /// Whoever has asked whether a secret was reported before waits here for the answer.
    pub(crate) reports: Arc<Latch>,
    /// Roles that were read wait here on their way to whoever asked.
    pub(crate) roles: Arc<Latch>,
    /// How often all of a record was read at once.
    pub(crate) whole_read: AtomicUsize,
    /// How often a project's part was read by itself.
    pub(crate) parts_read: AtomicUsize,
    /// It cannot be read.
    pub(crate) no_parts: AtomicBool,
    /// The feed cannot be read from its beginning.
    pub(crate) no_beginning: AtomicBool,
    /// The feed cannot be read at all.
    pub(crate) no_feed: AtomicBool,
    /// So many looks at the feed panic.
    pub(crate) feed_panics: AtomicUsize,
    /// The feed is read in pages of so many entries; of as many as wanted, if zero.
    pub(crate) page: AtomicUsize,
    /// Who looks whether the feed has changed comes by here.
    pub(crate) looks: Arc<Latch>,
    /// Uses of secrets cannot be written down.
    pub(crate) no_uses: AtomicBool,
    /// How often that was tried.
    pub(crate) uses_written: AtomicUsize,
    /// What it says of the time, if that is not its own affair.
    clock: Option<Arc<TestClock>>,
}

impl Hand {
    pub(crate) fn new() -> Arc<Self> {
        Self::with(None)
    }

    /// A database that lives by this clock.
    pub(crate) fn telling(clock: Arc<TestClock>) -> Arc<Self> {
        Self::with(Some(clock))
    }

    fn with(clock: Option<Arc<TestClock>>) -> Arc<Self> {
        let off = || AtomicBool::new(false);
        let none = || AtomicUsize::new(0);
        Arc::new(Self {
            records: Latch::open(),
            revocations: Latch::open(),
            reports: Latch::open(),
            roles: Latch::open(),
            whole_read: none(),
            parts_read: none(),
            no_parts: off(),
            no_beginning: off(),
            no_feed: off(),
            feed_panics: none(),
            page: none(),
            looks: Latch::open(),
            no_uses: off(),
            uses_written: none(),
            clock,
        })
    }

    pub(crate) fn wrap(self: &Arc<Self>) -> impl FnOnce(Arc<dyn Store>) -> Arc<dyn Store> + use<> {
        let hand = self.clone();
        |store| Arc::new(Through { store, hand })
    }
}

impl Through {
    fn page(&self, most: u32) -> u32 {
        match self.hand.page.load(Ordering::SeqCst) {
            0 => most,
            page => u32::try_from(page).unwrap(),
        }
    }

    fn spoils(&self, since: Position) -> bool {
        self.hand.no_feed.load(Ordering::SeqCst)
            || since == Position::START && self.hand.no_beginning.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Records for Through {
    async fn mint_record(&self, by: &Lookup) -> Result<Snapshot<Option<MintRecord>>, Error> {
        let read = self.store.mint_record(by).await;
        self.hand.whole_read.fetch_add(1, Ordering::SeqCst);
        self.hand.records.pass().await;
        read
    }

    async fn key_part(&self, by: &Lookup) -> Result<Snapshot<Option<KeyPart>>, Error> {
        let read = self.store.key_part(by).await;
        self.hand.records.pass().await;
        read
    }

    async fn project_part(&self, project: &ProjectId) -> Result<Option<ProjectPart>, Error> {
        self.hand.parts_read.fetch_add(1, Ordering::SeqCst);
        if self.hand.no_parts.load(Ordering::SeqCst) {
            return Err(Unavailable::Slow.into());
        }
        self.store.project_part(project).await
    }

    async fn position(&self) -> Result<Position, Error> {
        self.store.position().await
    }
}

#[async_trait]
impl FeedLog for Through {
    async fn has_changed(&self) -> Result<bool, Error> {
        self.hand.looks.pass().await;
        let left = self
            .hand
            .feed_panics
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert!(left.is_err(), "the feed has failed");
        self.store.has_changed().await
    }

    async fn feed_since(&self, since: Position, most: u32) -> Result<FeedRead, Error> {
        if self.spoils(since) {
            return Err(Unavailable::Slow.into());
        }
        self.store.feed_since(since, self.page(most)).await
    }

    async fn wait_for_change(&self) {
        self.store.wait_for_change().await;
    }

    async fn poll(&self, since: Position, most: u32, heartbeat: &Heartbeat) -> Result<FeedRead, Error> {
        if self.spoils(since) {
            return Err(Unavailable::Slow.into());
        }
        let mut read = self.store.poll(since, self.page(most), heartbeat).await?;
        if let Some(clock) = &self.hand.clock {
            read.clock = Some(clock.now());
        }
        Ok(read)
    }

    async fn nodes(&self) -> Result<Vec<Heartbeat>, Error> {
        self.store.nodes().await
    }

    async fn revoke_token(&self, revocation: &TokenRevocation) -> Result<Position, Error> {
        let revoked = self.store.revoke_token(revocation).await;
        self.hand.revocations.pass().await;
        revoked
    }

    async fn forget(&self, now: Timestamp, until: Position, limit: u32) -> Result<u64, Error> {
        self.store.forget(now, until, limit).await
    }
}

#[async_trait]
impl Installation for Through {
    async fn installation(&self) -> Result<Option<Founded>, Error> {
        self.store.installation().await
    }

    async fn found(&self, founding: &Founding) -> Result<Position, Error> {
        self.store.found(founding).await
    }

    async fn data_keys(&self) -> Result<Vec<SealedKey>, Error> {
        self.store.data_keys().await
    }

    async fn reseal_data_keys(&self, resealing: &Resealing) -> Result<(), Error> {
        self.store.reseal_data_keys(resealing).await
    }

    async fn change_issuer(&self, issuer: &str, audit: &AuditDraft) -> Result<(), Error> {
        self.store.change_issuer(issuer, audit).await
    }
}

#[async_trait]
impl Projects for Through {
    async fn create_project(&self, project: &NewProject) -> Result<Position, Error> {
        self.store.create_project(project).await
    }

    async fn project(&self, id: &ProjectId) -> Result<Option<Project>, Error> {
        self.store.project(id).await
    }

    async fn projects(&self, after: Option<&ProjectId>, limit: u32) -> Result<Vec<Project>, Error> {
        self.store.projects(after, limit).await
    }

    async fn catalogue(&self, project: &ProjectId) -> Result<Catalogue, Error> {
        self.store.catalogue(project).await
    }

    async fn audiences(&self, project: &ProjectId) -> Result<Vec<Audience>, Error> {
        self.store.audiences(project).await
    }

    async fn change_project(&self, change: &ProjectChange) -> Result<Position, Error> {
        self.store.change_project(change).await
    }
}

#[async_trait]
impl Roles for Through {
    async fn role(&self, project: &ProjectId, name: &RoleName) -> Result<Option<Role>, Error> {
        let role = self.store.role(project, name).await;
        self.hand.roles.pass().await;
        role
    }

    async fn roles(
        &self,
        project: &ProjectId,
        after: Option<&RoleName>,
        limit: u32,
    ) -> Result<Vec<Role>, Error> {
        self.store.roles(project, after, limit).await
    }

    async fn keys_with_role(&self, project: &ProjectId, name: &RoleName) -> Result<u64, Error> {
        self.store.keys_with_role(project, name).await
    }
}

#[async_trait]
impl Keys for Through {
    async fn create_key(&self, key: &NewKey) -> Result<Position, Error> {
        self.store.create_key(key).await
    }

    async fn change_key(&self, change: &KeyChange) -> Result<Position, Error> {
        self.store.change_key(change).await
    }

    async fn note_uses(&self, uses: &[SecretUse]) -> Result<(), Error> {
        self.hand.uses_written.fetch_add(1, Ordering::SeqCst);
        if self.hand.no_uses.load(Ordering::SeqCst) {
            return Err(Unavailable::Slow.into());
        }
        self.store.note_uses(uses).await
    }
}

#[async_trait]
impl KeyImport for Through {
    async fn import_keys(&self, batch: &KeyBatch) -> Result<Vec<Arrival>, Error> {
        self.store.import_keys(batch).await
    }

    async fn foresee_import(&self, batch: &KeyBatch) -> Result<Vec<Arrival>, Error> {
        self.store.foresee_import(batch).await
    }
}

#[async_trait]
impl IssuedTokens for Through {
    async fn record(&self, tokens: &[IssuedToken]) -> Result<Vec<Recording>, Error> {
        self.store.record(tokens).await
    }

    async fn forget_issued(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        self.store.forget_issued(before, limit).await
    }

    async fn forget_counts(&self, until: Timestamp) -> Result<u64, Error> {
        self.store.forget_counts(until).await
    }
}

#[async_trait]
impl SigningKeys for Through {
    async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, Error> {
        self.store.signing_keys().await
    }

    async fn change_signing_keys(&self, change: &SigningKeysChange) -> Result<Position, Error> {
        self.store.change_signing_keys(change).await
    }
}

#[async_trait]
impl AuditLog for Through {
    async fn note(&self, act: &AuditDraft) -> Result<(), Error> {
        self.store.note(act).await
    }
}

#[async_trait]
impl Search for Through {
    async fn find_grants(&self, wanted: &WantedGrants) -> Result<FoundGrants, Error> {
        self.store.find_grants(wanted).await
    }

    async fn find_keys(&self, wanted: &WantedKeys) -> Result<Vec<FoundKey>, Error> {
        self.store.find_keys(wanted).await
    }

    async fn find_projects(&self, wanted: &WantedProjects) -> Result<Vec<Project>, Error> {
        self.store.find_projects(wanted).await
    }

    async fn find_tokens(&self, wanted: &WantedTokens) -> Result<Vec<IssuedToken>, Error> {
        self.store.find_tokens(wanted).await
    }

    async fn issued_token(&self, jti: TokenId) -> Result<Option<IssuedToken>, Error> {
        self.store.issued_token(jti).await
    }

    async fn find_revocations(&self, wanted: &WantedRevocations) -> Result<Vec<Published>, Error> {
        self.store.find_revocations(wanted).await
    }

    async fn find_audit(&self, wanted: &WantedAudit) -> Result<Vec<SealedRow>, Error> {
        self.store.find_audit(wanted).await
    }
}

#[async_trait]
impl Upkeep for Through {
    async fn back_up(&self, backup: &Backup) -> Result<(), Error> {
        self.store.back_up(backup).await
    }

    async fn restore(&self, restoration: &Restoration) -> Result<Restored, Error> {
        self.store.restore(restoration).await
    }

    async fn close(&self) {
        self.store.close().await;
    }

    async fn health(&self) -> Result<Health, Error> {
        self.store.health().await
    }
}
