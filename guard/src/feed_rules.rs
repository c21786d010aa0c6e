//! The feed as guards hear it: what an answer says, whether it may be believed, where it belongs, and
//! how old what it says is (design sections 4 and 5).
//!
//! An answer is a body, the entries in (since, position], and a statement about it: a JWS of the
//! [`TYPE`] that no token has, by a key that signs nothing else. Only rules are here: no clock is
//! read, nothing is fetched. `docs/guard.md` tells the same in words, for other languages.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::claims::present;
use crate::id::{Position, ProjectId, SigningKeyId};
use crate::jwks::KeySet;
use crate::revocation::{RevocationList, Target};
use crate::time::{CLOCK_TOLERANCE, Timestamp};

pub use crate::statement::{Body, BodyHash, Entry, Nonce, Statement, Tag};

/// The `typ` of a statement.
pub const TYPE: &str = "portcullis-feed+jwt";
/// The response header that carries a statement.
pub const HEADER: &str = "portcullis-feed";
/// The longest statement, in bytes.
pub const MAX_STATEMENT_BYTES: usize = 4096;
/// The longest body that a guard takes up, in bytes: some 500,000 entries.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// The body that holds no entry.
pub const NO_ENTRIES: &[u8] = br#"{"entries":[]}"#;

/// An answer that may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The key that signed it.
    pub kid: SigningKeyId,
    /// What was said of it.
    pub statement: Statement,
    /// What it holds.
    pub entries: Vec<Entry>,
}

/// What an answer is held to.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Whose feed is followed.
    pub issuer: &'a str,
    /// For which project.
    pub project: &'a ProjectId,
    /// What was sent with the request.
    pub nonce: &'a Nonce,
}

/// Why an answer is not believed, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnswer {
    /// No JWS, or one that is longer than any of ours.
    #[error("the statement is malformed")]
    Malformed,
    /// Its `typ` is not [`TYPE`].
    #[error("the statement is not of the feed")]
    Type,
    /// It names header extensions that must be understood.
    #[error("the statement needs header extensions that are not supported")]
    Critical,
    /// Nobody published a feed key of this `kid`, or not for this algorithm.
    #[error("the statement's key is not known")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the statement's signature is wrong")]
    Signature,
    /// Signed, but a member is missing or of the wrong type.
    #[error("a member of the statement is missing or malformed")]
    Statement,
    /// Of another issuer.
    #[error("the statement is of another issuer")]
    Issuer,
    /// Of another project.
    #[error("the statement is about another project")]
    Project,
    /// Of another request: a replay.
    #[error("the statement answers another request")]
    Nonce,
    /// The body is not the one that it is about.
    #[error("the body is not the one that the statement is about")]
    Body,
    /// The body cannot be read, or holds an entry of a kind that this guard does not know.
    #[error("the body holds what cannot be understood")]
    Entries,
    /// An entry is outside of (since, position], out of order, or another project's.
    #[error("the body holds an entry that does not belong there")]
    Misplaced,
}

impl InvalidAnswer {
    /// Every reason, in the order in which it is looked at.
    pub const ALL: [Self; 12] = [
        Self::Malformed,
        Self::Type,
        Self::Critical,
        Self::UnknownKey,
        Self::Signature,
        Self::Statement,
        Self::Issuer,
        Self::Project,
        Self::Nonce,
        Self::Body,
        Self::Entries,
        Self::Misplaced,
    ];

    /// The stable machine-readable code.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Type => "wrong_type",
            Self::Critical => "critical_header",
            Self::UnknownKey => "unknown_feed_key",
            Self::Signature => "signature",
            Self::Statement => "statement",
            Self::Issuer => "issuer",
            Self::Project => "project",
            Self::Nonce => "nonce",
            Self::Body => "body",
            Self::Entries => "entries",
            Self::Misplaced => "misplaced_entry",
        }
    }
}

