//! What a request is called, by us, by our proxies and in the logs of both.

use axum::http::{Extensions, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Server, is_from_proxy};

const HEADER: &str = "x-request-id";
/// Longer ones are made for other purposes.
const LONGEST: usize = 64;

/// A request's name: 1 to 64 letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// The one that a trusted proxy gave it, or one of our own.
    #[must_use]
    pub fn of(headers: &HeaderMap, extensions: &Extensions, server: &Server) -> Self {
        let given = is_from_proxy(extensions, server).then(|| Self::given(headers)).flatten();
        given.unwrap_or_else(|| Self(URL_SAFE_NO_PAD.encode(server.entropy.bytes::<12>()).into()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn given(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(HEADER).iter();
        let (line, more) = (lines.next()?, lines.next());
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let text = line.to_str().ok()?;
        let is_id = (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_safe);
        (is_id && more.is_none()).then(|| Self(text.into()))
    }
}
