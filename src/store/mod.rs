//! What Portcullis asks of a database: small traits, one method per business act.
//!
//! A method is one transaction. Whatever publishes does so in the transaction that stores the
//! change: the row, the audit row, the feed entry and the counter commit together or not at all,
//! and rows are locked in that order. Each engine has its own SQL; the contract suite in
//! `tests/it/store` runs on all of them.

mod error;
mod import;
mod issued;
mod leaks;
mod postgres;
mod replays;
mod roles;
mod rows;
mod search;
mod signing_keys;
mod sqlite;
mod upkeep;
mod webhooks;

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::audit::AuditDraft;
use crate::domain::edit::{KeyChange, ProjectChange};
use crate::domain::feed::{FeedDraft, Published, Tag};
use crate::domain::grant::{KeyPart, MintRecord, ProjectPart};
use crate::domain::once::Once;
use crate::domain::{
    ApiKey, Audience, Catalogue, KeyId, LastUse, Position, Project, ProjectId, SecretDigest, Timestamp,
};

pub use crate::domain::audit::SealedRow;
pub use error::{Error, Unavailable};
pub use import::{Arrival, KeyBatch, KeyImport, KeyToImport};
pub use issued::{IssuedToken, IssuedTokens, Recording};
pub use leaks::{LeakNote, LeakRecord, Leaks};
pub use postgres::{PostgresOptions, PostgresStore};
pub use replays::{Replay, Replays};
pub use roles::Roles;
pub use search::{
    FoundGrants, FoundKey, Search, WantedAudit, WantedGrants, WantedKeys, WantedProjects, WantedRevocations,
    WantedTokens, first_of, minted_after,
};
pub use signing_keys::{SigningKeys, SigningKeysChange, StoredSigningKey};
pub use sqlite::{Inspected, SqliteOptions, SqliteStore};
pub use upkeep::{Backup, Health, Migration, Restoration, Restored, Upkeep};
pub use webhooks::{
    Attempt, Claim, Claimed, ClaimedMessage, DELIVERY_STATES, Delivery, DueWebhook, NewWebhook,
    WantedDeliveries, WantedWebhooks, WebhookChange, WebhookEdit, Webhooks,
};

/// A database that keeps everything.
pub trait Store:
    Installation
    + Records
    + Projects
    + Roles
    + Keys
    + KeyImport
    + FeedLog
    + IssuedTokens
    + SigningKeys
    + AuditLog
    + Replays
    + Leaks
    + Search
    + Upkeep
    + Webhooks
    + Send
    + Sync
{
}

impl<S> Store for S where
    S: Installation
        + Records
        + Projects
        + Roles
        + Keys
        + KeyImport
        + FeedLog
        + IssuedTokens
        + SigningKeys
        + AuditLog
        + Replays
        + Leaks
        + Search
        + Upkeep
        + Webhooks
        + Send
        + Sync
{
}

/// The beginning: what there is before the first project.
#[async_trait]
pub trait Installation: Send + Sync {
    /// The installation, if it was founded.
    async fn installation(&self) -> Result<Option<Founded>, Error>;

    /// Founds it, all or nothing: issuer, data keys, the project of administrators with its first
    /// key, the first signing keys, the first feed entry, the first audit row.
    /// [`Error::Conflict`] if it was founded already.
    async fn found(&self, founding: &Founding) -> Result<Position, Error>;

    /// The random keys that seal the rest, sealed under the master key.
    async fn data_keys(&self) -> Result<Vec<SealedKey>, Error>;

    /// Seals the data keys under another master key, all or nothing, and tells the audit log;
    /// [`Error::Conflict`] if they are not sealed as they were when they were read. What they were
    /// sealed as before is left nowhere that the engine can reach.
    async fn reseal_data_keys(&self, resealing: &Resealing) -> Result<(), Error>;

    /// Records another issuer. The feed is told nothing: no server runs meanwhile.
    async fn change_issuer(&self, issuer: &str, audit: &AuditDraft) -> Result<(), Error>;
}

/// An installation as it was founded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founded {
    /// The public URL under which tokens are issued.
    pub issuer: String,
    /// When.
    pub created_at: Timestamp,
    /// Set if this database is a backup's copy: it must be restored before it is served.
    pub backup_mark: Option<String>,
}

