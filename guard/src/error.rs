//! Why a token is refused.

/// The reason why a token is refused, in the order in which it is judged. `Display` says it to
/// people and never repeats a byte of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than any token of ours.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts, or the first is no canonical base64url of a JSON object with an `alg`.
    #[error("the token is malformed")]
    Malformed,
    /// `typ` is not `at+jwt` (RFC 9068 §4).
    #[error("the token is not an access token")]
    Type,
    /// It names header extensions that must be understood (RFC 7515 §4.1.11).
    #[error("the token needs header extensions that are not supported")]
    Critical,
    /// `alg` is not accepted, or not that of the named signing key.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// Nobody published a signing key of this `kid`.
    #[error("the token's signing key is not known")]
    UnknownSigningKey,
    /// The signature does not fit.
    #[error("the token's signature is wrong")]
    Signature,
    /// Signed, but a claim is missing or of the wrong type.
    #[error("a claim of the token is missing or malformed")]
    Claims,
    /// Signed for another issuer.
    #[error("the token was issued by somebody else")]
    Issuer,
    /// It belongs to another project.
    #[error("the token belongs to another project")]
    Project,
    /// It is meant for somebody else.
    #[error("the token is meant for another audience")]
    Audience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// We cannot know whether it was revoked: our copy of the list is too old.
    #[error("the revocation list is too old to admit anybody")]
    Stale,
    /// The signing key itself was revoked.
    #[error("the token's signing key was revoked")]
    SigningKeyRevoked,
    /// The token, an ancestor, its key, subject, project, or everything was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// It does not hold the scope that is needed.
    #[error("the token does not cover the scope that is needed")]
    Scope,
    /// It is bound to networks, and the request is not from one of them.
    #[error("the token may not be used from this address")]
    Address,
    /// It is bound to web origins, and the request is not from one of them.
    #[error("the token may not be used from this origin")]
    Origin,
    /// It is bound to a proof (`cnf`) that was not given.
    #[error("the token is bound to a proof that was not given")]
    Proof,
}

/// Whose turn it is after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The token is worth nothing: `invalid_token`, 401 (RFC 6750 §3.1).
    Invalid,
    /// The token is good but too narrow: `insufficient_scope`, 403.
    InsufficientScope,
    /// The token is good but not from here: 403.
    Forbidden,
    /// The judge cannot know: 503, and nobody is admitted.
    Unknown,
}

impl Refusal {
    /// Every reason, in the order in which it is judged.
    pub const ALL: [Self; 19] = [
        Self::TooLong,
        Self::Malformed,
        Self::Type,
        Self::Critical,
        Self::Algorithm,
        Self::UnknownSigningKey,
        Self::Signature,
        Self::Claims,
        Self::Issuer,
        Self::Project,
        Self::Audience,
        Self::Expired,
        Self::Stale,
        Self::SigningKeyRevoked,
        Self::Revoked,
        Self::Scope,
        Self::Address,
        Self::Origin,
        Self::Proof,
    ];

    /// The stable machine-readable code.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Type => "wrong_type",
            Self::Critical => "critical_header",
            Self::Algorithm => "algorithm",
            Self::UnknownSigningKey => "unknown_signing_key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Project => "project",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::Stale => "stale",
            Self::SigningKeyRevoked => "signing_key_revoked",
            Self::Revoked => "revoked",
            Self::Scope => "insufficient_scope",
            Self::Address => "address",
            Self::Origin => "origin",
            Self::Proof => "proof",
        }
    }

    /// Whose turn it is.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Scope => Class::InsufficientScope,
            Self::Address | Self::Origin => Class::Forbidden,
            Self::Stale => Class::Unknown,
            _ => Class::Invalid,
        }
    }
}
