//! What a token is wanted for: everything that the answer depends on, so that it can also be what a
//! token is remembered by (threat S28).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::form::encoded;
use crate::id::Audience;
use crate::scope::{InvalidScope, ScopeSet};

/// What a token is wanted for. The less, the better: a token that leaks is worth this much.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    scope: ScopeSet,
    audiences: BTreeSet<Audience>,
    lifetime: Option<u32>,
}

impl Wanted {
    /// Something that needs this scope, for example `orders:read orders:write`.
    ///
    /// # Errors
    /// [`InvalidScope`], also for no scope at all: that would be everything, and is to be asked for by
    /// name.
    pub fn scope(scope: &str) -> Result<Self, InvalidScope> {
        let scope: ScopeSet = scope.parse()?;
        if scope.is_empty() { Err(InvalidScope::Grammar) } else { Ok(Self::of(scope)) }
    }

    /// All that the key may do.
    #[must_use]
    pub fn everything() -> Self {
        Self::of(ScopeSet::default())
    }

    const fn of(scope: ScopeSet) -> Self {
        Self { scope, audiences: BTreeSet::new(), lifetime: None }
    }

    /// To be used there; repeatable. Nowhere named: where the key says.
    #[must_use]
    pub fn at(mut self, audience: Audience) -> Self {
        self.audiences.insert(audience);
        self
    }

    /// To live no longer than this, in whole seconds, and one at least; the key may say less.
    #[must_use]
    pub fn living(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX).max(1));
        self
    }

    /// The scope; none of it: everything.
    #[must_use]
    pub const fn scope_set(&self) -> &ScopeSet {
        &self.scope
    }

    /// How long it is to live at most, in seconds, if that was said.
    #[must_use]
    pub const fn lifetime(&self) -> Option<u32> {
        self.lifetime
    }

    /// The form that asks for it (RFC 6749 §4.4.2, RFC 8693 §2.1 for `audience`).
    #[must_use]
    pub fn form(&self) -> String {
        let mut form = "grant_type=client_credentials".to_owned();
        let mut add = |name: &str, value: &str| {
            for part in ["&", name, "=", &encoded(value)] {
                form.push_str(part);
            }
        };
        if !self.scope.is_empty() {
            add("scope", &self.scope.to_string());
        }
        for audience in &self.audiences {
            add("audience", audience.as_str());
        }
        if let Some(lifetime) = self.lifetime {
            add("expires_in", &lifetime.to_string());
        }
        form
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_is_wanted_and_nothing_else() {
        assert_eq!(Wanted::everything().form(), "grant_type=client_credentials");
        let wanted = Wanted::scope("b a:* b").unwrap();
        let wanted = wanted.at("https://x.example/?a=b&c".parse().unwrap()).at("y".parse().unwrap());
        assert_eq!(
            wanted.living(Duration::from_millis(300_999)).form(),
            "grant_type=client_credentials&scope=a%3A%2A%20b&audience=https%3A%2F%2Fx.example%2F%3Fa%3Db%26c\
             &audience=y&expires_in=300"
        );
        assert_eq!(Wanted::everything().living(Duration::ZERO).lifetime(), Some(1));
        assert_eq!(Wanted::everything().living(Duration::MAX).lifetime(), Some(u32::MAX));
    }

    #[test]
    fn nothing_is_not_everything() {
        for nothing in ["", " ", "a  b", "a:"] {
            assert_eq!(Wanted::scope(nothing), Err(InvalidScope::Grammar));
        }
    }

    #[test]
    fn the_order_of_what_is_wanted_is_no_difference_and_everything_else_is() {
        let at = |wanted: Wanted, audience: &str| wanted.at(audience.parse().unwrap());
        let one = at(at(Wanted::scope("a b").unwrap(), "x"), "y");
        assert_eq!(one, at(at(Wanted::scope("b a").unwrap(), "y"), "x"));
        for other in [
            at(at(Wanted::scope("a").unwrap(), "x"), "y"),
            at(Wanted::scope("a b").unwrap(), "x"),
            at(at(Wanted::everything(), "x"), "y"),
            one.clone().living(Duration::from_mins(5)),
        ] {
            assert_ne!(one, other);
        }
    }
}