/// All that an installation begins with.
#[derive(Debug)]
pub struct Founding {
    /// The issuer.
    pub issuer: String,
    /// When.
    pub at: Timestamp,
    /// The data keys.
    pub data_keys: Vec<SealedKey>,
    /// The project of administrators (its `changed` is not read).
    pub project: Project,
    /// The first administrator's key.
    pub key: NewKey,
    /// The first signing key, and the first one of the feed.
    pub signing_keys: Vec<StoredSigningKey>,
}

/// A random key, sealed under the master key; or the check value that tells a wrong master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    /// What it is for.
    pub name: String,
    /// Nonce and ciphertext.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The data keys under another master key. The feed is told nothing: whoever has opened them goes on.
#[derive(Debug)]
pub struct Resealing {
    /// As they were read.
    pub expected: Vec<SealedKey>,
    /// The same ones, sealed anew.
    pub sealed: Vec<SealedKey>,
    /// What the audit log is told.
    pub audit: AuditDraft,
}

/// What a key's decision reads.
#[async_trait]
pub trait Records: Send + Sync {
    /// All that a mint's decision reads, and the feed counter, in one snapshot.
    async fn mint_record(&self, by: &Lookup) -> Result<Snapshot<Option<MintRecord>>, Error>;

    /// The part of it that is the key's own, and the feed counter, in one snapshot.
    async fn key_part(&self, by: &Lookup) -> Result<Snapshot<Option<KeyPart>>, Error>;

    /// The part of it that all keys of a project share, in one snapshot.
    async fn project_part(&self, project: &ProjectId) -> Result<Option<ProjectPart>, Error>;

    /// The feed counter: whether anything was published since a snapshot was read.
    async fn position(&self) -> Result<Position, Error>;
}

/// How a caller named a key.
#[derive(Debug)]
pub enum Lookup {
    /// By its id.
    Id(KeyId),
    /// By the digest of one of its secrets.
    Digest(SecretDigest),
}

/// A value, and the feed counter in the snapshot that it was read in.
#[derive(Debug)]
pub struct Snapshot<T> {
    /// The feed counter.
    pub position: Position,
    /// The value.
    pub value: T,
}

/// Projects, their catalogues and audiences.
#[async_trait]
pub trait Projects: Send + Sync {
    /// Makes a project and publishes `feed`.
    async fn create_project(&self, project: &NewProject) -> Result<Position, Error>;

    /// A project.
    async fn project(&self, id: &ProjectId) -> Result<Option<Project>, Error>;

    /// Projects by id, those after `after`, at most `limit`.
    async fn projects(&self, after: Option<&ProjectId>, limit: u32) -> Result<Vec<Project>, Error>;

    /// A project's scope catalogue.
    async fn catalogue(&self, project: &ProjectId) -> Result<Catalogue, Error>;

    /// A project's own audiences, in order.
    async fn audiences(&self, project: &ProjectId) -> Result<Vec<Audience>, Error>;

    /// Edits a project as it was read; a limit of live tokens that comes counts what lives, in the
    /// same transaction. [`Error::Conflict`] if its `changed` has moved,
    /// [`Error::Missing`] if the scope, audience or role is not there that is to go or to change,
    /// [`Error::Taken`] if the audience to add is some project's already, or the role there;
    /// [`Error::InUse`] if keys have the role that is to go.
    async fn change_project(&self, change: &ProjectChange) -> Result<Position, Error>;
}

/// A project to be made.
#[derive(Debug)]
pub struct NewProject {
    /// The project; its `changed` is not read.
    pub project: Project,
    /// What the feed is told.
    pub feed: FeedDraft,
    /// What the audit log is told.
    pub audit: AuditDraft,
    /// How it is made once.
    pub once: Option<Once>,
}

/// API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Makes a key with its first secret; [`Error::Taken`] if its id is in use or ever was, or its
    /// secret is in use; [`Error::Missing`] if the project, or the role, is not there;
    /// [`Error::Conflict`] if the project has moved on from what it was decided on.
    async fn create_key(&self, key: &NewKey) -> Result<Position, Error>;

    /// Edits a key as it was read; [`Error::Conflict`] if its `changed` or its project's has
    /// moved, [`Error::Missing`] if it, or the secret to end, is not there. Deleting drops its
    /// secrets; regenerating ends the old ones; whatever concerns secrets drops those whose end has
    /// come. A limit of live tokens that comes counts what lives; whatever kills the key's tokens
    /// frees their places.
    async fn change_key(&self, change: &KeyChange) -> Result<Position, Error>;

    /// Writes down when secrets were used last, unless a later use is written already. It is no
    /// edit: nothing is published, no key's `changed` moves; secrets that are gone are passed over.
    async fn note_uses(&self, uses: &[SecretUse]) -> Result<(), Error>;
}

