//! The database on a server, if there is one: where it is and how it is used.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;

use url::Url;

use super::error::{Error, Problem};
use super::layers::Layers;
use super::parse;

/// What a URL may say besides host, port, database, user and password.
const PARAMETERS: [&str; 10] =
    ["dbname", "host", "hostaddr", "password", "port", "sslcert", "sslkey", "sslmode", "sslrootcert", "user"];

/// A database on a server, and how it is used.
#[derive(Debug)]
pub struct DatabaseServer {
    /// Where it is.
    pub url: DatabaseUrl,
    /// How many connections this process makes at most, besides the one that listens.
    pub connections: NonZeroU32,
    /// Whether the server's notifications are listened for.
    pub listen: bool,
    /// Whether statements are prepared once per connection.
    pub prepare: bool,
}

/// The URL of a database, with its password.
pub struct DatabaseUrl(Url);

impl DatabaseUrl {
    /// The whole URL, to connect.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

/// For people: without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
            return f.write_str("postgres://***");
        }
        if self.0.query_pairs().any(|(name, _)| name == "password") {
            let kept: Vec<_> = self.0.query_pairs().filter(|(name, _)| name != "password").collect();
            shown.query_pairs_mut().clear().extend_pairs(kept).append_pair("password", "***");
        }
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// The server that the settings name; none = the file in `data_dir`.
pub(super) fn server(layers: &Layers<'_>) -> Result<Option<DatabaseServer>, Error> {
    let found = layers.find("database")?;
    // Checked also where there is no server to use them with.
    let (connections, listen, prepare) = (
        layers.read("store.connections", parse::count)?,
        layers.read("store.listen", on_or_off)?,
        layers.read("store.prepare", on_or_off)?,
    );
    if found.text.is_empty() {
        return Ok(None);
    }
    Ok(Some(DatabaseServer { url: found.by(url)?, connections, listen, prepare }))
}

fn on_or_off(text: &str) -> Result<bool, Problem> {
    parse::one_of(&[("on", true), ("off", false)], text)
}

/// No message repeats the text: a password is in it.
pub(super) fn url(text: &str) -> Result<DatabaseUrl, Problem> {
    const FIX: &str = "write postgres://user:password@host:5432/database, \
                       or leave it out for a file in data_dir";
    let url = Url::parse(text).map_err(|error| Problem::new(format!("it is not a URL ({error})"), FIX))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(Problem::new("it is not the URL of a PostgreSQL database", FIX));
    }
    let known = BTreeSet::from(PARAMETERS);
    if url.query_pairs().any(|(name, _)| !known.contains(&*name)) {
        let fix = format!("after the question mark use only {}", PARAMETERS.join(", "));
        return Err(Problem::new("it has a parameter that is none", fix));
    }
    let of = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let is_checked = of("sslmode").is_some_and(|mode| matches!(&*mode, "verify-ca" | "verify-full"));
    if of("sslrootcert").is_some() && !is_checked {
        return Err(Problem::new(
            "it has an sslrootcert, by which nothing is checked without sslmode=verify-full",
            "add sslmode=verify-full after the question mark",
        ));
    }
    Ok(DatabaseUrl(url))
}

/// What may be shown of the setting's text, whether it is a URL or not.
pub(super) fn shown(text: &str) -> String {
    match url(text) {
        _ if text.is_empty() => String::new(),
        Ok(url) => url.to_string(),
        Err(_) => "(secret)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (text, expected) in [
            ("postgres://u:hunter2@db/p", "postgres://u:***@db/p"),
            ("postgresql://db:6432/p?sslmode=verify-full", "postgresql://db:6432/p?sslmode=verify-full"),
            (
                "postgres:///p?host=/run/postgresql&user=u&password=hunter2",
                "postgres:///p?host=%2Frun%2Fpostgresql&user=u&password=***",
            ),
        ] {
            let url = url(text).unwrap();
            assert_eq!(url.expose(), text);
            assert_eq!((url.to_string().as_str(), shown(text).as_str()), (expected, expected));
            assert!(!format!("{url:?}").contains("hunter2"));
        }
        assert_eq!((shown(""), shown("hunter2 at db")), (String::new(), "(secret)".to_owned()));
    }

    #[test]
    fn what_is_no_url_of_a_database_is_refused_and_not_repeated() {
        for (text, why) in [
            ("hunter2", "it is not a URL"),
            ("mysql://u:hunter2@db/p", "it is not the URL of a PostgreSQL database"),
            ("postgres://db/p?passwort=hunter2", "it has a parameter that is none"),
            ("postgres://u:hunter2@db/p?sslrootcert=ca.pem", "it has an sslrootcert, by which nothing"),
            ("postgres://u:hunter2@db/p?sslmode=require&sslrootcert=ca.pem", "it has an sslrootcert"),
        ] {
            let message = url(text).unwrap_err().to_string();
            assert!(message.starts_with(why) && !message.contains("hunter2"), "{message}");
        }
    }
}
