//! From what a line gives to a key: each value is read as `key create` reads its argument.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::cli::{moment, values};
use crate::domain::api_key::check_end;
use crate::domain::import::{Field, Newcomer, Refused, sha256_of_secret};
use crate::domain::{
    Allowlist, KeyDetails, KeyId, Lifetime, RoleName, ScopeSet, Secret, SecretSha256, Timestamp,
};

/// A value, as CSV or JSON give it.
pub(super) enum Given {
    Text(Zeroizing<String>),
    List(Vec<Zeroizing<String>>),
    Number(i64),
    Flag(bool),
}

/// What a line says of a key.
#[derive(Default)]
pub(super) struct Record(BTreeMap<Field, Given>);

impl Record {
    /// Takes a value; one field has one.
    pub(super) fn give(&mut self, field: Field, given: Given) -> Result<(), Refused> {
        match self.0.insert(field, given) {
            None => Ok(()),
            Some(_) => Err(field.refused("it is given twice")),
        }
    }

    /// The key, of which the rules of its project are yet to be asked.
    pub(super) fn newcomer(mut self, now: Timestamp) -> Result<Newcomer, Refused> {
        let id: KeyId = self.parsed(Field::Id, "it is no key id: 1 to 128 visible ASCII characters")?;
        let secret = self.secret(&id)?;
        let name = self.text(Field::Name, "it is no text")?;
        let details = KeyDetails {
            name: name.map_or_else(|| id.to_string(), |name| name.as_str().to_owned()),
            permissions: self.permissions()?,
            role: self.role()?,
            allowlist: self.allowlist()?,
            audiences: self.words(Field::Audiences, "one of them is no audience")?,
            token_lifetime: self.token_lifetime()?,
            require_scope: self.require_scope()?,
            live_tokens: self.live_tokens()?,
            auth_methods: self.words(Field::AuthMethods, AUTH_METHODS)?,
            expires_at: self.expires_at(now)?,
        };
        Ok(Newcomer { id, secret, details })
    }

    fn secret(&mut self, id: &KeyId) -> Result<SecretSha256, Refused> {
        let secret = self.text(Field::Secret, "it is no text")?;
        let sha256 = self.text(Field::SecretSha256, NO_SHA256)?;
        match (secret, sha256) {
            (Some(secret), None) => sha256_of_secret(id, &Secret::presented(secret)),
            (None, Some(hex)) => hex.parse().map_err(|_| Field::SecretSha256.refused(NO_SHA256)),
            (Some(_), Some(_)) => Err(Field::Secret.refused("give the secret or its SHA-256, not both")),
            (None, None) => Err(Field::Secret.refused("give the secret or its SHA-256")),
        }
    }

    fn permissions(&mut self) -> Result<ScopeSet, Refused> {
        let scopes: Vec<_> =
            self.words(Field::Permissions, "one of them is no scope value (RFC 6749 appendix A.4)")?;
        if scopes.len() > ScopeSet::MOST {
            return Err(Field::Permissions.refused("a key holds at most 256 of them"));
        }
        Ok(scopes.into_iter().collect())
    }

    fn role(&mut self) -> Result<Option<RoleName>, Refused> {
        // The empty text of a column is no role.
        let text = self.text(Field::Role, "it is no text")?.filter(|text| !text.is_empty());
        let wrong = |_| Field::Role.refused("it is no role's name: letters, digits, `.`, `-`, `_`");
        text.map(|text| text.parse().map_err(wrong)).transpose()
    }

    fn allowlist(&mut self) -> Result<Allowlist, Refused> {
        let networks: Vec<Network> =
            self.words(Field::Allowlist, "one of them is no address or network such as 10.0.0.0/8")?;
        let networks = networks.into_iter().map(|network| network.0);
        Allowlist::new(networks).map_err(|_| Field::Allowlist.refused("a key has at most 32 networks"))
    }

