//! What a report says: one of strangers, and one in the format in which scanners of public repositories
//! report to whoever issues the secrets. Bounded before anything is done about it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::place::Place;
use crate::domain::scan::secrets_in;
use crate::domain::secret::Secret;

/// The longest report of a stranger, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// The most secrets in it.
pub const MOST_SECRETS: usize = 100;
/// The longest signed report, in bytes.
pub const MAX_SIGNED_BYTES: usize = 512 * 1024;
/// The most secrets in it.
pub const MOST_SIGNED: usize = 500;
/// The longest name of a kind of secret, in bytes; it is repeated in the answer.
const LONGEST_KIND: usize = 128;

/// Why a report cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not what a report looks like.
    Shape,
    /// It names no secret.
    Nothing,
    /// It names too many.
    TooMany,
}

/// A report of a stranger: texts, each of which may be a secret or hold some, found in one place.
#[derive(Debug)]
pub struct Report {
    /// All that may be secrets, none of them twice.
    pub secrets: Vec<Secret>,
    /// Where they were found.
    pub place: Place,
}

/// An object whose members are named: serde would read them from an array, too, by their places.
struct Named<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Named<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members)).map(Named)
            }
        }

        from.deserialize_map(Members(PhantomData))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    secrets: Vec<String>,
    source: Option<String>,
    url: Option<String>,
}

impl Report {
    /// Reads `{"secrets": [...], "source": "...", "url": "..."}`.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let Named(Raw { secrets: texts, source, url }) =
            serde_json::from_slice(body).map_err(|_| Unreadable::Shape)?;
        if texts.len() > MOST_SECRETS {
            return Err(Unreadable::TooMany);
        }
        let mut secrets: Vec<Secret> = Vec::new();
        for text in texts.into_iter().map(Zeroizing::new).filter(|text| !text.is_empty()) {
            let within = secrets_in(text.as_bytes()).map(|found| &text[found.at..found.at + found.length]);
            for candidate in [text.as_str()].into_iter().chain(within) {
                if secrets.iter().all(|known| known.expose() != candidate) {
                    if secrets.len() == MOST_SECRETS {
                        return Err(Unreadable::TooMany);
                    }
                    secrets.push(Secret::presented(Zeroizing::new(candidate.to_owned())));
                }
            }
        }
        if secrets.is_empty() {
            return Err(Unreadable::Nothing);
        }
        let place = Place::told(source.as_deref(), url.as_deref(), &secrets.iter().collect::<Vec<_>>());
        Ok(Self { secrets, place })
    }
}

/// A secret that a scanner has matched.
#[derive(Debug)]
pub struct Match {
    /// What was matched.
    pub secret: Secret,
    /// As what.
    pub kind: String,
    /// Where.
    pub place: Place,
}

/// Members that are not known here are passed over: the format is not ours, and may grow.
#[derive(Deserialize)]
struct RawMatch {
    token: String,
    #[serde(rename = "type")]
    kind: String,
    url: Option<String>,
    source: Option<String>,
}

