//! The state behind every handler.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use portcullis_guard::{VerifiedClaims, VerifiedTokens, Verifier};

use crate::config;
use crate::domain::audit::Actor;
use crate::domain::feed::Published;
use crate::domain::leak::Signers;
use crate::domain::webhook::Destinations;
use crate::domain::{Authority, ProjectId, TokenRefusal};
use crate::entropy::Entropy;
use crate::issuance::{IssuanceLog, Retention};
use crate::keys::acts::{Acts, Error as ActError, Witness};
use crate::keys::{Authenticator, Rate, Records, Throttle, ThrottleLimits, Uses};
use crate::metrics::Metrics;
use crate::revocation::{self, Copy, Follower as _, Limits, Sync};
use crate::signing::{DataKeys, Error as SigningError, Keyring, Ring};
use crate::store::{Error as StoreError, IssuedTokens, Store};
use crate::time::Clock;
use crate::web::{AUDIT_STREAMS_PER_KEY, Streams};
use crate::webhooks::{self, Sender, SystemNames, Transport};

/// How often one key may revoke tokens. Revocations of keys are never limited.
const REVOCATIONS_PER_SECOND: NonZeroU32 = NonZeroU32::new(100).expect("100 is not 0");

/// How many tokens are remembered as verified: a few kilobytes each at most.
const VERIFIED_TOKENS: usize = 10_000;

/// What a running server is made of.
pub struct Server {
    /// The public URL under which tokens are issued.
    pub issuer: Arc<str>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The database.
    pub store: Arc<dyn Store>,
    /// The signing keys.
    pub keyring: Arc<Keyring>,
    /// This node's copy of the feed.
    pub copy: Arc<Copy>,
    /// What keeps that copy current.
    pub sync: Arc<Sync>,
    /// Tokens whose signature was checked a moment ago.
    pub verified: VerifiedTokens,
    /// Who may speak for which key.
    pub authenticator: Authenticator,
    /// When secrets were used last.
    pub uses: Arc<Uses>,
    /// How often a key revokes tokens.
    pub revoking: Rate,
    /// What is counted.
    pub metrics: Metrics,
    /// Who follows the feed as a stream.
    pub streams: Arc<Streams>,
    /// Who exports or follows the audit log.
    pub audit_streams: Arc<Streams>,
    /// The issuance log.
    pub issuance: IssuanceLog,
    /// What clears that log of old tokens.
    pub retention: Retention,
    /// What sends events to whoever wants them.
    pub webhooks: Arc<Sender>,
    /// Whose word counts for a caller's address.
    pub client_address: config::ClientAddress,
    /// Whose tokens pass where a proxy names no project.
    pub default_project: Option<ProjectId>,
    /// Whose signed reports of leaked secrets are taken.
    pub leak_signers: Signers,
    /// The age at which a signing key's successor is announced.
    pub rotate_every: Duration,
    /// Takes up what this node publishes itself.
    witness: Witness,
    data_keys: DataKeys,
}

/// What a server is built from.
pub struct Parts {
    /// The public URL under which tokens are issued.
    pub issuer: Arc<str>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Where issued tokens are recorded: the database.
    pub issued: Arc<dyn IssuedTokens>,
    /// The opened data keys.
    pub data_keys: DataKeys,
    /// How old the copy of the feed may become.
    pub revocation: config::Revocation,
    /// How many authentications may fail.
    pub throttle: config::Throttle,
    /// Whose word counts for a caller's address.
    pub client_address: config::ClientAddress,
    /// Whose tokens pass where a proxy names no project.
    pub default_project: Option<ProjectId>,
    /// Whose signed reports of leaked secrets are taken.
    pub leak_signers: Signers,
    /// The age at which a signing key's successor is announced.
    pub rotate_every: Duration,
    /// How long the issuance log keeps a token.
    pub issuance_retention: Duration,
    /// Private networks to which webhooks may be sent.
    pub webhook_networks: Vec<IpNet>,
}

