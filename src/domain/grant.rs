//! The exchange: what token a key gets for a request, or why it gets none.
//!
//! Narrowing only (promise P1): scope, audience, addresses and lifetime of the claims are within
//! what the key has, whatever the request says. What a request leaves out becomes the key's
//! default, never more; what cannot be read is refused, never passed over.

use std::net::IpAddr;
use std::sync::Arc;

use portcullis_guard::{
    Audience, Audiences, Claims, Position, ProjectId, Scope, ScopeSet, Timestamp, TokenId,
};

use super::algorithm::SigningAlgorithm;
use super::api_key::{ApiKey, KeyState, Lifetime};
use super::authority;
use super::catalogue::Catalogue;
use super::includes::{Includes, Reach};
use super::project::Project;
use super::quota::LiveTokenLimits;
use super::secret::StoredSecret;
use super::worth::Worth;

/// All that a mint's decision reads, as one snapshot of the database had it.
#[derive(Debug)]
pub struct MintRecord {
    /// The key.
    pub key: ApiKey,
    /// Its secrets.
    pub secrets: Vec<StoredSecret>,
    /// What its role permits; nothing, if it has none.
    pub role: ScopeSet,
    /// Its own permissions and its role's, if it has one.
    both: Option<ScopeSet>,
    /// Its project.
    pub project: Arc<Project>,
    /// Its project's scope catalogue.
    pub catalogue: Arc<Catalogue>,
    /// That catalogue's includes.
    pub includes: Arc<Includes>,
    /// What the key's permissions include, its role's among them.
    pub reach: Reach,
    /// Its project's own audiences.
    pub audiences: Arc<[Audience]>,
    /// The feed counter in that snapshot.
    pub position: Position,
}

/// The part of a [`MintRecord`] that is a key's own.
#[derive(Debug)]
pub struct KeyPart {
    /// The key.
    pub key: ApiKey,
    /// Its secrets.
    pub secrets: Vec<StoredSecret>,
    /// What its role permits; nothing, if it has none.
    pub role: ScopeSet,
    /// The position of its project's last entry, in the same snapshot. Every edit of a project moves
    /// it, so a [`ProjectPart`] of this position is what that snapshot has, whenever it was read.
    pub project_changed: Position,
}

/// The part of a [`MintRecord`] that all keys of a project share.
#[derive(Clone, Debug)]
pub struct ProjectPart {
    project: Arc<Project>,
    catalogue: Arc<Catalogue>,
    includes: Arc<Includes>,
    audiences: Arc<[Audience]>,
}

impl ProjectPart {
    /// A project, its scope catalogue and its own audiences, read in one snapshot.
    #[must_use]
    pub fn new(project: Project, catalogue: Catalogue, audiences: Vec<Audience>) -> Self {
        let includes = Arc::new(Includes::of(&catalogue));
        let (project, catalogue) = (Arc::new(project), Arc::new(catalogue));
        Self { project, catalogue, includes, audiences: audiences.into() }
    }

    /// The position of the project's last entry.
    #[must_use]
    pub fn changed(&self) -> Position {
        self.project.changed
    }

    /// How much it holds, as far as that grows: in values that it names.
    #[must_use]
    pub fn size(&self) -> usize {
        1 + self.catalogue.size() + self.audiences.len()
    }
}

impl MintRecord {
    /// The record that the parts make up, which are those of one snapshot: that of this position.
    #[must_use]
    pub fn of(key: KeyPart, part: ProjectPart, position: Position) -> Self {
        let KeyPart { key, secrets, role, .. } = key;
        let ProjectPart { project, catalogue, includes, audiences } = part;
        let both = (!role.is_empty()).then(|| Worth { details: &key.details, role: &role }.permissions());
        let reach = includes.reach(&catalogue, both.as_ref().unwrap_or(&key.details.permissions));
        Self { key, secrets, role, both, project, catalogue, includes, reach, audiences, position }
    }

    /// What the key may do: its own permissions and its role's. Whoever asks what a key may do asks here.
    #[must_use]
    pub fn permissions(&self) -> &ScopeSet {
        self.both.as_ref().unwrap_or(&self.key.details.permissions)
    }

    /// What the key is worth.
    #[must_use]
    pub fn worth(&self) -> Worth<'_> {
        Worth { details: &self.key.details, role: &self.role }
    }

    /// What all keys of its project share.
    #[must_use]
    pub fn project_part(&self) -> ProjectPart {
        ProjectPart {
            project: self.project.clone(),
            catalogue: self.catalogue.clone(),
            includes: self.includes.clone(),
            audiences: self.audiences.clone(),
        }
    }
}

/// What a request asks for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The scope; absent or empty means all.
    pub scope: ScopeSet,
    /// The audiences, as `resource` (RFC 8707) and `audience` (RFC 8693) name them; none means
    /// the default.
    pub audiences: Vec<Audience>,
    /// The lifetime, capped to the longest.
    pub lifetime: Option<Lifetime>,
}

