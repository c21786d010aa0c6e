//! What the server has undone in favour of others is done again.

use std::time::Duration;

use crate::store::error::{Error, Unavailable};

/// How long after a try the next one begins: as many tries as there are pauses, and one.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(10), Duration::from_millis(50), Duration::from_millis(250)];

/// Carries out an act of one transaction, and begins it anew if the server has undone the whole of
/// it because of others: a deadlock, or a transaction that cannot stand beside another one. Nothing
/// of it has happened then, and nobody was told anything. Whatever else fails, a commit of unknown
/// outcome among it, is not tried again.
///
/// # Errors
/// Those of the act; [`Unavailable::Undone`] if each try was undone.
pub(super) async fn again<T, F>(act: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for pause in PAUSES {
        match act().await {
            Err(Error::Unavailable(Unavailable::Undone(error))) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the database has undone an act because of others; it is begun anew"
                );
                tokio::time::sleep(pause).await;
            }
            done => return done,
        }
    }
    act().await
}