/// Reads an answer: the statement, signed by one of these keys and about this request, and the body
/// that it is about.
///
/// # Errors
/// The first [`InvalidAnswer`] in the order of its variants.
pub fn read(
    statement: &str,
    body: &[u8],
    keys: &KeySet,
    expected: &Expected<'_>,
) -> Result<Answer, InvalidAnswer> {
    let (kid, statement) = signed_statement(statement, keys)?;
    if *statement.iss != *expected.issuer {
        return Err(InvalidAnswer::Issuer);
    }
    if statement.prj != *expected.project {
        return Err(InvalidAnswer::Project);
    }
    if statement.nonce != *expected.nonce {
        return Err(InvalidAnswer::Nonce);
    }
    if BodyHash::of(body) != statement.sha256 {
        return Err(InvalidAnswer::Body);
    }
    let Body { entries } = object(body).ok_or(InvalidAnswer::Entries)?;
    let mut after = if statement.snapshot { Position::START } else { statement.since };
    for entry in &entries {
        let is_ours = project_of(&entry.target).is_none_or(|project| project == expected.project);
        if !is_ours || entry.position <= after || entry.position > statement.position {
            return Err(InvalidAnswer::Misplaced);
        }
        after = entry.position;
    }
    Ok(Answer { kid, statement, entries })
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

fn signed_statement(jws: &str, keys: &KeySet) -> Result<(SigningKeyId, Statement), InvalidAnswer> {
    if jws.len() > MAX_STATEMENT_BYTES {
        return Err(InvalidAnswer::Malformed);
    }
    let (signed, signature) = jws.rsplit_once('.').ok_or(InvalidAnswer::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(InvalidAnswer::Malformed)?;
    if payload.contains('.') || signature.is_empty() {
        return Err(InvalidAnswer::Malformed);
    }
    let header: Header = part(header).ok_or(InvalidAnswer::Malformed)?;
    if header.typ.as_deref() != Some(TYPE) {
        return Err(InvalidAnswer::Type);
    }
    if header.crit.is_some() {
        return Err(InvalidAnswer::Critical);
    }
    let found = header.kid.as_deref().and_then(|kid| keys.find(kid));
    let (kid, public) = found.ok_or(InvalidAnswer::UnknownKey)?;
    if crate::verify::name(public.algorithm) != header.alg {
        return Err(InvalidAnswer::UnknownKey);
    }
    if !public.fits(signed, signature) {
        return Err(InvalidAnswer::Signature);
    }
    let statement: Statement = part(payload).ok_or(InvalidAnswer::Statement)?;
    // A delta says where it begins, a snapshot begins nowhere; and neither ends before its beginning.
    let fits = statement.snapshot != statement.since_tag.is_some()
        && (statement.snapshot || statement.since <= statement.position);
    if fits { Ok((kid.clone(), statement)) } else { Err(InvalidAnswer::Statement) }
}

fn part<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    object(&URL_SAFE_NO_PAD.decode(part).ok()?)
}

/// serde would also read a struct from an array, by position.
fn object<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    bytes.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(bytes).ok())?
}

fn project_of(target: &Target) -> Option<&ProjectId> {
    match target {
        Target::All | Target::SigningKey { .. } => None,
        Target::Project { project }
        | Target::Key { project, .. }
        | Target::Subject { project, .. }
        | Target::Token { project, .. } => Some(project),
    }
}

/// How far a guard has followed the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Up to here.
    pub position: Position,
    /// The mark of the entry there.
    pub tag: Tag,
}

/// Where a guard stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// How far it has come; none if it has not begun.
    pub known: Option<Known>,
    /// Whether its copy is too old to admit anybody.
    pub is_stale: bool,
    /// The revocations that it knows.
    pub list: &'a RevocationList,
}

/// What an answer does to what a guard knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Its entries join those that are known.
    Extend,
    /// Its entries are all there are: they go into a new list, which takes the place of the old one.
    Replace,
}

/// Why a believable answer is not taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfitting {
    /// The key that signed it was revoked.
    #[error("the key that signed the answer was revoked")]
    RevokedKey,
    /// It begins elsewhere than what is known ends: something may be missing in between.
    #[error("the answer does not begin where this guard stands")]
    Gap,
    /// It ends before what is known ends: whoever answered is not that far yet.
    #[error("whoever answered is behind this guard")]
    Behind,
    /// What is known is of a history that is no more.
    #[error("the feed has another history than before")]
    OtherHistory,
}

impl Unfitting {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::RevokedKey, Self::Gap, Self::Behind, Self::OtherHistory];

    /// The stable machine-readable code.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::RevokedKey => "revoked_feed_key",
            Self::Gap => "gap",
            Self::Behind => "behind",
            Self::OtherHistory => "other_history",
        }
    }
}

/// Where an answer belongs. Whoever is stale has nothing to lose: their list admits nobody, so that
/// they begin anew with any snapshot, as if they had just been started.
///
/// # Errors
/// See [`Unfitting`]; after [`Unfitting::OtherHistory`] the guard is stale.
pub fn course(answer: &Answer, standing: &Standing<'_>) -> Result<Course, Unfitting> {
    if standing.list.revokes_signing_key(&answer.kid) {
        return Err(Unfitting::RevokedKey);
    }
    let answer = &answer.statement;
    let Some(known) = standing.known else {
        return if answer.snapshot { Ok(Course::Replace) } else { Err(Unfitting::Gap) };
    };
    match answer.since_tag {
        None if answer.position < known.position && !standing.is_stale => Err(Unfitting::Behind),
        None => Ok(Course::Replace),
        Some(_) if answer.since != known.position => Err(Unfitting::Gap),
        Some(tag) if tag != known.tag => Err(Unfitting::OtherHistory),
        // Nothing moved, and yet the entry there is another one.
        Some(_) if answer.position == known.position && answer.tag != known.tag => {
            Err(Unfitting::OtherHistory)
        }
        Some(_) => Ok(Course::Extend),
    }
}

/// How old what an answer says is: the time since the request was sent (by whichever clock has moved
/// further), without that in which the request was at the server, and the age of the server's copy.
#[must_use]
pub const fn age(since_sent: Duration, at_server: Duration, servers_age: Duration) -> Duration {
    since_sent.saturating_sub(at_server).saturating_add(servers_age)
}

/// Whether a guard's clock runs so far behind the server's that it would admit expired tokens.
#[must_use]
pub fn is_behind(own_clock: Timestamp, answer: &Statement) -> bool {
    answer.now.since(own_clock) > CLOCK_TOLERANCE
}
