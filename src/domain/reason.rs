//! Why somebody acted: the words of certificate revocation (RFC 5280 §5.3.1), as far as they fit.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The reason for an act on a key or token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The secret leaked, or may have.
    KeyCompromise,
    /// Something newer took its place.
    Superseded,
    /// Its holder may no longer do this.
    PrivilegeWithdrawn,
    /// It is no longer needed.
    CessationOfOperation,
    /// Not said.
    #[default]
    Unspecified,
}

/// A text that is no [`Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reason is key_compromise, superseded, privilege_withdrawn, cessation_of_operation or unspecified")]
pub struct InvalidReason;

impl Reason {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::KeyCompromise,
        Self::Superseded,
        Self::PrivilegeWithdrawn,
        Self::CessationOfOperation,
        Self::Unspecified,
    ];

    /// As the API and the audit log write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KeyCompromise => "key_compromise",
            Self::Superseded => "superseded",
            Self::PrivilegeWithdrawn => "privilege_withdrawn",
            Self::CessationOfOperation => "cessation_of_operation",
            Self::Unspecified => "unspecified",
        }
    }
}

impl FromStr for Reason {
    type Err = InvalidReason;

    fn from_str(raw: &str) -> Result<Self, InvalidReason> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == raw).ok_or(InvalidReason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