    fn token_lifetime(&mut self) -> Result<Option<Lifetime>, Refused> {
        let refused = Field::TokenLifetime.refused("write 1 to 900 seconds");
        match self.0.remove(&Field::TokenLifetime) {
            None => Ok(None),
            Some(Given::Number(secs)) => {
                let secs = u32::try_from(secs).ok().and_then(Lifetime::from_secs);
                secs.map(Some).ok_or(refused)
            }
            Some(Given::Text(text)) => values::lifetime(&text).map(Some).map_err(|_| refused),
            Some(_) => Err(refused),
        }
    }

    fn require_scope(&mut self) -> Result<bool, Refused> {
        match self.0.remove(&Field::RequireScope) {
            None => Ok(false),
            Some(Given::Flag(flag)) => Ok(flag),
            Some(Given::Text(text)) if text.as_str() == "true" => Ok(true),
            Some(Given::Text(text)) if text.as_str() == "false" => Ok(false),
            Some(_) => Err(Field::RequireScope.refused("write true or false")),
        }
    }

    fn live_tokens(&mut self) -> Result<Option<NonZeroU32>, Refused> {
        let number = match self.0.remove(&Field::LiveTokens) {
            None => return Ok(None),
            Some(Given::Number(number)) => u32::try_from(number).ok().and_then(NonZeroU32::new),
            Some(Given::Text(text)) => text.parse().ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or(Field::LiveTokens.refused("write a number from 1 on"))
    }

    fn expires_at(&mut self, now: Timestamp) -> Result<Option<Timestamp>, Refused> {
        let at = match self.0.remove(&Field::ExpiresAt) {
            None => return Ok(None),
            Some(Given::Number(secs)) => Some(secs),
            Some(Given::Text(text)) => {
                text.parse().ok().or_else(|| moment::parse(&text).map(Timestamp::secs))
            }
            Some(_) => None,
        };
        let at = at.ok_or(Field::ExpiresAt.refused("write Unix seconds, or a date such as 2027-01-31"))?;
        let at = Timestamp::from_secs(at);
        check_end(at, now).map_err(|why| Field::ExpiresAt.refused(why.text()))?;
        Ok(Some(at))
    }

    fn text(&mut self, field: Field, refusal: &'static str) -> Result<Option<Zeroizing<String>>, Refused> {
        match self.0.remove(&field) {
            None => Ok(None),
            Some(Given::Text(text)) => Ok(Some(text)),
            Some(_) => Err(field.refused(refusal)),
        }
    }

    fn parsed<T: FromStr>(&mut self, field: Field, refusal: &'static str) -> Result<T, Refused> {
        let text = self.text(field, refusal)?.ok_or(field.refused("it is missing"))?;
        text.parse().map_err(|_| field.refused(refusal))
    }

    /// Words divided by commas or blanks, or a list of them. An empty text is an empty list; one of
    /// blanks alone is something that got lost.
    fn words<T: FromStr, C: FromIterator<T>>(
        &mut self,
        field: Field,
        refusal: &'static str,
    ) -> Result<C, Refused> {
        let parsed = |word: &str| word.parse().map_err(|_| field.refused(refusal));
        match self.0.remove(&field) {
            None => Ok(std::iter::empty().collect()),
            Some(Given::List(words)) => words.iter().map(|word| parsed(word)).collect(),
            Some(Given::Text(text)) => {
                let divides = |c: char| c == ',' || c.is_ascii_whitespace();
                let mut words = text.split(divides).filter(|word| !word.is_empty()).peekable();
                if !text.is_empty() && words.peek().is_none() {
                    return Err(field.refused("there is nothing in it but blanks"));
                }
                words.map(parsed).collect()
            }
            Some(_) => Err(field.refused(refusal)),
        }
    }
}

const NO_SHA256: &str = "it is no SHA-256: 64 hexadecimal digits";
const AUTH_METHODS: &str = "a method is client_secret_basic, client_secret_post, app_headers or bearer";

/// One network, read as an allowlist of its own.
struct Network(ipnet::IpNet);

impl FromStr for Network {
    type Err = ();

    fn from_str(raw: &str) -> Result<Self, ()> {
        let list: Allowlist = raw.parse().map_err(|_| ())?;
        match list.networks() {
            [network] => Ok(Self(*network)),
            _ => Err(()),
        }
    }
}
