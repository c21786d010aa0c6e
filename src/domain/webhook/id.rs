//! The names of webhooks and of what is sent to them.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::domain::{Timestamp, base62};

/// How many characters follow the prefix of a webhook's id.
const WEBHOOK: usize = 16;
/// How many follow that of a message's: 16 bytes.
const MESSAGE: usize = 22;

/// A text that is no such id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id of a webhook is `whk_` and 16 letters and digits, that of a message `msg_` and 22")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident = $prefix:literal, $length:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        impl $name {
            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            fn of(number: &[u8]) -> Self {
                Self(format!(concat!($prefix, "{}"), base62::encode::<$length>(number)).into())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(raw: &str) -> Result<Self, InvalidId> {
                let name = raw.strip_prefix($prefix).ok_or(InvalidId)?;
                let fits = name.len() == $length && base62::is_base62(name);
                if fits { Ok(Self(raw.into())) } else { Err(InvalidId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A webhook's id: `whk_` and 16 letters and digits.
    WebhookId = "whk_", WEBHOOK
}

id! {
    /// A message's id, the `webhook-id` of every attempt to deliver it: `msg_` and 22 letters and digits,
    /// in the order of the events' times.
    MessageId = "msg_", MESSAGE
}

impl WebhookId {
    /// From random bytes.
    #[must_use]
    pub fn new(random: &[u8; 16]) -> Self {
        Self::of(random)
    }
}

impl MessageId {
    /// That of the act whose row in the audit log has this hash: nothing has to be drawn for it, and no
    /// other row, of this history or another, has it.
    #[must_use]
    pub fn new(at: Timestamp, hash: &[u8; 32]) -> Self {
        let millis = at.millis().max(0).to_be_bytes();
        Self::of(&[&millis[2..], &hash[..10]].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_ordered_by_time_and_told_apart_by_their_rows() {
        let id = |millis, byte| MessageId::new(Timestamp::from_millis(millis), &[byte; 32]);
        assert!(id(1, 0xFF) < id(2, 0) && id(2, 0) < id(1_795_327_200_250, 0));
        assert_ne!(id(7, 1), id(7, 2));
        assert_eq!(id(7, 1).as_str().parse(), Ok(id(7, 1)));
        assert_eq!(WebhookId::new(&[0xFF; 16]).as_str().len(), 20);
        for wrong in ["", "whk_", "msg_0000000000000000", "whk_000000000000000-", "whk_00000000000000000"] {
            assert_eq!(wrong.parse::<WebhookId>(), Err(InvalidId), "{wrong}");
        }
    }
}
