//! `portcullis token request`: a client, for the shell.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::remote::Reach;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::output::{Output, Report};
use crate::cli::values;
use crate::config::Environment;
use crate::domain::{Audience, Lifetime, ScopeSet};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
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

pub(super) async fn run(args: Args, environment: &Environment, output: Output) -> Result<(), Failure> {
    let credentials = match &args.credentials {
        Some(file) => Credentials::read(file, output)?,
        None => Credentials::of_environment(environment)?,
    };
    let (named_by, server) = match (&args.server, &credentials.issuer) {
        (Some(server), _) => ("--server", server),
        (None, Some(issuer)) => ("issuer", issuer),
        (None, None) => {
            let why = "--server is missing, and the credentials name no issuer; say whom to ask";
            return Err(Failure::Usage(why.to_owned()));
        }
    };
    let remote = args.reach.server(named_by, server)?;
    let request = remote
        .post("/oauth/token")
        .basic_auth(escaped(&credentials.key_id), Some(escaped(&credentials.secret)))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(args.form());
    let (status, body) = remote.send(request).await?;
    let body = Zeroizing::new(body);
    if status != 200 {
        return Err(remote.refused(status, &body));
    }
    let granted: Value = serde_json::from_str(&body).unwrap_or_default();
    if granted["access_token"].is_string() {
        output.show(&Granted(granted))
    } else {
        Err(remote.failed("its answer holds no token".to_owned()))
    }
}

impl Args {
    fn form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        let scope = values::all_scopes(&self.scope);
        if !scope.is_empty() {
            form.append_pair("scope", &scope.to_string());
        }
        for audience in &self.audience {
            form.append_pair("audience", audience.as_str());
        }
        if let Some(lifetime) = self.expires_in {
            form.append_pair("expires_in", &lifetime.secs().to_string());
        }
        form.finish()
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

/// The answer; for people and pipes the token alone.
#[derive(Serialize)]
#[serde(transparent)]
struct Granted(Value);

impl Report for Granted {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.0["access_token"].as_str().unwrap_or_default())
    }
}
