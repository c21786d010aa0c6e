//! `portcullis token inspect`: what a token says of itself and, with public keys, what the judge
//! says of it. It asks nobody whether the token was revoked.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_guard::{
    Freshness, Gate, KeySet, Place, Required, RevocationList, Unverified, Verifier, Whose,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::output::{Output, Report, write_fields};
use crate::cli::remote::Reach;
use crate::cli::session::surroundings;
use crate::cli::values;
use crate::domain::{Audience, ScopeSet, Timestamp, TokenRefusal};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A file that holds the token, or - for the standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    token: PathBuf,
    /// Judge it with the public keys of this server.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    #[command(flatten)]
    reach: Reach,
    /// Judge it with the public keys in this file, a JWK set.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    jwks: Option<PathBuf>,
    /// Who must have issued it [default: what the server says of itself; with --jwks, anybody].
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// What it must be good for; repeatable.
    #[arg(long, value_name = "SCOPE", value_parser = values::scopes)]
    scope: Vec<ScopeSet>,
    /// For whom it must be meant, one of them; repeatable.
    #[arg(long, value_name = "URI")]
    audience: Vec<Audience>,
}

pub(super) async fn run(args: Args, output: Output) -> Result<(), Failure> {
    let text = input::read(&args.token)?;
    let token = text.trim();
    let now = surroundings().clock.now();
    let (header, claims) = parts(token).ok_or(Failure::Token(TokenRefusal::Malformed))?;
    let verdict = match args.public_keys().await? {
        Some((keys, issuer)) => {
            let own = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
            Some(args.judge(token, keys, issuer.as_deref().unwrap_or(own), now))
        }
        None => None,
    };
    let refusal = verdict.and_then(Result::err);
    let expires_in = claims.get("exp").and_then(Value::as_i64).map(|exp| exp.saturating_sub(now.secs()));
    let verified = verdict.map(|verdict| verdict.is_ok());
    let reason = refusal.map(TokenRefusal::reason);
    output.show(&Inspected { verified, reason, expires_in, header, claims })?;
    refusal.map_or(Ok(()), |refusal| Err(Failure::Token(refusal)))
}

impl Args {
    /// The public keys, and who speaks for them; none if nobody named any.
    async fn public_keys(&self) -> Result<Option<(KeySet, Option<String>)>, Failure> {
        if let Some(file) = &self.jwks {
            let keys = KeySet::from_json(&input::read(file)?).map_err(|error| {
                let source = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
                Failure::Input { path: file.clone(), source }
            })?;
            return Ok(Some((keys, self.issuer.clone())));
        }
        let Some(server) = &self.server else { return Ok(None) };
        let remote = self.reach.server("--server", server)?;
        let metadata = remote.document("/.well-known/oauth-authorization-server").await?;
        let metadata: Value = serde_json::from_str(&metadata).unwrap_or_default();
        let keys = KeySet::from_json(&remote.document("/.well-known/jwks.json").await?);
        let keys = keys.map_err(|error| remote.failed(format!("its public keys are {error}")))?;
        let issuer = self.issuer.clone().or_else(|| metadata["issuer"].as_str().map(str::to_owned));
        let issuer = issuer.ok_or_else(|| remote.failed("it does not say who it is".to_owned()))?;
        Ok(Some((keys, Some(issuer))))
    }

    /// The guard's verdict, as far as it can be given without a list of revocations.
    fn judge(&self, token: &str, keys: KeySet, issuer: &str, now: Timestamp) -> Result<(), TokenRefusal> {
        let unverified = Unverified::read(token)?;
        let claims = unverified.claims()?;
        let verifier = Verifier::new(issuer.into(), claims.project().clone(), Arc::new(keys));
        let scope = values::all_scopes(&self.scope);
        let audience = if self.audience.is_empty() { Whose::Any } else { Whose::OneOf(&self.audience) };
        let required = Required { scope: &scope, audience, address: Place::NotJudged, origin: None };
        let gate = Gate { list: &RevocationList::new(), freshness: Freshness::Fresh, now };
        verifier.judge(token, &required, &gate).map(drop)
    }
}

/// Header and claims of whatever may be a JWT.
fn parts(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut parts = token.split('.');
    let mut read = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok();
    Some((read()?, read()?))
}

/// What was found out.
#[derive(Serialize)]
struct Inspected {
    /// None if nobody named public keys.
    verified: Option<bool>,
    /// Why not, as a code.
    reason: Option<&'static str>,
    /// In seconds; below zero, it was so long ago.
    expires_in: Option<i64>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Report for Inspected {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let verdict = match (self.verified, self.reason) {
            (None, _) => "NOT VERIFIED: nobody vouches for what it says; name --server or --jwks".to_owned(),
            (Some(true), _) => "verified; whether it was revoked, only the server knows".to_owned(),
            (Some(false), reason) => format!("REFUSED: {}", reason.unwrap_or("unknown")),
        };
        writeln!(out, "{verdict}\n")?;
        let expiry = self.expires_in.map_or_else(|| "it does not say when".to_owned(), relative);
        let mut fields = vec![("expires", expiry)];
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let named = self.header.iter().chain(&self.claims);
        fields.extend(named.map(|(name, value)| (name.as_str(), shown(value))));
        write_fields(out, &fields)
    }
}

/// A span from now, in both directions.
fn relative(secs: i64) -> String {
    let (size, ago) = (secs.unsigned_abs(), secs <= 0);
    let (minutes, seconds) = (size / 60, size % 60);
    let span = match minutes {
        0 => format!("{seconds}s"),
        1..60 => format!("{minutes}m {seconds}s"),
        60..2880 => format!("{}h {}m", minutes / 60, minutes % 60),
        _ => format!("{}d", minutes / 1440),
    };
    if ago { format!("{span} ago") } else { format!("in {span}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_as_people_say_it() {
        for (secs, said) in [
            (899, "in 14m 59s"),
            (1, "in 1s"),
            (0, "0s ago"),
            (-61, "1m 1s ago"),
            (7260, "in 2h 1m"),
            (i64::MAX, "in 106751991167300d"),
            (i64::MIN, "106751991167300d ago"),
        ] {
            assert_eq!(relative(secs), said);
        }
    }
}
