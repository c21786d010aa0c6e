//! `portcullis token list`: what the issuance log holds.

use std::net::IpAddr;

use crate::admin::view::TokenRow;
use crate::cli::failure::Failure;
use crate::cli::output::{Row, joined};
use crate::cli::session::Session;
use crate::cli::values::{self, Expiry};
use crate::domain::authority::Reach;
use crate::domain::{KeyId, ProjectId, Timestamp, TokenId};
use crate::store::WantedTokens;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only those that this key minted.
    #[arg(long, value_name = "ID")]
    key: Option<KeyId>,
    /// Only those of this project's keys.
    #[arg(long, value_name = "ID")]
    project: Option<ProjectId>,
    /// Only those that speak for this subject.
    #[arg(long, value_name = "SUBJECT", value_parser = values::looked_for)]
    subject: Option<String>,
    /// Only those that were asked for from this address.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// Only those minted since: 1h (ago), 2027-01-31, 2027-01-31T12:00:00Z or Unix seconds.
    #[arg(long, value_name = "WHEN")]
    since: Option<Expiry>,
    /// Only those minted before.
    #[arg(long, value_name = "WHEN")]
    until: Option<Expiry>,
    /// Only those that come after this one in the list, which were minted before it.
    #[arg(long, value_name = "TOKEN_ID")]
    after: Option<TokenId>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let Args { key, project, subject, address, since, until, after: before, limit } = args;
    let now = session.clock.now();
    let [since, until] = [since, until].map(|when| when.map(|when| when.ago(now)));
    let within = project.map_or(Reach::Everywhere, |project| Reach::Within([project].into()));
    let address = address.map(|address| address.to_canonical());
    let wanted = WantedTokens { within, key, subject, address, since, until, before, limit };
    session.output.show(&session.house.tokens(wanted).await?)
}

impl Row for TokenRow {
    const NOTHING: &'static str = "The issuance log holds no such tokens.";
    const COLUMNS: &'static [&'static str] =
        &["jti", "key_id", "issued", "expires", "scope", "audience", "address"];

    fn cells(&self) -> Vec<String> {
        let [issued, expires] =
            [self.issued_at, self.expires_at].map(|secs| Timestamp::from_secs(secs).to_string());
        let address = self.address.clone().unwrap_or_else(|| "-".to_owned());
        let (scope, audience) = (joined(&self.scope, "-"), joined(&self.aud, "-"));
        vec![self.jti.to_string(), self.key_id.to_string(), issued, expires, scope, audience, address]
    }
}
