//! `client_secret_basic`: HTTP Basic, both halves form-encoded (RFC 6749 §2.3.1 and appendix B).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::domain::Secret;
use crate::keys::Credentials;
use crate::web::form::decode;

/// The id and secret of a Basic header's value; none if it cannot be decoded.
pub(super) fn read(value: &str) -> Option<Credentials> {
    let decoded = Zeroizing::new(STANDARD.decode(value).ok()?);
    let decoded = std::str::from_utf8(&decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let secret = decode(secret).map(Zeroizing::new)?;
    Some(Credentials::IdAndSecret(decode(id)?, Secret::presented(secret)))
}
