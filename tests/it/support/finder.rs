//! Finds secrets in bytes that should not hold any, however they were written down.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Secrets are looked for in pieces of this length: half of one is found too.
const PIECE: usize = 16;
/// So many bytes of a needle are compared before the rest is.
const HEAD: usize = 8;

/// Knows secrets, and finds what is left of them.
pub(crate) struct Finder {
    needles: HashMap<[u8; HEAD], Vec<Needle>>,
    /// Whether any needle begins with these two bytes.
    begins: Vec<bool>,
}

struct Needle {
    bytes: Vec<u8>,
    what: String,
}

impl Default for Finder {
    fn default() -> Self {
        Self { needles: HashMap::new(), begins: vec![false; 1 << 16] }
    }
}

impl Finder {
    /// A secret text: all that nobody could guess of it, and its digest.
    pub(crate) fn text(&mut self, name: &str, secret: &str) {
        // A key's secret names its key, and a token is public but for its signature.
        let part = secret.rsplit(if secret.contains('.') { '.' } else { '_' }).next().unwrap();
        self.bytes(name, part.as_bytes());
        self.digest(name, secret.as_bytes());
    }

    /// Secret bytes: themselves, and their digest.
    pub(crate) fn key(&mut self, name: &str, secret: &[u8]) {
        self.bytes(name, secret);
        self.digest(name, secret);
    }

    /// Without a key of its own a digest lets anybody try guesses.
    fn digest(&mut self, name: &str, secret: &[u8]) {
        self.bytes(&format!("SHA-256 of {name}"), digest(&SHA256, secret).as_ref());
    }

    /// Secret bytes.
    pub(crate) fn bytes(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= PIECE, "{name} is too short to be told from chance");
        let last = secret.len() - PIECE;
        for at in (0..=last).step_by(PIECE).chain([last]) {
            for (way, bytes) in ways(&secret[at..at + PIECE]) {
                self.begins[usize::from(bytes[0]) << 8 | usize::from(bytes[1])] = true;
                let head = bytes[..HEAD].try_into().unwrap();
                let what = format!("{name}, {way}");
                self.needles.entry(head).or_default().push(Needle { bytes, what });
            }
        }
    }

    /// What is found, and where.
    pub(crate) fn find(&self, place: &str, hay: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (at, window) in hay.windows(HEAD).enumerate() {
            if !self.begins[usize::from(window[0]) << 8 | usize::from(window[1])] {
                continue;
            }
            let needles = self.needles.get(window).into_iter().flatten();
            for needle in needles.filter(|needle| hay[at..].starts_with(&needle.bytes)) {
                let around = &hay[at.saturating_sub(80)..hay.len().min(at + 120)];
                found.push(format!("{place}, byte {at}: {}: {}", needle.what, around.escape_ascii()));
            }
        }
        found
    }
}

/// How a piece may be written down.
fn ways(piece: &[u8]) -> Vec<(String, Vec<u8>)> {
    let each = |form: fn(&u8) -> String, between: &str| {
        piece.iter().map(form).collect::<Vec<_>>().join(between).into_bytes()
    };
    let mut ways = vec![
        ("in clear".to_owned(), piece.to_vec()),
        ("in hex".to_owned(), each(|b| format!("{b:02x}"), "")),
        ("in upper-case hex".to_owned(), each(|b| format!("{b:02X}"), "")),
        ("percent-encoded".to_owned(), each(|b| format!("%{b:02X}"), "")),
        ("percent-encoded in lower case".to_owned(), each(|b| format!("%{b:02x}"), "")),
        ("as numbers".to_owned(), each(u8::to_string, ", ")),
        ("as JSON numbers".to_owned(), each(u8::to_string, ",")),
    ];
    let escaped = piece.escape_ascii().to_string().into_bytes();
    if escaped != piece {
        ways.push(("escaped".to_owned(), escaped));
    }
    for shift in 0..3 {
        let shifted = [vec![0; shift], piece.to_vec()].concat();
        // Only characters that no neighbour has a bit in.
        let whole = (shift * 8).div_ceil(6)..shifted.len() * 8 / 6;
        for (name, engine) in [("base64", STANDARD_NO_PAD), ("base64url", URL_SAFE_NO_PAD)] {
            let text = engine.encode(&shifted);
            ways.push((format!("in {name} after {shift} bytes"), text[whole.clone()].into()));
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "psk_live_0123456789abcdef_XkD0f3q9ZrT7mB2wLs8vYc5nHj1aGe6uPiO4tRyEdFq00abc9";

    fn finder() -> Finder {
        let mut finder = Finder::default();
        finder.text("the secret", SECRET);
        finder
    }

    /// What a leak looks like, in the middle of something.
    fn within(leak: &[u8]) -> Vec<u8> {
        [b"{\"level\":\"TRACE\",\"message\":\"sent ", leak, b"\"}\n psk_live_0123456789abcdef"].concat()
    }

    #[test]
    fn a_leak_is_found_however_it_is_written() {
        let random = &SECRET.as_bytes()[26..];
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat();
        let pair = |id: &str| STANDARD_NO_PAD.encode(format!("{id}:{SECRET}"));
        let digest = digest(&SHA256, SECRET.as_bytes());
        let leaks: Vec<Vec<u8>> = vec![
            SECRET.into(),
            random.into(),
            random[..32].into(),
            random[9..45].into(),
            hex(random).into(),
            hex(random).to_uppercase().into(),
            SECRET.bytes().map(|b| format!("%{b:02X}")).collect::<Vec<_>>().concat().into(),
            SECRET.bytes().map(|b| format!("%{b:02x}")).collect::<Vec<_>>().concat().into(),
            pair("a").into(),
            pair("ab").into(),
            pair("abc").into(),
            URL_SAFE_NO_PAD.encode(random).into(),
            format!("{random:?}").into(),
            serde_json::to_vec(random).unwrap(),
            digest.as_ref().into(),
            hex(digest.as_ref()).into(),
            STANDARD_NO_PAD.encode(digest.as_ref()).into(),
            format!("b\"{}\"", digest.as_ref().escape_ascii()).into(),
        ];
        for leak in leaks {
            let found = finder().find("log", &within(&leak));
            assert!(!found.is_empty(), "{}", leak.escape_ascii());
        }
    }

    #[test]
    fn what_is_public_is_no_leak() {
        let noise: Vec<u8> =
            (0..200_000u32).flat_map(|n| digest(&SHA256, &n.to_be_bytes()).as_ref()[..2].to_vec()).collect();
        assert!(finder().find("log", &within(&noise)).is_empty());
        assert!(finder().find("log", &within(&SECRET.as_bytes()[..30])).is_empty());
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlIHNpZ25hdHVyZSBzaWduYXR1cmU";
        let mut finder = Finder::default();
        finder.text("the token", token);
        assert!(finder.find("log", &token.as_bytes()[..36]).is_empty());
        assert!(!finder.find("log", token.as_bytes()).is_empty());
    }
}
