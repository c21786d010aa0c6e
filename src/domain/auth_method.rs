//! The ways in which a key may authenticate.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A way to present a key's id and secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// HTTP Basic (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// In the body (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// The headers `X-App-Id` and `X-App-Token`.
    AppHeaders,
    /// The secret alone, as a bearer token.
    Bearer,
}

/// A text that is no [`AuthMethod`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a method is client_secret_basic, client_secret_post, app_headers or bearer")]
pub struct InvalidAuthMethod;

impl AuthMethod {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::ClientSecretBasic, Self::ClientSecretPost, Self::AppHeaders, Self::Bearer];

    /// As the database and the API write it; where RFC 8414 has a name for it, that one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::AppHeaders => "app_headers",
            Self::Bearer => "bearer",
        }
    }
}

impl FromStr for AuthMethod {
    type Err = InvalidAuthMethod;

    fn from_str(raw: &str) -> Result<Self, InvalidAuthMethod> {
        Self::ALL.into_iter().find(|method| method.as_str() == raw).ok_or(InvalidAuthMethod)
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The methods that a key is registered for; none named is any, those that are yet to come too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AuthMethods(BTreeSet<AuthMethod>);

impl AuthMethods {
    /// Whether a key may authenticate like this (threat S9).
    #[must_use]
    pub fn admits(&self, method: AuthMethod) -> bool {
        self.is_any() || self.0.contains(&method)
    }

    /// Whether none is named.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `other` admits all that this does, now and when there are more methods.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        other.is_any() || !self.is_any() && self.0.is_subset(&other.0)
    }

    /// Those that are named.
    pub fn iter(&self) -> impl Iterator<Item = AuthMethod> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<AuthMethod> for AuthMethods {
    fn from_iter<I: IntoIterator<Item = AuthMethod>>(methods: I) -> Self {
        Self(methods.into_iter().collect())
    }
}

impl fmt::Display for AuthMethods {
    /// Divided by spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(AuthMethod::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> AuthMethods {
        text.split_whitespace().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn none_named_is_any_and_more_than_all_of_today() {
        let all: AuthMethods = AuthMethod::ALL.into_iter().collect();
        assert!(AuthMethod::ALL.into_iter().all(|method| of("").admits(method) && all.admits(method)));
        assert!(all.is_within(&of("")) && !of("").is_within(&all));
        assert!(of("bearer").is_within(&of("app_headers bearer")) && !all.is_within(&of("bearer")));
        assert!(!of("bearer").admits(AuthMethod::AppHeaders));
    }

    #[test]
    fn a_method_has_one_name() {
        for method in AuthMethod::ALL {
            assert_eq!(method.as_str().parse(), Ok(method));
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
        }
        assert!("basic".parse::<AuthMethod>().is_err() && "".parse::<AuthMethod>().is_err());
        assert_eq!(of("bearer client_secret_basic").to_string(), "client_secret_basic bearer");
    }
}