/// Why a server cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing keys cannot be used.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl Server {
    /// Builds a server: loads the signing keys and starts the issuance log's writer, whose handle
    /// ends once the server is dropped and all that waited is written. Until the first
    /// [`Sync::step`] it admits nobody.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn build(parts: Parts) -> Result<(Arc<Self>, tokio::task::JoinHandle<()>), Error> {
        let Parts {
            issuer,
            clock,
            entropy,
            store,
            issued,
            data_keys,
            revocation,
            throttle,
            client_address,
            default_project,
            leak_signers,
            rotate_every,
            issuance_retention,
            webhook_networks,
        } = parts;
        let keyring = Arc::new(signing_keys(store.as_ref(), &data_keys).await?);
        let records = Arc::new(Records::new(store.clone(), clock.clone()));
        let copy = Arc::new(Copy::new(clock.clone(), limits(revocation)));
        let sync = Arc::new(Sync::new(revocation::Parts {
            store: store.clone(),
            clock: clock.clone(),
            copy: copy.clone(),
            keyring: keyring.clone(),
            sealing: data_keys.signing.clone(),
            followers: vec![records.clone()],
            node: crate::domain::base62::encode::<12>(&entropy.bytes::<12>()),
        }));
        let witness = witness(copy.clone(), records.clone());
        let uses = Arc::new(Uses::new(store.clone(), clock.clone()));
        let (throttle, pepper) = (throttled(throttle, &clock), data_keys.pepper.clone());
        let (issuance, writer) = IssuanceLog::start(issued.clone(), clock.clone());
        let server = Self {
            authenticator: Authenticator::new(records, uses.clone(), throttle, pepper, clock.clone()),
            webhooks: Arc::new(sender(&store, &clock, &entropy, &data_keys, webhook_networks)),
            retention: Retention::new(issued, clock.clone(), issuance_retention),
            revoking: Rate::per_second(REVOCATIONS_PER_SECOND, clock.clone()),
            verified: VerifiedTokens::new(&entropy.bytes(), VERIFIED_TOKENS),
            issuer,
            clock,
            entropy,
            store,
            keyring,
            copy,
            sync,
            uses,
            metrics: Metrics::default(),
            streams: Arc::default(),
            audit_streams: Arc::new(Streams::at_most(AUDIT_STREAMS_PER_KEY)),
            issuance,
            client_address,
            default_project,
            leak_signers,
            rotate_every,
            witness,
            data_keys,
        };
        Ok((Arc::new(server), writer))
    }

    /// The judge of a project's tokens.
    #[must_use]
    pub fn verifier(&self, project: &ProjectId) -> Verifier {
        Verifier::new(self.issuer.clone(), project.clone(), self.keyring.public(self.clock.now()))
    }

    /// A token's own word: that one of our signing keys has signed it, and what it says. Everything
    /// else about it is judged by its project's [`Server::verifier`], each time afresh.
    ///
    /// # Errors
    /// As [`Verifier::check_once`].
    pub fn check_signature(&self, token: &str) -> Result<Arc<VerifiedClaims>, TokenRefusal> {
        self.metrics.signatures.add(1);
        // All projects' tokens are signed by the same keys: any project's judge will do.
        let judge = self.verifier(&ProjectId::administration());
        judge.check_once(token, &self.verified, self.clock.now())
    }

    /// Announces the successors of signing keys whose time has come.
    ///
    /// # Errors
    /// Whatever kept it from being done.
    pub async fn rotate_what_is_due(&self) -> Result<(), ActError> {
        self.acts(Actor::System, None).rotate_what_is_due(self.rotate_every).await
    }

    /// A mark under which this installation knows again what it gave out for one purpose.
    #[must_use]
    pub fn mark(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 16] {
        self.data_keys.pepper.mark(purpose, parts)
    }

    /// Acts in somebody's name.
    #[must_use]
    pub fn acts(&self, actor: Actor, address: Option<std::net::IpAddr>) -> Acts {
        Acts {
            store: self.store.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            pepper: self.data_keys.pepper.clone(),
            signing: self.data_keys.signing.clone(),
            issuer: self.issuer.clone(),
            actor,
            address,
            authority: Authority::Whole,
            expecting: None,
            naming: None,
            witness: Some(self.witness.clone()),
        }
    }
}

fn throttled(set: config::Throttle, clock: &Arc<dyn Clock>) -> Throttle {
    Throttle::new(ThrottleLimits { per_key: set.key_failures, per_address: set.address_failures }, clock)
}

fn sender(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    data_keys: &DataKeys,
    networks: Vec<IpNet>,
) -> Sender {
    Sender::new(webhooks::Parts {
        store: store.clone(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        sealing: data_keys.signing.clone(),
        transport: Transport::new(Arc::new(Destinations::new(networks)), Arc::new(SystemNames)),
    })
}

async fn signing_keys(store: &dyn Store, data_keys: &DataKeys) -> Result<Keyring, Error> {
    Ok(Keyring::new(Ring::open(&store.signing_keys().await?, &data_keys.signing)?))
}

fn limits(set: config::Revocation) -> Limits {
    Limits { poll: set.poll, max_age: set.max_age }
}

/// Who learns at once of what this node publishes.
fn witness(copy: Arc<Copy>, records: Arc<Records>) -> Witness {
    Arc::new(move |entry: &Published| {
        copy.apply_own(entry);
        records.entry(entry);
    })
}
