//! A key becomes a token, as a client of the server has it: what `token request` and `token exec` share.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_guard::Wanted;
use portcullis_guard::client::answer::{self, Granted};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::output::Output;
use crate::cli::remote::{Reach, Remote};
use crate::cli::values;
use crate::config::Environment;
use crate::domain::{Audience, Lifetime, ScopeSet};

/// What is asked for, of whom, and in whose name.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Ask {
    /// The server [default: the issuer that the credentials name].
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    #[command(flatten)]
    reach: Reach,
    /// A file with `key_id` and `secret` as JSON, such as admin-key.json or the answer of
    /// `key create --json`; or - for the standard input [default: `PORTCULLIS_KEY_ID` and
    /// `PORTCULLIS_KEY_SECRET` of the environment].
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// What the token is to be good for [default: all that the key may do]; repeatable.
    #[arg(long, value_name = "SCOPE", value_parser = values::scopes)]
    scope: Vec<ScopeSet>,
    /// Where the token is to be used [default: the key's default]; repeatable.
    #[arg(long, value_name = "URI")]
    audience: Vec<Audience>,
    /// How long it is to live at most, such as 5m.
    #[arg(long, value_name = "SPAN", value_parser = values::lifetime)]
    expires_in: Option<Lifetime>,
}

/// Who asks. Never an argument: everybody on the machine can read those.
#[derive(Deserialize)]
struct Credentials {
    key_id: String,
    #[serde(deserialize_with = "wiped")]
    secret: Zeroizing<String>,
    issuer: Option<String>,
}

/// What was granted: the whole answer, and what it grants.
pub(in crate::cli) struct Answered {
    pub(in crate::cli) body: Value,
    pub(in crate::cli) granted: Granted,
}

/// A key, by id and secret, becomes a token for what is wanted.
pub(in crate::cli) async fn exchange(
    remote: &Remote,
    (key_id, secret): (&str, &str),
    wanted: &Wanted,
) -> Result<Answered, Failure> {
    let request = remote
        .post("/oauth/token")
        .basic_auth(escaped(key_id), Some(escaped(secret)))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(wanted.form());
    let (status, body) = remote.send(request).await?;
    let body = Zeroizing::new(body);
    if status != 200 {
        return Err(remote.refused(status, &body));
    }
    let granted = answer::read(status, body.as_bytes(), wanted);
    let granted = granted.map_err(|why| remote.failed(format!("its answer holds no token: {why}")))?;
    Ok(Answered { body: serde_json::from_str(&body).unwrap_or_default(), granted })
}

impl Ask {
    /// Asks for it.
    pub(super) async fn exchange(
        &self,
        environment: &Environment,
        output: Output,
    ) -> Result<Answered, Failure> {
        let credentials = match &self.credentials {
            Some(file) => Credentials::read(file, output)?,
            None => Credentials::of_environment(environment)?,
        };
        let (named_by, server) = match (&self.server, &credentials.issuer) {
            (Some(server), _) => ("--server", server),
            (None, Some(issuer)) => ("issuer", issuer),
            (None, None) => {
                let why = "--server is missing, and the credentials name no issuer; say whom to ask";
                return Err(Failure::Usage(why.to_owned()));
            }
        };
        let remote = self.reach.server(named_by, server)?;
        exchange(&remote, (&credentials.key_id, &credentials.secret), &self.wanted()).await
    }

    fn wanted(&self) -> Wanted {
        let scope = values::all_scopes(&self.scope).to_string();
        let wanted = Wanted::scope(&scope).unwrap_or_else(|_| Wanted::everything());
        let wanted = self.audience.iter().cloned().fold(wanted, Wanted::at);
        match self.expires_in {
            Some(lifetime) => wanted.living(Duration::from_secs(lifetime.secs().into())),
            None => wanted,
        }
    }
}

impl Credentials {
    fn read(file: &Path, output: Output) -> Result<Self, Failure> {
        let text = input::read(file)?;
        if input::is_open_to_others(file) {
            output.warn(&format!("{} can be read by others; run `chmod 600` on it", file.display()));
        }
        // What serde says could repeat some of it.
        serde_json::from_str(&text).map_err(|_| {
            let what = "it is no JSON object with `key_id` and `secret`";
            let source = io::Error::new(io::ErrorKind::InvalidData, what);
            Failure::Input { path: file.to_owned(), source }
        })
    }

    fn of_environment(environment: &Environment) -> Result<Self, Failure> {
        let (key_id, secret) = environment.key()?.ok_or_else(|| {
            let why = "whose token? name a file with --credentials, or set PORTCULLIS_KEY_ID and PORTCULLIS_KEY_SECRET";
            Failure::Usage(why.to_owned())
        })?;
        Ok(Self { key_id, secret, issuer: None })
    }
}

fn wiped<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

/// Both halves of Basic are form-encoded first (RFC 6749 §2.3.1).
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