/// What the decision takes from outside: whoever asks for one supplies clock and randomness.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The token server's public URL.
    pub issuer: &'a str,
    /// Now.
    pub now: Timestamp,
    /// The name of the new token.
    pub jti: TokenId,
}

/// What is granted.
#[derive(Debug)]
pub struct Grant {
    /// The token's claims.
    pub claims: Claims,
    /// The scope as it was asked for, without what it includes: what the answer says.
    pub scope: ScopeSet,
    /// How long the token lives.
    pub lifetime: Lifetime,
    /// How it is to be signed.
    pub algorithm: SigningAlgorithm,
    /// How many such tokens may live.
    pub limits: LiveTokenLimits,
}

/// Why nothing is granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The key is blocked.
    #[error("the API key is blocked")]
    Blocked,
    /// The key was deleted.
    #[error("the API key was deleted")]
    Deleted,
    /// The key's time is over, or less than a second is left of it.
    #[error("the API key has expired")]
    Expired,
    /// The key is registered for other methods of authentication.
    #[error("the API key may not authenticate by this method")]
    Method,
    /// The request does not come from the key's allowlist.
    #[error("the API key may not be used from this address")]
    Address,
    /// Values beyond the key's permissions.
    #[error("the API key does not cover {}", list(.0))]
    Scope(Vec<Scope>),
    /// The key wants its scope named.
    #[error("this API key must name the scope that it wants")]
    ScopeRequired,
    /// The key has nothing to give.
    #[error("the API key holds no permission that is granted unnamed")]
    NoPermissions,
    /// An audience that is not the key's.
    #[error("the API key may not ask for this resource or audience")]
    Target,
}

/// Names at most five values, so that the answer stays short. They have passed the scope grammar,
/// which has no quote and no backslash.
fn list(scopes: &[Scope]) -> String {
    let named: Vec<&str> = scopes.iter().take(5).map(Scope::as_str).collect();
    let more = if scopes.len() > named.len() { " and more" } else { "" };
    format!("{}{more}", named.join(", "))
}

/// Decides what token the key gets (design section 3, "Exchange"). The caller has authenticated
/// the key.
///
/// # Errors
/// The first [`Refusal`] in the order of the rules.
pub fn decide(
    record: &MintRecord,
    ask: &Ask,
    address: Option<IpAddr>,
    moment: &Moment<'_>,
) -> Result<Grant, Refusal> {
    check_usable(&record.key, address, moment.now)?;
    let scope = narrow_scope(record, &ask.scope)?;
    let aud = narrow_audiences(record, &ask.audiences, moment.issuer)?;
    let iat = moment.now.whole_secs();
    let lifetime = narrow_lifetime(&record.key, ask.lifetime, iat)?;
    let key = &record.key;
    let claims = Claims {
        iss: moment.issuer.into(),
        sub: key.id.as_str().into(),
        aud,
        client_id: key.id.clone(),
        exp: Timestamp::from_secs(iat.secs() + i64::from(lifetime.secs())),
        iat,
        jti: moment.jti,
        scope: record.includes.expand(&record.catalogue, &scope),
        prj: key.project.clone(),
        pos: record.position,
        ips: key.details.allowlist.clone(),
        org: None,
        anc: Vec::new(),
        sub_kind: None,
        act: None,
        cnf: None,
    };
    let limits = LiveTokenLimits { key: key.details.live_tokens, project: record.project.live_tokens };
    Ok(Grant { claims, scope, lifetime, algorithm: record.project.algorithm, limits })
}

/// Whether an authenticated key may be used at all, now and from there. This holds wherever a key
/// authenticates.
///
/// # Errors
/// [`Refusal::Blocked`], [`Refusal::Deleted`], [`Refusal::Expired`], [`Refusal::Address`].
pub fn check_usable(key: &ApiKey, address: Option<IpAddr>, now: Timestamp) -> Result<(), Refusal> {
    check_alive(key, now)?;
    if key.details.allowlist.admits(address) { Ok(()) } else { Err(Refusal::Address) }
}

/// Whether a key may be used from anywhere.
///
/// # Errors
/// [`Refusal::Blocked`], [`Refusal::Deleted`], [`Refusal::Expired`].
pub(super) fn check_alive(key: &ApiKey, now: Timestamp) -> Result<(), Refusal> {
    match key.state {
        KeyState::Blocked => return Err(Refusal::Blocked),
        KeyState::Deleted => return Err(Refusal::Deleted),
        KeyState::Active => {}
    }
    if key.details.expires_at.is_some_and(|end| now >= end) { Err(Refusal::Expired) } else { Ok(()) }
}

