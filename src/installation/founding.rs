//! The founding of an installation: data keys, the administrators' project and its first key, the
//! first signing key and the first one of the feed.

use std::path::PathBuf;

use serde_json::json;
use zeroize::Zeroizing;

use super::database::Place;
use super::files::Files;
use super::{Error, Surroundings, Terms};
use crate::config::Settings;
use crate::domain::api_key::ADMINISTRATIVE;
use crate::domain::audit::{Act, Actor, AuditDraft};
use crate::domain::feed::{Changed, FeedDraft, Tag};
use crate::domain::signing_key::{Line, SigningKeyTimes};
use crate::domain::{
    ApiKey, KeyDetails, KeyState, OnLeak, Position, Project, ProjectId, ProjectKind, Secret,
    SigningAlgorithm, Timestamp,
};
use crate::signing::{DataKeys, MasterKey, generate};
use crate::store::{Error as StoreError, Founding, NewKey, Store};

/// The first administrator's key, to be shown once.
#[derive(Debug)]
pub struct AdminKey {
    /// The key.
    pub key: ApiKey,
    /// Its secret.
    pub secret: Secret,
    /// The file that holds both.
    pub path: PathBuf,
}

/// Founds an installation. Master key and admin key are on disk before the database says that
/// there is one: cut off in between, the next start founds it anew. None if another one was faster.
pub(super) async fn found(
    store: &dyn Store,
    files: &Files,
    settings: &Settings,
    terms: &Terms,
    surroundings: &Surroundings,
) -> Result<Option<AdminKey>, Error> {
    let issuer = terms.issuer.clone().ok_or(Error::NoIssuer)?;
    let (entropy, at) = (surroundings.entropy.as_ref(), surroundings.clock.now());
    let master = match files.master_key(settings.master_key.as_ref())? {
        Some(master) => master,
        None if settings.database.is_some() => return Err(Error::NoMasterKeyYet(files.master_key_path())),
        None => new_master_key(files, surroundings)?,
    };
    let (data_keys, sealed) = DataKeys::generate(&master, at, entropy);
    let times = SigningKeyTimes { announced_at: at, signs_from: at, retires_at: None, gone_at: None };
    let make = |line| generate(line, times, &data_keys.signing, entropy);
    let (signing_key, feed_key) = (make(Line::tokens(SigningAlgorithm::default())), make(Line::FEED));
    let (key, secret) = admin_key(at, surroundings);
    let admin = AdminKey { key, secret, path: files.admin_key_path() };
    files.write(&admin.path, &admin.to_json(&issuer))?;
    let new_key = NewKey {
        key: admin.key.clone(),
        digest: data_keys.pepper.digest(&admin.secret),
        decided_on: None,
        feed: FeedDraft::changed(
            Changed::Project { project: ProjectId::administration() },
            Tag::from_bytes(entropy.bytes()),
        ),
        audit: AuditDraft {
            at,
            actor: Actor::Local(rustix::process::getuid().as_raw()),
            address: None,
            act: Act::Initialise,
            project: Some(ProjectId::administration()),
            target: issuer.clone(),
            detail: json!({ "admin_key": admin.key.id, "signing_key": signing_key.kid, "feed_key": feed_key.kid }),
        },
        once: None,
    };
    let project = administration(at);
    let signing_keys = vec![signing_key, feed_key];
    let founding = Founding { issuer, at, data_keys: sealed, project, key: new_key, signing_keys };
    match store.found(&founding).await {
        Ok(_) => Ok(Some(admin)),
        // By another node, a moment ago: its administrator's key counts, and this one opens nothing.
        Err(StoreError::Conflict) => {
            files.remove(&admin.path)?;
            Ok(None)
        }
        Err(error) => Err(Place::of(settings).failed()(error)),
    }
}

fn new_master_key(files: &Files, surroundings: &Surroundings) -> Result<MasterKey, Error> {
    let master = MasterKey::generate(surroundings.entropy.as_ref());
    let line = Zeroizing::new(format!("{}\n", *master.to_hex()));
    files.write(&files.master_key_path(), &line)?;
    Ok(master)
}

fn administration(at: Timestamp) -> Project {
    Project {
        id: ProjectId::administration(),
        kind: ProjectKind::Live,
        name: "Administrators".to_owned(),
        algorithm: SigningAlgorithm::default(),
        live_tokens: None,
        raw_keys: false,
        on_leak: OnLeak::default(),
        created_at: at,
        changed: Position::START,
    }
}

fn admin_key(at: Timestamp, surroundings: &Surroundings) -> (ApiKey, Secret) {
    let (id, secret) = Secret::generate(ProjectKind::Live, &surroundings.entropy.bytes());
    let permissions = ADMINISTRATIVE.iter().map(|scope| scope.parse().expect("a constant scope")).collect();
    let details = KeyDetails { name: "first administrator".to_owned(), permissions, ..KeyDetails::default() };
    let project = ProjectId::administration();
    let key =
        ApiKey { id, project, state: KeyState::Active, details, created_at: at, changed: Position::START };
    (key, secret)
}

impl AdminKey {
    /// The content of `admin-key.json`: the only copy of the secret.
    fn to_json(&self, issuer: &str) -> Zeroizing<String> {
        let body = json!({
            "issuer": issuer,
            "project": self.key.project,
            "key_id": self.key.id,
            "secret": self.secret.expose(),
        });
        Zeroizing::new(format!("{body:#}\n"))
    }
}
