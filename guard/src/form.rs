//! Texts as forms carry them (`application/x-www-form-urlencoded`), and both halves of HTTP Basic too
//! (RFC 6749 §2.3.1 and appendix B).

use std::fmt::Write as _;

/// The text, with everything escaped that could mean something.
pub(crate) fn encoded(text: &str) -> String {
    // Room for each byte to be escaped: what is moved elsewhere while it grows stays behind in memory.
    let room = String::with_capacity(3 * text.len());
    text.bytes().fold(room, |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a text takes any text");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_means_something_in_a_form_or_in_basic_is_escaped() {
        assert_eq!(encoded("pk_live-1.a"), "pk_live-1.a");
        assert_eq!(encoded("a:b%c+d e&f=é"), "a%3Ab%25c%2Bd%20e%26f%3D%C3%A9");
    }
}
