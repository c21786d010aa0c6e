//! The token server's metadata (RFC 8414), as far as a guard or a caller needs it.

use serde::Deserialize;

/// The longest metadata, and the longest key set, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// Where a guard finds what it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The keys that sign tokens.
    pub jwks_uri: String,
    /// The feed.
    pub feed_endpoint: String,
    /// The keys that sign the feed.
    pub feed_jwks_uri: String,
}

/// Why metadata cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// No JSON, or a member is missing: perhaps no Portcullis, or an old one.
    #[error("the metadata is not that of a Portcullis server which can do this")]
    Shape,
    /// It names another issuer (RFC 8414 §3.3).
    #[error("the metadata is that of another issuer")]
    Issuer,
    /// It leads elsewhere: credentials would go there.
    #[error("the metadata leads to another host than the issuer's")]
    Elsewhere,
}

/// Why a text is no issuer to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is an https URL without query and fragment, or an http one on this very machine")]
pub struct InvalidIssuer;

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    portcullis_feed_endpoint: String,
    portcullis_feed_jwks_uri: String,
}

impl Metadata {
    /// Reads the metadata of an issuer.
    ///
    /// # Errors
    /// See [`InvalidMetadata`].
    pub fn read(document: &[u8], issuer: &str) -> Result<Self, InvalidMetadata> {
        let document: Document = read(document)?;
        let uris =
            [&document.jwks_uri, &document.portcullis_feed_endpoint, &document.portcullis_feed_jwks_uri];
        check(issuer, &document.issuer, &uris)?;
        Ok(Self {
            jwks_uri: document.jwks_uri,
            feed_endpoint: document.portcullis_feed_endpoint,
            feed_jwks_uri: document.portcullis_feed_jwks_uri,
        })
    }
}

#[derive(Deserialize)]
struct WithTokens {
    issuer: String,
    token_endpoint: String,
}

/// Where an issuer's metadata says that tokens are.
///
/// # Errors
/// See [`InvalidMetadata`].
pub fn token_endpoint(document: &[u8], issuer: &str) -> Result<String, InvalidMetadata> {
    let document: WithTokens = read(document)?;
    check(issuer, &document.issuer, &[&document.token_endpoint])?;
    Ok(document.token_endpoint)
}

fn read<T: for<'de> Deserialize<'de>>(document: &[u8]) -> Result<T, InvalidMetadata> {
    let is_object = document.trim_ascii_start().starts_with(b"{");
    let document = is_object.then(|| serde_json::from_slice(document).ok()).flatten();
    document.ok_or(InvalidMetadata::Shape)
}

/// That it is this issuer's, and leads nowhere else.
fn check(issuer: &str, named: &str, uris: &[&String]) -> Result<(), InvalidMetadata> {
    if named != issuer {
        return Err(InvalidMetadata::Issuer);
    }
    let (origin, _) = divide(issuer).map_err(|InvalidIssuer| InvalidMetadata::Issuer)?;
    let is_there =
        |uri: &str| uri.strip_prefix(origin).is_some_and(|rest| rest.starts_with('/') && !rest.contains('#'));
    if uris.iter().all(|uri| is_there(uri)) { Ok(()) } else { Err(InvalidMetadata::Elsewhere) }
}

/// Where the metadata of an issuer is (RFC 8414 §3.1): between host and path.
///
/// # Errors
/// [`InvalidIssuer`].
pub fn address(issuer: &str) -> Result<String, InvalidIssuer> {
    let (origin, path) = divide(issuer)?;
    Ok(format!("{origin}/.well-known/oauth-authorization-server{}", path.trim_end_matches('/')))
}

/// Origin and path of an issuer that may be followed.
fn divide(issuer: &str) -> Result<(&str, &str), InvalidIssuer> {
    let (scheme, rest) = issuer.split_once("://").ok_or(InvalidIssuer)?;
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let is_visible = issuer.bytes().all(|b| b.is_ascii_graphic());
    let is_plain = !authority.is_empty() && !authority.contains('@') && !issuer.contains(['?', '#', '\\']);
    let is_private = scheme == "https" || (scheme == "http" && is_this_machine(authority));
    if is_visible && is_plain && is_private {
        Ok((&issuer[..issuer.len() - path.len()], path))
    } else {
        Err(InvalidIssuer)
    }
}