/// The last use of a secret.
#[derive(Debug)]
pub struct SecretUse {
    /// Which secret.
    pub digest: SecretDigest,
    /// When and from where.
    pub last: LastUse,
}

/// A key to be made.
#[derive(Debug)]
pub struct NewKey {
    /// The key; its `changed` is not read.
    pub key: ApiKey,
    /// Its first secret.
    pub digest: SecretDigest,
    /// The position of the state of its project, roles among it, that it was decided on: another one is a
    /// conflict. None, if it was decided on nothing.
    pub decided_on: Option<Position>,
    /// What the feed is told.
    pub feed: FeedDraft,
    /// What the audit log is told.
    pub audit: AuditDraft,
    /// How it is made once.
    pub once: Option<Once>,
}

/// The feed, and who follows it.
#[async_trait]
pub trait FeedLog: Send + Sync {
    /// Whether anything may have been committed since this was asked last: a cheap look that may
    /// say yes too often, and never no too often while the database can be reached.
    async fn has_changed(&self) -> Result<bool, Error>;

    /// Waits until it is worth to look: at once when the database tells of something new, otherwise
    /// for as long as a look should not be repeated.
    async fn wait_for_change(&self);

    /// What the feed holds beyond `since`, in one snapshot with the counter; the first `most` entries of
    /// it.
    async fn feed_since(&self, since: Position, most: u32) -> Result<FeedRead, Error>;

    /// The same, and records that a node is alive and how far it has applied the feed. It is the
    /// answer that makes a copy fresh: it proves that the database of the configured place was
    /// reached and, where there may be another that passes for it, that this one can commit.
    async fn poll(&self, since: Position, most: u32, heartbeat: &Heartbeat) -> Result<FeedRead, Error>;

    /// The nodes that were seen.
    async fn nodes(&self) -> Result<Vec<Heartbeat>, Error>;

    /// Revokes one token; [`Error::Full`] if its project has `limit` live revocations of tokens.
    async fn revoke_token(&self, revocation: &TokenRevocation) -> Result<Position, Error>;

    /// Deletes at most `limit` entries up to `until` whose end has come, never the newest; tells how
    /// many. Nodes that gave no sign of life for a week go too.
    async fn forget(&self, now: Timestamp, until: Position, limit: u32) -> Result<u64, Error>;
}

/// What a read of the feed found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRead {
    /// The copy is complete up to here: the counter, or the last of the entries if there are more.
    pub position: Position,
    /// The mark of the newest entry up to there. That of the whole feed is never deleted.
    pub newest: Tag,
    /// Whether there are entries beyond these.
    pub more: bool,
    /// The mark that the entry at `since` has now; none if there is no such entry.
    pub boundary: Option<Tag>,
    /// The entries beyond `since`, in order; every one of them that is not forgotten.
    pub entries: Vec<Published>,
    /// The time by the database's clock, told to a poll; none where it is the clock of this machine.
    pub clock: Option<Timestamp>,
}

impl FeedRead {
    /// The first `most` of the entries, and what is complete with them.
    fn of_the_first(self, most: u32) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if self.entries.len() <= most {
            return self;
        }
        let mut entries = self.entries;
        entries.truncate(most);
        let (position, newest) = entries.last().map_or((self.position, self.newest), |e| (e.position, e.tag));
        Self { position, newest, more: true, entries, ..self }
    }
}

/// A sign of life of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The node: random, new with every start.
    pub node: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it gave this sign.
    pub seen_at: Timestamp,
    /// How far it has applied the feed.
    pub applied: Position,
    /// How old its copy was.
    pub age: Duration,
    /// Beyond which age its copy admits nobody.
    pub max_age: Duration,
}

/// The revocation of one token.
#[derive(Debug)]
pub struct TokenRevocation {
    /// The token's project.
    pub project: ProjectId,
    /// How many live revocations of tokens the project may have.
    pub limit: u32,
    /// What the feed is told.
    pub feed: FeedDraft,
    /// What the audit log is told.
    pub audit: AuditDraft,
}

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends the row of an act that stores nothing else.
    async fn note(&self, act: &AuditDraft) -> Result<(), Error>;
}
