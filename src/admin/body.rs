//! Bodies: one JSON object, read strictly. What is not known, or stands twice, is refused; what is absent
//! is told from what is `null`; and no refusal repeats what was sent.

use std::collections::BTreeMap;
use std::fmt;

use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::problem::Problem;
use super::query::check_untaken;

/// The longest body, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// What an operation reads from its body.
pub(super) trait FromFields: Sized {
    /// Whether a request without any body is one with an empty object.
    const MAY_BE_ABSENT: bool = false;

    /// Takes what it knows; what is left is refused.
    ///
    /// # Errors
    /// See [`Problem`].
    fn from_fields(fields: &mut Fields) -> Result<Self, Problem>;
}

/// A body.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_untaken(&parts)?;
        let mut fields = Fields::of_request(&parts.headers, body, T::MAY_BE_ABSENT).await?;
        let read = T::from_fields(&mut fields)?;
        fields.end()?;
        Ok(Self(read))
    }
}

/// A member of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<T> {
    /// It is not there: nothing is said about it.
    Absent,
    /// It is `null`: there shall be none.
    Null,
    /// It is there.
    Given(T),
}

impl<T> Field<T> {
    /// What holds after a merge patch (RFC 7396).
    pub(super) fn over(self, before: T, default: impl FnOnce() -> T) -> T {
        match self {
            Self::Absent => before,
            Self::Null => default(),
            Self::Given(value) => value,
        }
    }

    /// What it shall be, if anything is said; `null` is what holds when nothing ever was.
    pub(super) fn or_default(self) -> Option<T>
    where
        T: Default,
    {
        match self {
            Self::Absent => None,
            Self::Null => Some(T::default()),
            Self::Given(value) => Some(value),
        }
    }

    /// Turned into something else.
    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::Null => Field::Null,
            Self::Given(value) => Field::Given(with(value)),
        }
    }

    /// The value, where absent and `null` mean the same.
    pub(super) fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Checked, or turned into something else.
    ///
    /// # Errors
    /// What `with` says.
    pub(super) fn and_then<U>(self, with: impl FnOnce(T) -> Result<U, Problem>) -> Result<Field<U>, Problem> {
        Ok(match self {
            Self::Absent => Field::Absent,
            Self::Null => Field::Null,
            Self::Given(value) => Field::Given(with(value)?),
        })
    }
}

/// The members of an object.
pub(super) struct Fields {
    left: BTreeMap<String, Value>,
    known: Vec<&'static str>,
}

/// A body may hold anything.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").field("known", &self.known).finish_non_exhaustive()
    }
}

impl Fields {
    async fn of_request(headers: &HeaderMap, body: HttpBody, may_be_absent: bool) -> Result<Self, Problem> {
        let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Problem::TooLong)?;
        Self::of_bytes(headers, &bytes, may_be_absent)
    }

    /// The members of a body that has been received.
    ///
    /// # Errors
    /// See [`Problem`].
    pub(super) fn of_bytes(headers: &HeaderMap, bytes: &[u8], may_be_absent: bool) -> Result<Self, Problem> {
        if bytes.is_empty() && may_be_absent {
            return Ok(Self { left: BTreeMap::new(), known: Vec::new() });
        }
        check_headers(headers)?;
        Self::read(bytes)
    }

    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::InvalidRequest("the body must be a JSON object"));
        }
        let Members(left) = serde_json::from_slice(bytes).map_err(|_| {
            Problem::InvalidRequest("the body is not JSON, nests too deeply, or names a member twice")
        })?;
        Ok(Self { left, known: Vec::new() })
    }

    /// Takes a member.
    ///
    /// # Errors
    /// [`Problem::Value`] if it is of another type.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<Field<T>, Problem> {
        self.known.push(name);
        match self.left.remove(name) {
            None => Ok(Field::Absent),
            Some(Value::Null) => Ok(Field::Null),
            Some(value) => match serde_json::from_value(value) {
                Ok(value) => Ok(Field::Given(value)),
                Err(error) => Err(Problem::value(name, told(&error))),
            },
        }
    }

    /// Takes a member that must be there.
    ///
    /// # Errors
    /// [`Problem::Value`] if it is not.
    pub(super) fn need<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Problem> {
        self.take(name)?.given().ok_or_else(|| Problem::value(name, "it is missing"))
    }

    /// Refuses whatever nobody took. Its name may be anything, so what is known is named.
    ///
    /// # Errors
    /// [`Problem::Value`].
    pub(super) fn end(self) -> Result<(), Problem> {
        if self.left.is_empty() {
            return Ok(());
        }
        let why = match self.known.as_slice() {
            [] => "this operation takes no members".to_owned(),
            known => format!("a member is not known; this operation takes {}", known.join(", ")),
        };
        Err(Problem::value("", why))
    }
}

/// What is wrong with a value, without the value. Our own words come from the rules of `domain`, which
/// repeat nothing; serde's are cut off before they do.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    for quoting in
        ["invalid type: ", "invalid value: ", "unknown variant ", "unknown field ", "invalid length "]
    {
        if text.starts_with(quoting) {
            let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
            return expected
                .map_or_else(|| "it is of another type".to_owned(), |it| format!("expected {it}"));
        }
    }
    text
}

fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    let mut lines = headers.get_all(header::CONTENT_TYPE).iter();
    let line = lines.next().filter(|_| lines.next().is_none()).and_then(|line| line.to_str().ok());
    let media_type = line.and_then(|line| line.split(';').next()).unwrap_or_default().trim();
    let ours = ["application/json", "application/merge-patch+json"];
    if !ours.iter().any(|known| media_type.eq_ignore_ascii_case(known)) {
        return Err(Problem::MediaType("the body must be application/json"));
    }
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|line| !line.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Problem::MediaType("the body must not be compressed or otherwise encoded"));
    }
    Ok(())
}

/// An object that names nothing twice.
struct Members(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("a member stands twice"));
                    }
                }
                Ok(Members(members))
            }
        }

        from.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_not_what_is_null() {
        let mut fields = Fields::read(br#" {"a": null, "b": 1} "#).unwrap();
        assert_eq!(fields.take::<u32>("a").unwrap(), Field::Null);
        assert_eq!(fields.take::<u32>("b").unwrap(), Field::Given(1));
        assert_eq!(fields.take::<u32>("c").unwrap(), Field::Absent);
        assert!(fields.end().is_ok());
        assert_eq!(Field::Absent.over(1, || 2), 1);
        assert_eq!(Field::Null.over(1, || 2), 2);
        assert_eq!(Field::Given(3).over(1, || 2), 3);
    }

    #[test]
    fn what_is_not_understood_is_refused_and_not_repeated() {
        for wrong in ["", "[]", "null", "{", "{}x", r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, "\"{}\""] {
            assert!(Fields::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
        assert!(Fields::read(deep.as_bytes()).is_err());
        let unknown = Fields::read(br#"{"psk_live_canary": "psk_live_canary"}"#).unwrap();
        assert!(!format!("{unknown:?}").contains("canary"));
        assert!(!unknown.end().unwrap_err().to_string().contains("canary"));
        for value in [r#""canary""#, r#"["canary"]"#, r#"{"canary":1}"#] {
            let mut fields = Fields::read(format!("{{\"n\":{value}}}").as_bytes()).unwrap();
            let told = fields.take::<u32>("n").unwrap_err().to_string();
            assert!(!told.contains("canary") && !told.is_empty(), "{told}");
        }
    }
}