/// Nothing named: all the key's permissions, but for the reserved ones of a tenant's key, which
/// are granted only when named.
fn narrow_scope(record: &MintRecord, asked: &ScopeSet) -> Result<ScopeSet, Refusal> {
    if !asked.is_empty() {
        let administrative = record.project.id.as_str() == ProjectId::ADMINISTRATION;
        let held = |scope: &&Scope| {
            record.includes.covers(record.permissions(), &record.reach, scope)
                || administrative && authority::covers(record.permissions(), scope)
        };
        let beyond: Vec<Scope> = asked.iter().filter(|scope| !held(scope)).cloned().collect();
        return if beyond.is_empty() { Ok(asked.clone()) } else { Err(Refusal::Scope(beyond)) };
    }
    if record.key.details.require_scope {
        return Err(Refusal::ScopeRequired);
    }
    let granted = unnamed_scope(record);
    if granted.is_empty() { Err(Refusal::NoPermissions) } else { Ok(granted) }
}

/// What a key is granted that names nothing.
pub(super) fn unnamed_scope(record: &MintRecord) -> ScopeSet {
    let administrative = record.project.id.as_str() == ProjectId::ADMINISTRATION;
    let unnamed = |scope: &&Scope| administrative || !scope.is_reserved();
    record.permissions().iter().filter(unnamed).cloned().collect()
}

/// The permission that lets a key follow the feed of revocations.
pub const FOLLOW: &str = "portcullis:revocations";

/// Whether a key may follow the feed, and have a token for it.
#[must_use]
pub fn may_follow(record: &MintRecord) -> bool {
    record.permissions().iter().any(|permission| permission.as_str() == FOLLOW)
}

/// For whom tokens are meant that open the feed and nothing else.
#[must_use]
pub fn feed_audience(issuer: &str) -> Audience {
    own_audience(issuer, "feed")
}

fn own_audience(issuer: &str, path: &str) -> Audience {
    let audience = format!("{issuer}/{path}").parse();
    audience.expect("an issuer is a URL without fragment, short enough for an audience")
}

/// The key's audiences, as far as they are still its project's. Where the key's default is no
/// longer, none takes its place: the token would silently be meant for somebody else, and an edit
/// that only adds an audience would change what is granted. The feed is Portcullis' own: it is named alone, by
/// whoever may follow it, whatever else the key's tokens are for.
fn narrow_audiences(record: &MintRecord, asked: &[Audience], issuer: &str) -> Result<Audiences, Refusal> {
    let names_feed = |audience: &Audience| audience.as_str().strip_prefix(issuer) == Some("/feed");
    if asked.iter().any(names_feed) {
        let granted = asked.iter().all(names_feed) && may_follow(record);
        return Audiences::new([feed_audience(issuer)]).filter(|_| granted).ok_or(Refusal::Target);
    }
    let allowed = audiences_of(record, issuer);
    let chosen: Vec<Audience> = match (asked, record.key.details.audiences.first()) {
        ([], Some(default)) => vec![default.clone()],
        ([], None) => allowed.clone(),
        (asked, _) => asked.to_vec(),
    };
    let within = chosen.iter().all(|audience| allowed.contains(audience));
    Audiences::new(chosen).filter(|_| within).ok_or(Refusal::Target)
}

/// What a key's tokens may be meant for, and what the key may introspect for: its own list, the
/// default first, or else the project's default.
#[must_use]
pub fn audiences_of(record: &MintRecord, issuer: &str) -> Vec<Audience> {
    let default = default_audience(&record.project.id, issuer);
    if record.key.details.audiences.is_empty() {
        return vec![default];
    }
    // What begins with the issuer is not a project's, although it may have been before the issuer
    // was changed.
    let own = |audience: &Audience| record.audiences.contains(audience) && !is_of_issuer(audience, issuer);
    let still_ours = |audience: &&Audience| **audience == default || own(audience);
    record.key.details.audiences.iter().filter(still_ours).cloned().collect()
}

/// Whether an audience is the issuer or lies below it: those are given by Portcullis itself.
#[must_use]
pub fn is_of_issuer(audience: &Audience, issuer: &str) -> bool {
    let rest = audience.as_str().strip_prefix(issuer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `<issuer>/projects/<project id>`; for administrators' keys the admin surface.
#[must_use]
pub fn default_audience(project: &ProjectId, issuer: &str) -> Audience {
    if project.as_str() == ProjectId::ADMINISTRATION {
        own_audience(issuer, "admin")
    } else {
        own_audience(issuer, &format!("projects/{project}"))
    }
}

fn narrow_lifetime(key: &ApiKey, asked: Option<Lifetime>, iat: Timestamp) -> Result<Lifetime, Refusal> {
    let mut lifetime = key.details.lifetime();
    if let Some(asked) = asked {
        lifetime = lifetime.min(asked);
    }
    if let Some(end) = key.details.expires_at {
        let left = u32::try_from(end.since(iat).as_secs()).unwrap_or(u32::MAX);
        lifetime = Lifetime::from_secs(left.min(lifetime.secs())).ok_or(Refusal::Expired)?;
    }
    Ok(lifetime)
}
