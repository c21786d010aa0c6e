//! The proof that a message comes from us: HMAC-SHA-256 over id, time and body.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::MessageId;
use crate::domain::Timestamp;

const PREFIX: &str = "whsec_";
/// How long a secret may be, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// What a webhook's messages are signed with. It is shown once, and stored sealed.
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

/// What is no [`WebhookSecret`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` and 24 to 64 bytes in base64")]
pub struct InvalidSecret;

impl WebhookSecret {
    /// From 32 random bytes.
    #[must_use]
    pub fn new(random: &[u8; 32]) -> Self {
        Self(Zeroizing::new(random.to_vec()))
    }

    /// From its bytes.
    ///
    /// # Errors
    /// [`InvalidSecret`].
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Self, InvalidSecret> {
        if LENGTHS.contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(InvalidSecret) }
    }

    /// Its bytes, to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text. It goes to the caller who asked for a new secret, and nowhere else.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(128));
        text.push_str(PREFIX);
        STANDARD.encode_string(self.0.as_slice(), &mut text);
        text
    }

    /// The signature of a message that is sent at this time: `v1,` and base64.
    #[must_use]
    pub fn sign(&self, id: &str, sent: Timestamp, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, format!("{id}.{}.{body}", sent.secs()).as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

impl FromStr for WebhookSecret {
    type Err = InvalidSecret;

    fn from_str(raw: &str) -> Result<Self, InvalidSecret> {
        let encoded = raw.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        Self::from_bytes(Zeroizing::new(STANDARD.decode(encoded).map_err(|_| InvalidSecret)?))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

/// The `webhook-signature` of a message: one signature for each secret, the newest first.
#[must_use]
pub fn signatures(secrets: &[WebhookSecret], id: &MessageId, sent: Timestamp, body: &str) -> String {
    let each: Vec<_> = secrets.iter().map(|secret| secret.sign(id.as_str(), sent, body)).collect();
    each.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signed = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            Timestamp::from_secs(1_614_265_330),
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(secret.expose().as_str(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert_eq!(format!("{secret:?}"), "WebhookSecret(..)");
    }

    #[test]
    fn what_is_no_secret_is_none() {
        for wrong in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!"] {
            assert!(wrong.parse::<WebhookSecret>().is_err(), "{wrong}");
        }
    }
}
