//! An API key itself, judged on its live record: at most 30 s old, dropped at once by the feed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis_guard::Freshness;

use super::needed::Needed;
use crate::domain::grant::MintRecord;
use crate::domain::raw_key::{self, RawKeyRefusal, RawUse};
use crate::domain::{AuthMethod, ScopeSet, Timestamp};
use crate::keys::{Credentials, Denied, Proven, Use};
use crate::web::Server;

/// A key that passes.
#[derive(Debug)]
pub(super) struct Passing {
    /// What is known of it.
    pub record: Arc<MintRecord>,
    /// What it may do, includes expanded.
    pub scope: ScopeSet,
    /// When it, or the secret that was presented, ends.
    pub ends: Option<Timestamp>,
}

/// Why a key does not pass.
#[derive(Debug)]
pub(super) enum No {
    /// It is refused.
    Refused(RawKeyRefusal),
    /// Too many were refused.
    TooMany(Duration),
    /// It cannot be known.
    Unknown,
}

/// Judges a key. What is remembered may admit; it refuses only if nothing was published since.
///
/// # Errors
/// See [`No`].
pub(super) async fn judge(
    server: &Server,
    (credentials, method): (&Credentials, AuthMethod),
    needed: &Needed,
    address: Option<IpAddr>,
) -> Result<Passing, No> {
    let mut verdict: Result<(Proven, ScopeSet), No> = Err(No::Unknown);
    for how in [Use::Remembered, Use::Current] {
        // Before the database is asked, which would be waited for, and after it was.
        check_fresh(server)?;
        let proven = server.authenticator.authenticate(credentials, address, how).await?;
        check_fresh(server)?;
        let raw = RawUse {
            project: &needed.project,
            scope: &needed.scope,
            audiences: &needed.audiences,
            method,
            address,
            issuer: &server.issuer,
            now: server.clock.now(),
        };
        verdict = raw_key::judge(&proven.record, &raw).map(|scope| (proven, scope)).map_err(No::Refused);
        if verdict.is_ok() {
            break;
        }
    }
    let (proven, scope) = verdict?;
    // Notes the use, which a refused key does not leave.
    server.authenticator.admit(&proven, method, address).map_err(|_| No::Unknown)?;
    Ok(Passing { ends: proven.ends(), record: proven.record, scope })
}

fn check_fresh(server: &Server) -> Result<(), No> {
    if server.copy.freshness() == Freshness::Stale { Err(No::Unknown) } else { Ok(()) }
}

impl From<Denied> for No {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown => Self::Refused(RawKeyRefusal::Unknown),
            Denied::TooMany { wait } => Self::TooMany(wait),
            Denied::Store(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the database did not answer as it should");
                Self::Unknown
            }
        }
    }
}