fn is_this_machine(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    host == "localhost" || host.ends_with(".localhost") || is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_of_an_issuer_stands_between_host_and_path() {
        let well_known = "/.well-known/oauth-authorization-server";
        for (issuer, expected) in [
            ("https://a.example", format!("https://a.example{well_known}")),
            ("https://a.example/", format!("https://a.example{well_known}")),
            ("https://a.example:8443/x/y", format!("https://a.example:8443{well_known}/x/y")),
            ("http://127.0.0.1:8080", format!("http://127.0.0.1:8080{well_known}")),
            ("http://[::1]:8080", format!("http://[::1]:8080{well_known}")),
            ("http://auth.localhost", format!("http://auth.localhost{well_known}")),
        ] {
            assert_eq!(address(issuer), Ok(expected));
        }
        for wrong in [
            "",
            "a.example",
            "https://",
            "http://a.example",
            "ftp://a.example",
            "https://a@b.example",
            "https://a.example?x",
            "https://a.example#x",
            "https://a.example/ x",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "https://a\\b",
        ] {
            assert_eq!(address(wrong), Err(InvalidIssuer), "{wrong}");
        }
    }

    #[test]
    fn metadata_that_is_anothers_or_leads_elsewhere_is_refused() {
        let issuer = "https://a.example/t";
        let document = |issuer: &str, feed: &str| {
            format!(
                r#"{{"issuer":"{issuer}","jwks_uri":"https://a.example/t/jwks",
                     "portcullis_feed_endpoint":"{feed}","portcullis_feed_jwks_uri":"https://a.example/f","x":[]}}"#
            )
        };
        let read = |document: String| Metadata::read(document.as_bytes(), issuer);
        let found = read(document(issuer, "https://a.example/t/feed")).unwrap();
        assert_eq!(found.feed_endpoint, "https://a.example/t/feed");
        for (wrong, why) in [
            (document("https://a.example", "https://a.example/f"), InvalidMetadata::Issuer),
            (document(issuer, "https://b.example/f"), InvalidMetadata::Elsewhere),
            (document(issuer, "https://a.example.evil/f"), InvalidMetadata::Elsewhere),
            (document(issuer, "https://a.example@evil/f"), InvalidMetadata::Elsewhere),
            (document(issuer, "https://a.example:1/f"), InvalidMetadata::Elsewhere),
            (document(issuer, "http://a.example/f"), InvalidMetadata::Elsewhere),
            (document(issuer, "/f"), InvalidMetadata::Elsewhere),
            ("[]".to_owned(), InvalidMetadata::Shape),
            (r#"{"issuer":"https://a.example/t"}"#.to_owned(), InvalidMetadata::Shape),
        ] {
            assert_eq!(read(wrong), Err(why));
        }
    }

    #[test]
    fn the_token_endpoint_is_the_issuers_own() {
        let issuer = "https://a.example/t";
        let document =
            |issuer: &str, uri: &str| format!(r#"{{"issuer":"{issuer}","token_endpoint":"{uri}"}}"#);
        let read = |document: String| token_endpoint(document.as_bytes(), issuer);
        let found = read(document(issuer, "https://a.example/t/oauth/token"));
        assert_eq!(found, Ok("https://a.example/t/oauth/token".to_owned()));
        for (wrong, why) in [
            (document("https://a.example/t/", "https://a.example/x"), InvalidMetadata::Issuer),
            (document(issuer, "https://b.example/x"), InvalidMetadata::Elsewhere),
            (document(issuer, "https://a.example@b.example/x"), InvalidMetadata::Elsewhere),
            (document(issuer, "http://a.example/x"), InvalidMetadata::Elsewhere),
            (format!(r#"{{"issuer":"{issuer}"}}"#), InvalidMetadata::Shape),
            (format!(r#"["{issuer}","https://a.example/x"]"#), InvalidMetadata::Shape),
        ] {
            assert_eq!(read(wrong), Err(why));
        }
    }
}
