//! `client_secret_post`: id and secret in the body (RFC 6749 §2.3.1).

use zeroize::Zeroizing;

use crate::domain::Secret;
use crate::keys::Credentials;
use crate::oauth::error::{Challenge, Error};
use crate::web::Form;

/// The id and secret of a body.
pub(super) fn read(form: &Form) -> Result<Credentials, Error> {
    match (form.get("client_id"), form.get("client_secret")) {
        (Some(id), Some(secret)) => {
            let secret = Secret::presented(Zeroizing::new(secret.to_owned()));
            Ok(Credentials::IdAndSecret(id.to_owned(), secret))
        }
        (None, Some(_)) => Err(Error::InvalidRequest("`client_secret` without `client_id`")),
        (_, None) => Err(Error::InvalidClient {
            description: "the request carries no client credentials".to_owned(),
            challenge: Challenge::Basic,
        }),
    }
}
