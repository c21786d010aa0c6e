//! What a token endpoint answers, and whether it may be believed (RFC 6749 §5).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::wanted::Wanted;
use crate::claims::MAX_TOKEN_BYTES;
use crate::scope::ScopeSet;

/// The longest answer that is read, in bytes: a token and its scope, twice over.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// The longest that any token lives, in seconds.
pub const LONGEST_LIFE: u32 = 900;
/// How much of what a server says of its refusal is repeated, in characters.
const MAX_DESCRIPTION: usize = 300;
/// The longest code of a refusal, in bytes.
const MAX_CODE_BYTES: usize = 64;

/// A token as it was granted.
pub struct Granted {
    /// The token.
    pub token: Zeroizing<String>,
    /// How long it lives, from some moment after it was asked for; whole seconds.
    pub lifetime: Duration,
    /// What it is good for.
    pub scope: ScopeSet,
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// A refusal in OAuth's words (RFC 6749 §5.2): asking again gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    code: Arc<str>,
    description: Option<Arc<str>>,
}

impl Refused {
    /// The stable code, for example `invalid_scope`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What the server says about it, for people.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Whether the key is refused, whatever it asks for.
    #[must_use]
    pub fn is_of_key(&self) -> bool {
        matches!(self.code(), "invalid_client" | "unauthorized_client" | "unsupported_grant_type")
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        self.description.as_ref().map_or(Ok(()), |description| write!(f, ": {description}"))
    }
}

/// Why an answer gives no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The server refuses.
    #[error("{0}")]
    Refused(Refused),
    /// The server cannot, at the moment; the status says so.
    #[error("the token server answered with status {0}")]
    NotNow(u16),
    /// The answer is not of a token endpoint, or grants something else than was asked for.
    #[error(transparent)]
    Invalid(#[from] InvalidGrant),
}

/// Why an answer cannot be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGrant {
    /// A redirection: it is not followed.
    #[error("the token server's answer leads elsewhere")]
    Elsewhere,
    /// Neither a grant nor a refusal as OAuth has them.
    #[error("the token server's answer is not that of a token endpoint")]
    Shape,
    /// No bearer token.
    #[error("the token is of another type than Bearer")]
    Type,
    /// No token by its letters, or longer than any of ours.
    #[error("the token is malformed")]
    Token,
    /// It lives for no time, longer than any token, or longer than it was to.
    #[error("the token's lifetime is not what was asked for")]
    Lifetime,
    /// Its scope is not the one that was asked for.
    #[error("the token's scope is not what was asked for")]
    Scope,
}

#[derive(Deserialize)]
struct Grant {
    #[serde(deserialize_with = "wiped")]
    access_token: Zeroizing<String>,
    token_type: String,
    expires_in: u32,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

fn wiped<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

/// Reads an answer to whoever asked for this.
///
/// # Errors
/// See [`Denial`].
pub fn read(status: u16, body: &[u8], wanted: &Wanted) -> Result<Granted, Denial> {
    match status {
        200 => Ok(granted(body, wanted)?),
        300..400 => Err(InvalidGrant::Elsewhere.into()),
        408 | 429 | 500.. => Err(Denial::NotNow(status)),
        400..500 => Err(refused(body).map_or(InvalidGrant::Shape.into(), Denial::Refused)),
        _ => Err(InvalidGrant::Shape.into()),
    }
}

fn granted(body: &[u8], wanted: &Wanted) -> Result<Granted, InvalidGrant> {
    let grant: Grant = object(body).ok_or(InvalidGrant::Shape)?;
    if !grant.token_type.eq_ignore_ascii_case("bearer") {
        return Err(InvalidGrant::Type);
    }
    if grant.access_token.len() > MAX_TOKEN_BYTES || !is_b64token(&grant.access_token) {
        return Err(InvalidGrant::Token);
    }
    let most = wanted.lifetime().unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE);
    if !(1..=most).contains(&grant.expires_in) {
        return Err(InvalidGrant::Lifetime);
    }
    // Left out, it is the one that was asked for (RFC 6749 §5.1).
    let scope = grant.scope.map_or_else(|| Ok(wanted.scope_set().clone()), |scope| scope.parse());
    let scope: ScopeSet = scope.map_err(|_| InvalidGrant::Scope)?;
    if !wanted.scope_set().is_empty() && scope != *wanted.scope_set() {
        return Err(InvalidGrant::Scope);
    }
    let lifetime = Duration::from_secs(grant.expires_in.into());
    Ok(Granted { token: grant.access_token, lifetime, scope })
}

/// `b64token` of RFC 6750 §2.1: nothing in it can end a header.
fn is_b64token(token: &str) -> bool {
    let letters = token.trim_end_matches('=');
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !letters.is_empty() && letters.bytes().all(is_letter)
}

fn refused(body: &[u8]) -> Option<Refused> {
    let Refusal { error, error_description } = object(body)?;
    let is_code = !error.is_empty()
        && error.len() <= MAX_CODE_BYTES
        && error.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    // What is shown moves nobody's cursor, and fills nobody's log.
    let shown = |text: String| -> Arc<str> {
        let printable = |c: char| if c.is_ascii_graphic() { c } else { ' ' };
        text.chars().map(printable).take(MAX_DESCRIPTION).collect::<String>().into()
    };
    is_code.then(|| Refused { code: error.into(), description: error_description.map(shown) })
}

