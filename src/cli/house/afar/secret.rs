//! Secrets in answers: each is in one answer, and nowhere else.

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::cli::failure::Failure;

/// What was made, and its secret, if the answer to the first try came.
#[derive(Deserialize)]
pub(super) struct WithSecret<T> {
    #[serde(flatten)]
    made: T,
    #[serde(default, deserialize_with = "some_secret")]
    secret: Option<Zeroizing<String>>,
}

impl<T> WithSecret<T> {
    /// Both of them; `lost` says how another secret is had, and of what.
    pub(super) fn take(
        self,
        lost: impl FnOnce(&T) -> (&'static str, String),
    ) -> Result<(T, Zeroizing<String>), Failure> {
        if let Some(secret) = self.secret {
            return Ok((self.made, secret));
        }
        let (command, of) = lost(&self.made);
        Err(Failure::SecretLost { command, of })
    }
}

fn some_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    let secret: Option<String> = Deserialize::deserialize(from)?;
    Ok(secret.map(Zeroizing::new))
}
