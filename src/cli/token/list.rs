//! `portcullis token list`: what the issuance log holds.

use crate::admin::view::TokenRow;
use crate::cli::failure::Failure;
use crate::cli::output::{Row, joined};
use crate::cli::session::Session;
use crate::cli::values::Expiry;
use crate::domain::{KeyId, Timestamp, TokenId};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The key.
    #[arg(long, value_name = "ID")]
    key: KeyId,
    /// Only those minted since: 1h (ago), 2027-01-31, 2027-01-31T12:00:00Z or Unix seconds.
    #[arg(long, value_name = "WHEN")]
    since: Option<Expiry>,
    /// Only those that come after this one in the list, which were minted before it.
    #[arg(long, value_name = "TOKEN_ID")]
    after: Option<TokenId>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let since = args.since.map(|since| since.ago(session.clock.now()));
    session.output.show(&session.house.tokens(&args.key, since, args.after, args.limit).await?)
}

impl Row for TokenRow {
    const NOTHING: &'static str = "The issuance log holds no such tokens.";
    const COLUMNS: &'static [&'static str] = &["jti", "issued", "expires", "scope", "audience", "address"];

    fn cells(&self) -> Vec<String> {
        let [issued, expires] =
            [self.issued_at, self.expires_at].map(|secs| Timestamp::from_secs(secs).to_string());
        let address = self.address.clone().unwrap_or_else(|| "-".to_owned());
        let (scope, audience) = (joined(&self.scope, "-"), joined(&self.aud, "-"));
        vec![self.jti.to_string(), issued, expires, scope, audience, address]
    }
}
