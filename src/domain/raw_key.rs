//! An API key itself, presented where an access token belongs.
//!
//! It is worth what the token would be worth that it gets by naming nothing, and never more: the same
//! project, permissions with all that they include, audiences, addresses. What is granted only when it
//! is named (scopes of Portcullis itself, anything of a key that wants its scope named) a raw key does
//! not have. Its project must allow it.

use std::net::IpAddr;

use portcullis_guard::claims::MAX_TOKEN_BYTES;
use portcullis_guard::{Audience, Class, ProjectId, ScopeSet, Timestamp};

use super::auth_method::AuthMethod;
use super::grant::{self, MintRecord, audiences_of, check_alive, unnamed_scope};

/// A request that came with a raw key.
#[derive(Clone, Copy, Debug)]
pub struct RawUse<'a> {
    /// Whose keys pass.
    pub project: &'a ProjectId,
    /// What they must cover.
    pub scope: &'a ScopeSet,
    /// For whom they are meant: one of these.
    pub audiences: &'a [Audience],
    /// How the key was presented.
    pub method: AuthMethod,
    /// Where the request comes from.
    pub address: Option<IpAddr>,
    /// The token server's public URL.
    pub issuer: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// Why a raw key is refused, in the order in which it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RawKeyRefusal {
    /// No key is proven by what was presented.
    #[error("no API key is proven by what was presented")]
    Unknown,
    /// It belongs to another project.
    #[error("the API key belongs to another project")]
    Project,
    /// Its project wants tokens.
    #[error("API keys do not pass here; exchange them for tokens")]
    NotAllowed,
    /// It is registered for other methods of authentication.
    #[error("the API key may not authenticate by this method")]
    Method,
    /// It is blocked, or was deleted.
    #[error("the API key was blocked or deleted")]
    Revoked,
    /// Its time is over.
    #[error("the API key has expired")]
    Expired,
    /// It is meant for somebody else.
    #[error("the API key is meant for another audience")]
    Audience,
    /// Its scope does not fit into any token, so neither into what a proxy tells on.
    #[error("the API key has more scope than can be told")]
    TooLong,
    /// It wants the scope named that it is used for, which a token alone can do.
    #[error("this API key must name the scope that it wants; exchange it for a token")]
    ScopeRequired,
    /// It does not hold the scope that is needed.
    #[error("the API key does not cover the scope that is needed")]
    Scope,
    /// The request is not from its allowlist.
    #[error("the API key may not be used from this address")]
    Address,
}

impl RawKeyRefusal {
    /// Every reason, in the order in which it is judged.
    pub const ALL: [Self; 11] = [
        Self::Unknown,
        Self::Project,
        Self::NotAllowed,
        Self::Method,
        Self::Revoked,
        Self::Expired,
        Self::Audience,
        Self::TooLong,
        Self::ScopeRequired,
        Self::Scope,
        Self::Address,
    ];

    /// The stable machine-readable code; where a token is refused for the same, that of the token.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_key",
            Self::Project => "project",
            Self::NotAllowed => "raw_key",
            Self::Method => "auth_method",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Audience => "audience",
            Self::TooLong => "scope_too_long",
            Self::ScopeRequired => "scope_required",
            Self::Scope => "insufficient_scope",
            Self::Address => "address",
        }
    }

    /// Whose turn it is.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::ScopeRequired | Self::Scope => Class::InsufficientScope,
            Self::Address => Class::Forbidden,
            _ => Class::Invalid,
        }
    }
}

/// Judges a key that was proven to be the caller's; what it may do.
///
/// # Errors
/// The first [`RawKeyRefusal`] in the order of its variants.
pub fn judge(record: &MintRecord, raw: &RawUse<'_>) -> Result<ScopeSet, RawKeyRefusal> {
    let details = &record.key.details;
    if record.project.id != *raw.project {
        return Err(RawKeyRefusal::Project);
    }
    if !record.project.raw_keys {
        return Err(RawKeyRefusal::NotAllowed);
    }
    if !details.auth_methods.admits(raw.method) {
        return Err(RawKeyRefusal::Method);
    }
    check_alive(&record.key, raw.now).map_err(|refusal| match refusal {
        grant::Refusal::Expired => RawKeyRefusal::Expired,
        _ => RawKeyRefusal::Revoked,
    })?;
    let serves = audiences_of(record, raw.issuer);
    if !raw.audiences.iter().any(|audience| serves.contains(audience)) {
        return Err(RawKeyRefusal::Audience);
    }
    let scope = covering(record, raw.scope)?;
    if details.allowlist.admits(raw.address) { Ok(scope) } else { Err(RawKeyRefusal::Address) }
}

fn covering(record: &MintRecord, needed: &ScopeSet) -> Result<ScopeSet, RawKeyRefusal> {
    let scope = record.includes.expand(&record.catalogue, &unnamed_scope(record));
    if scope.to_string().len() > MAX_TOKEN_BYTES {
        return Err(RawKeyRefusal::TooLong);
    }
    if record.key.details.require_scope {
        return Err(RawKeyRefusal::ScopeRequired);
    }
    if scope.is_empty() || !scope.covers_all(needed) {
        return Err(RawKeyRefusal::Scope);
    }
    Ok(scope)
}
