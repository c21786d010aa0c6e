//! `Authorization: Bearer <secret>`: the secret names its key, or its digest finds it.

use zeroize::Zeroizing;

use crate::domain::Secret;
use crate::keys::Credentials;

/// The secret of a Bearer header's value; none if there is nothing.
pub(super) fn read(value: &str) -> Option<Credentials> {
    let secret = (!value.is_empty()).then(|| Zeroizing::new(value.to_owned()))?;
    Some(Credentials::SecretAlone(Secret::presented(secret)))
}
