//! What may be an issuer: RFC 8414 section 2, and plain http on the machine itself.
//!
//! The text is never repeated in a message before it is known to hold no password and no secret.

use url::{Host, Url};

use super::{error::Problem, parse::looks_secret};

const EXAMPLE: &str = "write it as https://tokens.example.com";

/// The issuer as given, or none if empty. It is compared as text by everyone who checks a token, so
/// only the one usual spelling is taken.
pub(super) fn issuer(text: &str) -> Result<Option<String>, Problem> {
    checked(text, PlainHttp::OnThisMachine)
}

fn checked(text: &str, plain: PlainHttp) -> Result<Option<String>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).map_err(|_| Problem::new("it is not a URL", EXAMPLE))?;
    if let Some(extra) = forbidden(&url) {
        return Err(Problem::new(format!("an issuer has no {extra}"), EXAMPLE));
    }
    match url.scheme() {
        "https" => {}
        "http" if plain.is_taken_for(&url) => {}
        "http" => {
            return Err(Problem::new(
                "plain http is taken for loopback hosts only (RFC 8414)",
                "write the https URL under which clients reach this server, for example at its proxy",
            ));
        }
        _ => return Err(Problem::new("it is neither https nor http", EXAMPLE)),
    }
    let usual = url.as_str().trim_end_matches('/');
    if text != usual {
        let fix = if looks_secret(usual) { EXAMPLE.to_owned() } else { format!("write {usual}") };
        return Err(Problem::new("this is not the usual spelling of that URL", fix));
    }
    Ok(Some(text.to_owned()))
}

/// Where http without TLS is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// On loopback hosts.
    OnThisMachine,
    /// Wherever somebody insists on it.
    Anywhere,
}

/// The URL of a server to speak with, in its usual spelling: what may be an issuer.
///
/// # Errors
/// What is wrong with it, and the fix.
pub fn server_url(text: &str, plain: PlainHttp) -> Result<String, String> {
    let url = checked(text.trim_end_matches('/'), plain).map_err(|problem| problem.to_string())?;
    url.ok_or_else(|| format!("it is empty; {EXAMPLE}"))
}

impl PlainHttp {
    fn is_taken_for(self, url: &Url) -> bool {
        matches!(self, Self::Anywhere) || is_this_machine(url)
    }
}

fn forbidden(url: &Url) -> Option<&'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        Some("user name or password")
    } else if url.query().is_some() {
        Some("query")
    } else if url.fragment().is_some() {
        Some("fragment")
    } else {
        None
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_this_machine_are_taken() {
        for text in [
            "https://tokens.example.com",
            "https://example.com:8443/tokens",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:8080",
            "http://tokens.localhost",
        ] {
            assert_eq!(issuer(text), Ok(Some(text.to_owned())));
        }
        assert_eq!(issuer(""), Ok(None));
    }

    #[test]
    fn anything_else_is_refused_with_the_fix_and_without_the_password() {
        for (text, expected) in [
            ("tokens.example.com", "it is not a URL; write it as https://"),
            ("ftp://example.com", "neither https nor http; write it as https://"),
            ("http://tokens.example.com", "loopback hosts only (RFC 8414); write the https URL"),
            ("https://me:hunter2@example.com", "no user name or password"),
            ("https://hunter2@example.com", "no user name or password"),
            ("https://example.com?a=hunter2", "no query"),
            ("https://example.com#hunter2", "no fragment"),
            ("https://me:hunter2@exa mple.com", "it is not a URL"),
            ("https://example.com/", "write https://example.com"),
            ("https://example.com/tokens/", "write https://example.com/tokens"),
            ("https://Example.com:443", "write https://example.com"),
            ("https://example.com/a/../b", "write https://example.com/b"),
        ] {
            let message = issuer(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