/// Reads `[{"token": "...", "type": "...", "url": "...", "source": "..."}, ...]`.
///
/// # Errors
/// See [`Unreadable`].
pub fn read_matches(body: &[u8]) -> Result<Vec<Match>, Unreadable> {
    let raw: Vec<Named<RawMatch>> = serde_json::from_slice(body).map_err(|_| Unreadable::Shape)?;
    let raw: Vec<RawMatch> = raw.into_iter().map(|Named(raw)| raw).collect();
    if raw.is_empty() {
        return Err(Unreadable::Nothing);
    }
    if raw.len() > MOST_SIGNED {
        return Err(Unreadable::TooMany);
    }
    if raw.iter().any(|each| each.kind.len() > LONGEST_KIND) {
        return Err(Unreadable::Shape);
    }
    let (secrets, rest): (Vec<Secret>, Vec<_>) = raw
        .into_iter()
        .map(|RawMatch { token, kind, url, source }| {
            (Secret::presented(Zeroizing::new(token)), (kind, url, source))
        })
        .unzip();
    let all: Vec<&Secret> = secrets.iter().collect();
    let told = rest
        .into_iter()
        .map(|(kind, url, source)| (kind, Place::told(source.as_deref(), url.as_deref(), &all)));
    let told: Vec<_> = told.collect();
    Ok(secrets.into_iter().zip(told).map(|(secret, (kind, place))| Match { secret, kind, place }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::project::ProjectKind;

    fn report(body: &str) -> Result<Vec<String>, Unreadable> {
        let read = Report::read(body.as_bytes())?;
        Ok(read.secrets.iter().map(|secret| secret.expose().to_owned()).collect())
    }

    #[test]
    fn a_report_names_secrets_and_texts_that_hold_some() {
        let (_, ours) = Secret::generate(ProjectKind::Live, &[7; 48]);
        let ours = ours.expose();
        assert_eq!(report(r#"{"secrets":["a","a","b",""]}"#).unwrap(), ["a", "b"]);
        let file = serde_json::json!({ "secrets": [format!("KEY={ours}\nx={ours}"), ours] }).to_string();
        assert_eq!(report(&file).unwrap(), [&format!("KEY={ours}\nx={ours}"), ours]);
        let place = Report::read(br#"{"secrets":["a"],"source":"ci","url":null}"#).unwrap().place;
        assert_eq!((place.source.as_deref(), place.url), (Some("ci"), None));
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for wrong in [
            "",
            "[]",
            "null",
            r#""a""#,
            r#"{"secrets":"a"}"#,
            r#"{"secrets":[1]}"#,
            r#"{"secrets":["a"],"secrets":["b"]}"#,
            r#"{"secrets":["a"],"else":1}"#,
            r#"{"secrets":["a"],"url":["b"]}"#,
            r#"{"url":"b"}"#,
            r#"{"secrets":["a"]} x"#,
            r#"[["a"],"ci",null]"#,
        ] {
            assert_eq!(report(wrong), Err(Unreadable::Shape), "{wrong}");
        }
        assert_eq!(report(r#"{"secrets":[]}"#), Err(Unreadable::Nothing));
        assert_eq!(report(r#"{"secrets":[""]}"#), Err(Unreadable::Nothing));
        let many =
            |n: usize| serde_json::json!({ "secrets": (0..n).map(|n| n.to_string()).collect::<Vec<_>>() });
        assert_eq!(report(&many(MOST_SECRETS).to_string()).unwrap().len(), MOST_SECRETS);
        assert_eq!(report(&many(MOST_SECRETS + 1).to_string()), Err(Unreadable::TooMany));
        let again = serde_json::json!({ "secrets": vec!["a"; MOST_SECRETS + 1] });
        assert_eq!(report(&again.to_string()), Err(Unreadable::TooMany), "as the document says");
    }

    #[test]
    fn matches_are_read_as_the_format_has_them_and_may_say_more() {
        let body =
            br#"[{"token":"t","type":"k","url":"","source":"content","new":{}},{"token":"u","type":""}]"#;
        let matches = read_matches(body).unwrap();
        let first = &matches[0];
        assert_eq!((first.secret.expose(), first.kind.as_str()), ("t", "k"));
        assert_eq!((first.place.source.as_deref(), &first.place.url), (Some("content"), &None));
        assert_eq!(matches.len(), 2);
        for wrong in [
            "{}",
            r#"[{"token":"t"}]"#,
            r#"[{"type":"t"}]"#,
            r#"[{"token":1,"type":"t"}]"#,
            "[1]",
            r#"[["t","k",null,null]]"#,
        ] {
            assert_eq!(read_matches(wrong.as_bytes()).unwrap_err(), Unreadable::Shape, "{wrong}");
        }
        assert_eq!(read_matches(b"[]").unwrap_err(), Unreadable::Nothing);
        let many = vec![serde_json::json!({ "token": "t", "type": "k" }); MOST_SIGNED + 1];
        let many = serde_json::to_vec(&many).unwrap();
        assert_eq!(read_matches(&many).unwrap_err(), Unreadable::TooMany);
    }
}