/// serde would also read a struct from an array, by position.
fn object<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    bytes.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(bytes).ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn grant() -> Value {
        json!({ "access_token": "eyJ.a-_~+/.b==", "token_type": "Bearer", "expires_in": 900, "scope": "a b" })
    }

    fn with(name: &str, value: Value) -> Vec<u8> {
        let mut grant = grant();
        grant[name] = value;
        grant.to_string().into_bytes()
    }

    fn wanted() -> Wanted {
        Wanted::scope("b a").unwrap()
    }

    fn denial(status: u16, body: &[u8], wanted: &Wanted) -> Option<Denial> {
        read(status, body, wanted).err()
    }

    #[test]
    fn what_was_asked_for_is_granted() {
        let granted = read(200, grant().to_string().as_bytes(), &wanted()).unwrap();
        assert_eq!((granted.token.as_str(), granted.lifetime.as_secs()), ("eyJ.a-_~+/.b==", 900));
        assert_eq!(granted.scope.to_string(), "a b");
        assert!(!format!("{granted:?}").contains("eyJ"));
        for (name, value) in [
            ("token_type", json!("bEARER")),
            ("scope", Value::Null),
            ("expires_in", json!(1)),
            ("x", json!({})),
        ] {
            let granted = read(200, &with(name, value), &wanted()).unwrap();
            assert_eq!(granted.scope.to_string(), "a b");
        }
        let all = read(200, &with("scope", json!("x y z")), &Wanted::everything()).unwrap();
        assert_eq!(all.scope.to_string(), "x y z");
    }

    #[test]
    fn an_answer_that_grants_something_else_is_not_believed() {
        use InvalidGrant as Why;
        let wanted = wanted().living(Duration::from_mins(5));
        for (name, value, why) in [
            ("token_type", json!("DPoP"), Why::Type),
            ("token_type", Value::Null, Why::Shape),
            ("access_token", json!(""), Why::Token),
            ("access_token", json!("="), Why::Token),
            ("access_token", json!("a\r\nb: c"), Why::Token),
            ("access_token", json!("a b"), Why::Token),
            ("access_token", json!("é"), Why::Token),
            ("access_token", json!("a".repeat(MAX_TOKEN_BYTES + 1)), Why::Token),
            ("access_token", json!(["a"]), Why::Shape),
            ("expires_in", json!(0), Why::Lifetime),
            ("expires_in", json!(301), Why::Lifetime),
            ("expires_in", json!(-1), Why::Shape),
            ("expires_in", json!(1e3), Why::Shape),
            ("expires_in", json!("300"), Why::Shape),
            ("expires_in", Value::Null, Why::Shape),
            ("scope", json!("a b c"), Why::Scope),
            ("scope", json!("a"), Why::Scope),
            ("scope", json!(""), Why::Scope),
            ("scope", json!("a  b"), Why::Scope),
        ] {
            let mut body: Value = serde_json::from_slice(&with("expires_in", json!(300))).unwrap();
            body[name] = value.clone();
            let denial = denial(200, body.to_string().as_bytes(), &wanted);
            assert_eq!(denial, Some(Denial::Invalid(why)), "{name}: {value}");
        }
        let long = denial(200, &with("expires_in", json!(901)), &Wanted::everything().living(Duration::MAX));
        assert_eq!(long, Some(Denial::Invalid(Why::Lifetime)));
        let twice = br#"{"access_token":"a","access_token":"b","token_type":"Bearer","expires_in":9}"#;
        for nonsense in [&b""[..], b"[]", b"<html>", b"null", b"[\"a\",\"Bearer\",9,null]", twice] {
            let denial = denial(200, nonsense, &Wanted::everything());
            assert_eq!(denial, Some(Denial::Invalid(Why::Shape)));
        }
    }

    #[test]
    fn a_refusal_keeps_its_code_and_loses_what_could_do_harm() {
        let refused = |body: Value| match denial(400, body.to_string().as_bytes(), &wanted()) {
            Some(Denial::Refused(refused)) => Some(refused),
            _ => None,
        };
        let plain = refused(json!({ "error": "invalid_scope", "error_description": "not c" })).unwrap();
        assert_eq!((plain.code(), plain.to_string().as_str()), ("invalid_scope", "invalid_scope: not c"));
        assert!(!plain.is_of_key());
        assert!(refused(json!({ "error": "invalid_client" })).unwrap().is_of_key());
        let rude = format!("a\u{1b}[2J\r\nb\u{9b}{}", "c".repeat(1000));
        let rude = refused(json!({ "error": "invalid_target", "error_description": rude })).unwrap();
        assert!(rude.description().unwrap().starts_with("a [2J  b c"));
        assert_eq!(rude.description().unwrap().len(), MAX_DESCRIPTION);
        for no_code in ["", "Invalid", "a b", "a\n", &"a".repeat(MAX_CODE_BYTES + 1)] {
            assert_eq!(refused(json!({ "error": no_code })), None, "{no_code}");
        }
        assert_eq!(refused(json!({ "code": "x" })), None);
    }

    #[test]
    fn the_status_says_whether_to_ask_again() {
        let body = br#"{"error":"temporarily_unavailable"}"#;
        for status in [408, 429, 500, 502, 503, 504, 599, u16::MAX] {
            assert_eq!(denial(status, body, &wanted()), Some(Denial::NotNow(status)));
        }
        for status in [301, 302, 307, 308] {
            assert_eq!(denial(status, body, &wanted()), Some(InvalidGrant::Elsewhere.into()));
        }
        for status in [0, 100, 201, 204] {
            assert_eq!(denial(status, body, &wanted()), Some(InvalidGrant::Shape.into()));
        }
        assert!(matches!(denial(401, body, &wanted()), Some(Denial::Refused(_))));
    }
}
